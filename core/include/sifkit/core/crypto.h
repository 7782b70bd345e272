// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// Sets OpenSSL up, once; called before the first use of it. OpenSSL would do so by itself, but crashes where memory runs
/// out while it does: here that is std::bad_alloc, then and at each later call. Sets errno to zero, by which a lack of memory
/// is told afterwards. Any thread may call it.
SIFKIT_API void prepare_crypto();

/// Why OpenSSL's last call on this thread failed, in its words; empties its list of errors. Throws std::bad_alloc where
/// memory was the reason: an allocation has failed since `prepare_crypto`, or the list says so.
SIFKIT_API std::string crypto_reason();

/// For calls of OpenSSL that nothing but the system can make fail: throws std::bad_alloc where memory is the reason, else
/// ErrorKind::internal, unless `done`. `what` reads like "compute a digest".
SIFKIT_API void check_crypto(bool done, std::string_view what);

}  // namespace sifkit

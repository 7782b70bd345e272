// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit::net {

/// A text for a URL: what is neither a letter, a digit, one of `-._~` nor in `also_plain` is escaped (RFC 3986, section 2).
SIFKIT_API std::string percent_encoded(std::string_view text, std::string_view also_plain = {});

}  // namespace sifkit::net

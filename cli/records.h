// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/records/or_null.h>

namespace sifkit::cli {

using records::digest_or_null;
using records::text_or_null;

}  // namespace sifkit::cli

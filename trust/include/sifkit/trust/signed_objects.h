// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/sif/image.h>

namespace sifkit::trust {

/// Whether some signature says something of an object, whoever has made it. Needs no key and reads no data of other objects;
/// a signature that cannot be read says nothing. Throws malformed where several objects have one id.
SIFKIT_API bool is_named_by_signature(const sif::Image& image, std::uint32_t object, const Limits& limits = {});

}  // namespace sifkit::trust

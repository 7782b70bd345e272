// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <sifkit/core/bytes.h>

namespace sifkit::sbom {

/// What a zip archive has under a name.
struct ZipMember {
  std::string name;
  std::function<Bytes(std::uint64_t limit)> read;  ///< valid during the call; throws limit for more bytes
};

/// Calls `visit` for each file in a zip archive, with something in front of it or not. Throws malformed for what is none.
void for_each_zip_member(ByteView archive, const std::function<void(const ZipMember&)>& visit);

}  // namespace sifkit::sbom

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/bytes.h>

#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

bool all_zero(ByteView bytes) noexcept {
  if (bytes.empty()) return true;
  return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

ByteView ByteReader::take(std::size_t count, std::string_view what) {
  if (count > left()) {
    throw Error(ErrorKind::malformed, fmt::format("{}: offset {}: {} needs {} bytes, {} are left", subject_, offset_,
                                                  what, count, left()));
  }
  const ByteView taken = bytes_.subspan(offset_, count);
  offset_ += count;
  return taken;
}

}  // namespace sifkit

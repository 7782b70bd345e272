// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "run_process.h"
#include "temp_dir.h"

namespace sifkit::testing {

/// What a program makes of standard input: `through("gzip -9", text)`.
inline std::string through(const std::string& command, const std::string& text) {
  TempDir directory;
  write_file(directory / "in", text);
  const auto result = run_process({"sh", "-c", "{ " + command + "; } < '" + (directory / "in").string() + "'"}, {"PATH=/usr/bin:/bin"});
  if (result.code != 0) throw std::runtime_error(command + " failed");
  return result.out;
}

inline std::string little_endian(std::uint64_t value, std::size_t width) {
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += static_cast<char>(value >> 8 * i & 0xff);
  return out;
}

inline std::uint32_t crc32(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/// One gzip member (RFC 1952) whose every field can be chosen; its data in stored blocks.
struct GzipMember {
  std::string text;
  unsigned method = 8;
  unsigned flags = 0;
  std::string extras;     ///< what the flags announce: extra field, name, comment, header checksum
  std::string deflate;    ///< in place of stored blocks
  std::uint32_t crc_xor = 0;
  std::uint32_t size_xor = 0;

  std::string bytes() const {
    std::string out = {'\x1f', '\x8b', static_cast<char>(method), static_cast<char>(flags), 0, 0, 0, 0, 0, 3};
    out += extras;
    if (!deflate.empty()) {
      out += deflate;
    } else {
      for (std::size_t at = 0;;) {
        const auto length = std::min<std::size_t>(text.size() - at, 65535);
        const bool last = at + length == text.size();
        out += static_cast<char>(last ? 1 : 0);
        out += little_endian(length, 2) + little_endian(~length, 2) + text.substr(at, length);
        at += length;
        if (last) break;
      }
    }
    return out + little_endian(crc32(text) ^ crc_xor, 4) + little_endian(static_cast<std::uint32_t>(text.size()) ^ size_xor, 4);
  }
};

/// One zstd frame (RFC 8878) of raw blocks. `dictionary` 0: none; `window` 0: as large as the data.
inline std::string zstd_frame(const std::string& text, std::uint32_t dictionary = 0, unsigned window_descriptor = 0) {
  const bool single = window_descriptor == 0;
  std::string out("\x28\xb5\x2f\xfd", 4);
  out += static_cast<char>(0xc0 | (single ? 0x20 : 0) | (dictionary != 0 ? 3 : 0));  // 8 bytes of content size
  if (!single) out += static_cast<char>(window_descriptor);
  if (dictionary != 0) out += little_endian(dictionary, 4);
  out += little_endian(text.size(), 8);
  for (std::size_t at = 0;;) {
    const auto length = std::min<std::size_t>(text.size() - at, 1000);
    const bool last = at + length == text.size();
    out += little_endian((last ? 1u : 0u) | length << 3, 3) + text.substr(at, length);
    at += length;
    if (last) return out;
  }
}

inline std::string zstd_skippable(const std::string& text, unsigned number = 0) {
  return little_endian(0x184d2a50u + number, 4) + little_endian(text.size(), 4) + text;
}

}  // namespace sifkit::testing

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sifkit::testing {

/// One member to write; only what a test says differs from a plain file of root's.
struct TarEntry {
  std::string name;
  char type = '0';
  std::string data;
  std::string link;
  unsigned mode = 0644;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::uint64_t mtime = 0;
  unsigned major = 0;
  unsigned minor = 0;
  std::vector<std::pair<std::string, std::string>> pax;  ///< records of an extension header before it
  /// Bytes of the header block to put over what the rest says, before the checksum.
  std::vector<std::pair<std::size_t, std::string>> fields = {};
};

/// A field of `width` bytes that holds a number in base-256, as GNU tar writes what octal cannot hold.
inline std::string base256(std::int64_t value, std::size_t width) {
  std::string out(width, value < 0 ? '\xff' : '\0');
  for (std::size_t i = 0; i < 8 && i < width; ++i) out[width - 1 - i] = static_cast<char>(static_cast<std::uint64_t>(value) >> 8 * i & 0xff);
  out[0] = static_cast<char>(out[0] | '\x80');
  return out;
}

inline constexpr std::string_view kGnuMagic("ustar  \0", 8);

/// Writes ustar with PAX extensions, byte by byte as the standard says, for tests that need to choose every field.
class TarBuilder {
 public:
  static constexpr std::size_t kBlock = 512;

  TarBuilder& add(const TarEntry& entry) {
    auto pax = entry.pax;
    if (entry.name.size() > 100) pax.emplace_back("path", entry.name);
    if (entry.link.size() > 100) pax.emplace_back("linkpath", entry.link);
    if (!pax.empty()) {
      std::string text;
      for (const auto& [key, value] : pax) text += record(key, value);
      member({.name = "pax", .type = 'x', .data = text});
    }
    member(entry);
    return *this;
  }

  TarBuilder& file(const std::string& name, const std::string& data, unsigned mode = 0644) {
    return add({.name = name, .data = data, .mode = mode});
  }
  TarBuilder& directory(const std::string& name, unsigned mode = 0755) { return add({.name = name + "/", .type = '5', .mode = mode}); }
  TarBuilder& symlink(const std::string& name, const std::string& target) { return add({.name = name, .type = '2', .link = target, .mode = 0777}); }
  TarBuilder& hard_link(const std::string& name, const std::string& target) { return add({.name = name, .type = '1', .link = target}); }

  /// A member of GNU's that holds a long name ('L') or link target ('K') for the next one.
  TarBuilder& gnu_text(char type, const std::string& text) {
    return add({.name = "././@LongLink", .type = type, .data = text + '\0', .fields = {{257, std::string(kGnuMagic)}}});
  }
  /// Records of a PAX extension ('x') or a global one ('g'), whatever they are.
  TarBuilder& extension(char type, const std::string& text) { return add({.name = "pax", .type = type, .data = text}); }

  /// Bytes as they are, for what no builder would write.
  TarBuilder& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }

  std::string bytes() const { return out_ + std::string(2 * kBlock, '\0'); }
  const std::string& without_end() const { return out_; }

  static std::string record(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t length = rest.size() + 1;
    while (std::to_string(length).size() + rest.size() != length) ++length;
    return std::to_string(length) + rest;
  }

  static std::string header(const TarEntry& entry) {
    std::string block(kBlock, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { std::memcpy(block.data() + at, text.data(), text.size()); };
    put(0, std::string_view(entry.name).substr(0, 100));
    put(100, fmt::format("{:07o}", entry.mode));
    put(108, fmt::format("{:07o}", entry.uid));
    put(116, fmt::format("{:07o}", entry.gid));
    put(124, fmt::format("{:011o}", entry.data.size()));
    put(136, fmt::format("{:011o}", entry.mtime));
    block[156] = entry.type;
    put(157, std::string_view(entry.link).substr(0, 100));
    put(257, std::string_view("ustar\0" "00", 8));
    put(329, fmt::format("{:07o}", entry.major));
    put(337, fmt::format("{:07o}", entry.minor));
    for (const auto& [at, bytes] : entry.fields) put(at, bytes);
    return with_checksum(block);
  }

  static std::string with_checksum(std::string block) {
    std::memset(block.data() + 148, ' ', 8);
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    std::memcpy(block.data() + 148, fmt::format("{:06o}", sum).data(), 6);
    block[154] = '\0';
    return block;
  }

 private:
  void member(const TarEntry& entry) {
    out_ += header(entry) + entry.data;
    out_.resize((out_.size() + kBlock - 1) / kBlock * kBlock);
  }

  std::string out_;
};

}  // namespace sifkit::testing

// SPDX-License-Identifier: Apache-2.0
#include "armor.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "ossl.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kArmorBegin = "-----BEGIN PGP ";
constexpr std::string_view kArmorEnd = "-----END PGP ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kArmorBlank = " \t\r\n\v\f";
constexpr std::size_t kColumns = 76;  ///< RFC 9580, section 6: at most

/// One block of a text.
struct Block {
  std::size_t at;  ///< of its first dash
  std::string_view label;
  std::string_view body;  ///< between the first line and the last
  std::size_t end;        ///< behind it
};

[[noreturn]] void fail(std::string_view name, std::size_t at, std::string_view why) {
  throw Error(ErrorKind::malformed, fmt::format("{}: the armored block at byte {} {}", printable(name), at, why));
}

std::optional<Block> next_block(std::string_view text, std::size_t from, std::string_view name) {
  const auto at = text.find(kArmorBegin, from);
  if (at == std::string_view::npos) return std::nullopt;
  const auto label_at = at + kArmorBegin.size();
  const auto line_end = std::min(text.find('\n', label_at), text.size());
  const auto label = text.substr(label_at, std::min(text.find(kDashes, label_at), line_end) - label_at);
  const auto last_line = fmt::format("{}{}{}", kArmorEnd, label, kDashes);
  const auto end = text.find(last_line, line_end);
  if (end == std::string_view::npos) fail(name, at, "has no end");
  return Block{at, label, text.substr(line_end, end - line_end), end + last_line.size()};
}

Bytes packets_of(const Block& block, std::string_view name) {
  ArmorBody body(block.body.size());
  for (auto left = block.body; !left.empty();) {
    const auto end = std::min(left.find('\n'), left.size());
    const auto line = trimmed(left.substr(0, end), kArmorBlank);
    left.remove_prefix(std::min(end + 1, left.size()));
    const bool header = body.empty() && line.find(':') != std::string_view::npos;
    if (line.empty() || header) continue;
    if (!body.add(line)) fail(name, block.at, "goes on behind its checksum");
  }
  auto packets = body.packets();
  if (!packets) fail(name, block.at, body.empty() ? "is empty" : "is not base64");
  if (body.checksum() && *body.checksum() != armor_checksum(*packets)) {
    throw Error(ErrorKind::malformed,
                fmt::format("{}: the checksum of an armored block does not match", printable(name)));
  }
  return std::move(*packets);
}

}  // namespace

bool ArmorBody::add(std::string_view line) {
  if (checksum_) return false;
  // Shorter ones are padding on a line of its own.
  if (line.starts_with('=') && line.size() > 2) {
    checksum_ = line.substr(1);
  } else {
    base64_ += line;
  }
  return true;
}

std::optional<Bytes> ArmorBody::packets() const {
  auto packets = base64_decode(base64_);
  return packets && packets->empty() ? std::nullopt : std::move(packets);
}

Bytes read_armor(std::string_view text, std::string_view name) {
  Bytes out;
  std::size_t from = 0;
  while (const auto block = next_block(text, from, name)) {
    if (block->label != kPublicKeyLabel && block->label != kSecretKeyLabel && block->label != kSignatureLabel) {
      fail(name, block->at, fmt::format("is a 'PGP {}', not a key", printable(block->label, 40)));
    }
    auto packets = packets_of(*block, name);
    const Wiper wiper(packets);
    out.insert(out.end(), packets.begin(), packets.end());
    from = block->end;
  }
  return out;
}

std::string write_armor(ByteView packets, std::string_view label) {
  auto base64 = base64_encode_lines(packets, kColumns);
  const Wiper wiper(base64);
  return fmt::format("{}{}{}\n\n{}\n={}\n{}{}{}\n", kArmorBegin, label, kDashes, base64, armor_checksum(packets), kArmorEnd,
                     label, kDashes);
}

std::string armor_checksum(ByteView bytes) {
  std::uint32_t crc = 0xb704ce;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b) << 16;
    for (int i = 0; i < 8; ++i) {
      crc <<= 1;
      if ((crc & 0x1000000) != 0) crc ^= 0x1864cfb;
    }
  }
  const std::byte sum[] = {static_cast<std::byte>(crc >> 16 & 0xff), static_cast<std::byte>(crc >> 8 & 0xff), static_cast<std::byte>(crc & 0xff)};
  return base64_encode(sum);
}

}  // namespace sifkit::trust

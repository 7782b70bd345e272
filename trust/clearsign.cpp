// SPDX-License-Identifier: Apache-2.0
#include "clearsign.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/readable.h>
#include <sifkit/core/text.h>

#include "armor.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kMessageBegin = "-----BEGIN PGP SIGNED MESSAGE-----";
constexpr std::string_view kSignature = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kSignatureEnd = "-----END PGP SIGNATURE-----";
constexpr std::string_view kLineBlank = " \t\r\n";
constexpr std::string_view kHashNames[] = {"SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-512"};
constexpr std::string_view kWeakHashNames[] = {"SHA224", "SHA1", "RIPEMD160", "MD5"};
/// Headers of armor that say nothing of the signature (RFC 4880, section 6.2).
constexpr std::string_view kArmorHeaders[] = {"Version:", "Comment:"};
constexpr std::size_t kMaxHeaders = 4;         ///< of the message, and of its signature's armor
constexpr std::size_t kMaxHeaderBytes = 256;   ///< of one line

/// Lines ended by LF or CRLF; the last may have no end.
class Lines {
 public:
  Lines(std::string_view data, std::size_t first_number) : left_(data), number_(first_number) {}

  std::optional<std::string_view> next() {
    if (done_) return std::nullopt;
    ++number_;
    const auto end = left_.find('\n');
    std::string_view line = left_.substr(0, end);
    if (end == std::string_view::npos) {
      done_ = true;
    } else {
      left_.remove_prefix(end + 1);
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    }
    return line;
  }

  std::string_view require(std::string_view expected) {
    const auto line = next();
    if (!line) fail(fmt::format("the message ends where {} was expected", expected));
    return *line;
  }

  [[noreturn]] void fail(std::string_view why) const { fail(ErrorKind::malformed, why); }

  /// For what a maker may write and is not accepted here: of the message it says nothing.
  [[noreturn]] void refuse(std::string_view why) const { fail(ErrorKind::unsupported, why); }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string_view why) const {
    throw Error(kind, fmt::format("clear-signed message: line {}: {}", number_, why));
  }

  std::string_view left_;
  std::size_t number_;
  bool done_ = false;
};

/// Nothing signs headers: they have room for what programs write there, and for no second reading of the message.
void require_modest_header(std::string_view line, std::size_t count, const Lines& lines) {
  if (count > kMaxHeaders) lines.refuse(fmt::format("more headers than the limit of {}", kMaxHeaders));
  if (line.size() > kMaxHeaderBytes) {
    lines.refuse(fmt::format("a header has {} bytes, over the limit of {}", line.size(), kMaxHeaderBytes));
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(line.begin(), line.end(), is_control) || !is_utf8(line)) {
    lines.refuse(fmt::format("expected a header of printable text, got {}", in_quotes(line.substr(0, 64))));
  }
  if (line.find("-----") != std::string_view::npos) {
    lines.refuse(fmt::format("a header holds '-----', as lines around armor do: {}", in_quotes(line.substr(0, 64))));
  }
}

void read_hash_header(std::string_view line, Lines& lines, std::vector<std::string>& hashes) {
  constexpr std::string_view kHeader = "Hash: ";
  if (!line.starts_with(kHeader)) {
    lines.fail(fmt::format("expected a 'Hash' header or an empty line, got {}", in_quotes(line.substr(0, 64))));
  }
  line.remove_prefix(kHeader.size());
  while (true) {
    const auto comma = line.find(',');
    const auto name = line.substr(0, comma);
    if (is_one_of(kWeakHashNames, name)) {
      lines.refuse(fmt::format("hash {} is too weak (expected SHA256 or stronger)", in_quotes(name)));
    }
    if (!is_one_of(kHashNames, name)) {
      lines.fail(fmt::format("hash {} is not accepted (expected SHA256 or stronger)", in_quotes(name)));
    }
    hashes.emplace_back(name);
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  }
}

void read_body(Lines& lines, ClearSigned& message) {
  bool first = true;
  while (true) {
    auto line = lines.require(kSignature);
    if (line == kSignature) return;
    if (line.starts_with('-')) {
      if (!line.starts_with("- ")) lines.fail("a line of the text starts with a dash that is not escaped");
      line.remove_prefix(2);
    }
    if (!line.empty() && kLineBlank.find(line.back()) != std::string_view::npos) {
      lines.fail("blanks at the end of a line of the text, which no signature covers");
    }
    if (!first) {
      message.text += '\n';
      message.canonical += "\r\n";
    }
    first = false;
    message.text += line;
    message.canonical += line;
  }
}

constexpr std::size_t kMaxArmorColumns = 76;  ///< RFC 4880, section 6.3

/// Whether there are any.
bool skip_armor_headers(Lines& lines) {
  std::size_t count = 0;
  for (auto line = lines.require("an empty line"); !line.empty(); line = lines.require("an empty line")) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) lines.fail("expected an empty line before the signature's base64");
    if (!is_one_of(kArmorHeaders, line.substr(0, colon + 1))) {
      lines.refuse(fmt::format("header {} in the signature's armor is not accepted (expected Version or Comment)",
                               in_quotes(line.substr(0, std::min<std::size_t>(colon, 64)))));
    }
    require_modest_header(line, ++count, lines);
  }
  return count != 0;
}

Bytes read_signature(Lines& lines) {
  ArmorBody body(0);
  for (auto line = lines.require(kSignatureEnd); line != kSignatureEnd; line = lines.require(kSignatureEnd)) {
    if (line.size() > kMaxArmorColumns) {
      lines.fail(fmt::format("a line of base64 has {} characters (expected {} or fewer)", line.size(), kMaxArmorColumns));
    }
    if (!body.add(line)) lines.fail("expected the end of the signature after its checksum");
  }
  auto packets = body.packets();
  if (!packets) lines.fail("the signature is not base64");
  if (const auto& checksum = body.checksum()) {
    if (const auto computed = armor_checksum(*packets); *checksum != computed) {
      lines.fail(fmt::format("armor checksum {} does not match the data's {}", in_quotes(*checksum), in_quotes(computed)));
    }
  }
  return std::move(*packets);
}

}  // namespace

bool looks_clear_signed(std::string_view data) noexcept {
  const auto start = data.find_first_not_of(kLineBlank);
  return start != std::string_view::npos && data.substr(start).starts_with(kMessageBegin);
}

ClearSigned parse_clear_signed(std::string_view data) {
  if (!looks_clear_signed(data)) {
    throw Error(ErrorKind::malformed, "clear-signed message: it does not start with '-----BEGIN PGP SIGNED MESSAGE-----'");
  }
  const auto start = data.find_first_not_of(kLineBlank);
  const auto before = data.substr(0, start);
  if (!before.empty() && before.back() != '\n') {
    throw Error(ErrorKind::malformed, "clear-signed message: the begin line does not start a line");
  }
  const auto last = data.find_last_not_of(kLineBlank);
  Lines lines(data.substr(start, last + 1 - start), static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')));

  ClearSigned message;
  if (lines.require(kMessageBegin) != kMessageBegin) lines.fail("text after the begin marker");
  std::size_t count = 0;
  for (auto line = lines.require("an empty line"); !line.empty(); line = lines.require("an empty line")) {
    read_hash_header(line, lines, message.hashes);
    require_modest_header(line, ++count, lines);
  }
  read_body(lines, message);
  message.has_armor_headers = skip_armor_headers(lines);
  message.packets = read_signature(lines);
  if (lines.next()) lines.fail("text after the end of the message");
  return message;
}

std::string canonical_text(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const auto end = text.find('\n', at);
    auto line = text.substr(at, end == std::string_view::npos ? end : end - at);
    line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    out += line;
    if (end == std::string_view::npos) return out;
    out += "\r\n";
    at = end + 1;
  }
}

std::string write_clear_signed(std::string_view text, std::string_view hash, ByteView packets, Checksum checksum) {
  std::string out = fmt::format("{}\nHash: {}\n\n", kMessageBegin, hash);
  const auto canonical = canonical_text(text);
  std::size_t at = 0;
  while (true) {
    const auto end = canonical.find("\r\n", at);
    const auto line = std::string_view(canonical).substr(at, end == std::string::npos ? end : end - at);
    if (line.starts_with('-')) out += "- ";
    out += line;
    out += '\n';
    if (end == std::string::npos) break;
    at = end + 2;
  }
  const auto base64 = base64_encode_lines(packets, 64);
  out += fmt::format("{}\n\n{}\n", kSignature, base64);
  // A reader that takes base64 to end at padding or a checksum (GnuPG) must find one of them.
  if (checksum == Checksum::always || !base64.ends_with('=')) out += fmt::format("={}\n", armor_checksum(packets));
  return out + std::string(kSignatureEnd);
}

}  // namespace sifkit::trust

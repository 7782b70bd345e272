// SPDX-License-Identifier: Apache-2.0
#include "tar_header.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit {

namespace {

constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kChecksumWidth = 8;

[[noreturn]] void malformed(std::string message) { throw Error(ErrorKind::malformed, std::move(message)); }

/// Blanks and NULs are around the digits of a field.
std::string_view digits_of(std::string_view field) { return trimmed(field, std::string_view(" \0", 2)); }

std::int64_t parse_base256(std::string_view field, std::string_view what) {
  const bool negative = (static_cast<unsigned char>(field[0]) & 0x40u) != 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    auto byte = static_cast<unsigned char>(negative ? ~field[i] : field[i]);
    if (i == 0) byte &= 0x7f;
    if (value >> 56 != 0) malformed(fmt::format("{} does not fit 64 bits", what));
    value = value << 8 | byte;
  }
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    malformed(fmt::format("{} does not fit 64 bits", what));
  }
  return negative ? static_cast<std::int64_t>(~value) : static_cast<std::int64_t>(value);
}

/// `what` names the number, if it is none.
template <class What>
std::uint64_t decimal(std::string_view text, const What& what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    malformed(fmt::format("{}: expected a decimal number, found {}", what(), in_quotes(text)));
  }
  return value;
}

void add_xattr(PaxRecords& records, std::string name, std::string value, const Limits& limits) {
  if (name.size() > limits.xattr_name_bytes) {
    throw Error(ErrorKind::limit, fmt::format("extended attribute {}: name of {} bytes, the limit is {}",
                                              in_quotes(name), name.size(), limits.xattr_name_bytes));
  }
  if (value.size() > limits.xattr_value_bytes) {
    throw Error(ErrorKind::limit, fmt::format("extended attribute {}: value of {} bytes, the limit is {}",
                                              in_quotes(name), value.size(), limits.xattr_value_bytes));
  }
  const auto same = std::find_if(records.xattrs.begin(), records.xattrs.end(), [&](const auto& x) { return x.first == name; });
  if (same != records.xattrs.end()) {
    same->second = std::move(value);
    return;
  }
  if (records.xattrs.size() >= limits.xattrs) {
    throw Error(ErrorKind::limit, fmt::format("more than {} extended attributes", limits.xattrs));
  }
  records.xattrs.emplace_back(std::move(name), std::move(value));
}

}  // namespace

bool TarHeader::is_zero() const noexcept {
  return std::all_of(block.begin(), block.end(), [](char c) { return c == 0; });
}

bool TarHeader::checksum_matches() const noexcept {
  // Of all bytes first, without a branch for each; blanks stand in for the field itself.
  std::int64_t unsigned_sum = kChecksumWidth * ' ';
  std::int64_t signed_sum = kChecksumWidth * ' ';
  for (const char c : block) {
    unsigned_sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  for (const char c : field(kChecksumAt, kChecksumWidth)) {
    unsigned_sum -= static_cast<unsigned char>(c);
    signed_sum -= static_cast<signed char>(c);
  }
  std::int64_t stored = 0;
  const auto digits = digits_of(field(kChecksumAt, kChecksumWidth));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), stored, 8);
  if (error != std::errc{} || (end != digits.data() + digits.size() && *end != '\0')) return false;
  return stored == unsigned_sum || stored == signed_sum;
}

TarFormat TarHeader::format() const noexcept {
  const auto magic = field(257, 8);
  if (magic == std::string_view("ustar  \0", 8)) return TarFormat::gnu;
  if (!magic.starts_with(std::string_view("ustar\0", 6))) return TarFormat::v7;
  return field(508, 4) == std::string_view("tar\0", 4) ? TarFormat::star : TarFormat::ustar;
}

std::string TarHeader::text(std::size_t at, std::size_t width) const {
  const auto bytes = field(at, width);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

std::string TarHeader::name() const {
  std::string rest = text(0, 100);
  std::string prefix;
  switch (format()) {
    case TarFormat::v7: break;
    case TarFormat::ustar: prefix = text(345, 155); break;
    case TarFormat::star: prefix = text(345, 131); break;
    // GNU keeps times here. Go's writer before 1.8, and Docker with it, put ustar's prefix over them now and then.
    case TarFormat::gnu:
      if (!is_time(345) || !is_time(357)) prefix = text(345, 155);
      if (std::any_of(prefix.begin(), prefix.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) prefix.clear();
      break;
  }
  return prefix.empty() ? rest : prefix + "/" + rest;
}

bool TarHeader::is_time(std::size_t at) const {
  if (block[at] == '\0') return true;
  try {
    number(at, 12, "time");
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::int64_t TarHeader::number(std::size_t at, std::size_t width, std::string_view what) const {
  const auto bytes = field(at, width);
  if ((static_cast<unsigned char>(bytes[0]) & 0x80u) != 0) return parse_base256(bytes, what);
  auto digits = digits_of(bytes);
  digits = digits.substr(0, digits.find('\0'));
  std::int64_t value = 0;
  if (digits.empty()) return value;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (error != std::errc{} || end != digits.data() + digits.size() || value < 0) {
    malformed(fmt::format("{}: expected an octal number, found {}", what, in_quotes(digits)));
  }
  return value;
}

std::uint64_t TarHeader::size_number(std::size_t at, std::size_t width, std::string_view what) const {
  const std::int64_t value = number(at, width, what);
  if (value < 0) malformed(fmt::format("{} is negative ({})", what, value));
  return static_cast<std::uint64_t>(value);
}

std::uint64_t parse_decimal(std::string_view text, std::string_view what) {
  return decimal(text, [&] { return what; });
}

std::optional<std::string_view> PaxRecords::find(std::string_view key) const {
  const auto at = values.find(key);
  if (at == values.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

std::optional<std::int64_t> PaxRecords::number(std::string_view key) const {
  const auto text = find(key);
  if (!text) return std::nullopt;
  const bool negative = text->starts_with('-');
  const auto what = [&] { return fmt::format("PAX record '{}'", key); };
  const auto value = static_cast<std::int64_t>(decimal(text->substr(negative ? 1 : 0), what));
  return negative ? -value : value;
}

std::optional<std::int64_t> PaxRecords::seconds(std::string_view key) const {
  const auto text = find(key);
  if (!text) return std::nullopt;
  const auto what = [&] { return fmt::format("PAX record '{}'", key); };
  const bool negative = text->starts_with('-');
  const auto point = text->find('.');
  const auto whole = text->substr(0, point).substr(negative ? 1 : 0);
  const auto fraction = point == std::string_view::npos ? std::string_view() : text->substr(point + 1);
  if (fraction.find_first_not_of("0123456789") != std::string_view::npos) {
    malformed(fmt::format("{}: expected seconds, found {}", what(), in_quotes(*text)));
  }
  auto value = static_cast<std::int64_t>(decimal(whole, what));
  if (!negative) return value;
  value = -value;
  return fraction.find_first_not_of('0') == std::string_view::npos ? value : value - 1;
}

bool PaxRecords::has_acl() const {
  static constexpr std::string_view kAcl = "SCHILY.acl.";
  static constexpr std::string_view kAfterAcl = "SCHILY.acl/";
  const auto is_list = [](const auto& attribute) { return attribute.first.starts_with("system.posix_acl_"); };
  if (std::any_of(xattrs.begin(), xattrs.end(), is_list)) return false;
  return std::any_of(values.lower_bound(kAcl), values.lower_bound(kAfterAcl), [](const auto& record) {
    const std::string_view text = record.second;
    return text.find("mask:") != std::string_view::npos || (record.first.ends_with(".default") && !text.empty());
  });
}

std::vector<std::string> PaxRecords::sparse_numbers() const {
  const auto map = find("GNU.sparse.map");
  std::vector<std::string> numbers = map ? std::vector<std::string>() : sparse_map;
  for (std::string_view rest = map.value_or(""); !rest.empty();) {
    const auto comma = rest.find(',');
    numbers.emplace_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) numbers.emplace_back();
  }
  if (numbers.size() % 2 != 0) malformed("sparse map: an offset without a length");
  return numbers;
}

PaxRecords parse_pax(std::string_view text, const Limits& limits) {
  static constexpr std::string_view kSchily = "SCHILY.xattr.";
  PaxRecords records;
  const std::string_view all = text;
  while (!text.empty()) {
    const auto at = all.size() - text.size();
    const auto broken = [&] { malformed(fmt::format("PAX extension: broken record at byte {}", at)); };
    const auto space = text.find(' ');
    if (space == std::string_view::npos || space > 12 || text[0] < '1' || text[0] > '9') broken();
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + space, length);
    if (error != std::errc{} || end != text.data() + space) broken();
    if (length > text.size() || length < space + 3 || text[static_cast<std::size_t>(length) - 1] != '\n') broken();
    const auto record = text.substr(space + 1, static_cast<std::size_t>(length) - space - 2);
    text.remove_prefix(static_cast<std::size_t>(length));
    const auto equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) broken();
    const auto key = record.substr(0, equals);
    const auto value = record.substr(equals + 1);
    if (key.find('\0') != std::string_view::npos) broken();
    const bool is_text = key == "path" || key == "linkpath" || key == "uname" || key == "gname" || key == "GNU.sparse.name";
    if (is_text && value.find('\0') != std::string_view::npos) {
      malformed(fmt::format("PAX record '{}' holds a NUL byte", key));
    }
    if (key.starts_with(kSchily)) {
      add_xattr(records, std::string(key.substr(kSchily.size())), std::string(value), limits);
    } else if (key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes") {
      const bool is_offset = key == "GNU.sparse.offset";
      if ((records.sparse_map.size() % 2 == 0) != is_offset) broken();
      records.sparse_map.emplace_back(value);
    } else {
      records.values.insert_or_assign(std::string(key), std::string(value));
    }
  }
  if (records.sparse_map.size() % 2 != 0) malformed("PAX extension: a sparse segment without a length");
  std::sort(records.xattrs.begin(), records.xattrs.end());
  return records;
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/core/tar_reader.h>

// The fields of one header block (POSIX.1-1988 ustar, GNU tar, v7) and the records of a PAX extension (POSIX.1-2001),
// read as Go's archive/tar reads them.

namespace sifkit {

inline constexpr std::size_t kTarBlock = 512;

enum class TarFormat : std::uint8_t { v7, ustar, star, gnu };

/// A header block whose checksum is right. Offsets are those of the ustar layout.
class TarHeader {
 public:
  std::array<char, kTarBlock> block{};

  bool is_zero() const noexcept;
  /// Sums of unsigned and of signed bytes have both been written by real programs.
  bool checksum_matches() const noexcept;
  TarFormat format() const noexcept;

  char type() const noexcept { return block[156]; }
  std::string name() const;  ///< with ustar's prefix
  std::string link_name() const { return text(157, 100); }

  /// A number in octal or, with the top bit set, base-256 (which may be negative). `what` names it in errors.
  std::int64_t number(std::size_t at, std::size_t width, std::string_view what) const;
  /// As `number`, but below zero is an error too.
  std::uint64_t size_number(std::size_t at, std::size_t width, std::string_view what) const;

  /// The field's bytes up to the first NUL.
  std::string text(std::size_t at, std::size_t width) const;

 private:
  /// Whether a time of GNU's format can be read there; a field of NULs can.
  bool is_time(std::size_t at) const;
  std::string_view field(std::size_t at, std::size_t width) const { return {block.data() + at, width}; }
};

/// What PAX records say of the next member. Values are checked for their grammar when they are taken.
struct PaxRecords {
  std::map<std::string, std::string, std::less<>> values;
  std::vector<std::string> sparse_map;  ///< offsets and lengths of format 0.0, in order
  std::vector<std::pair<std::string, std::string>> xattrs;

  /// A value that is there and not empty.
  std::optional<std::string_view> find(std::string_view key) const;
  /// A decimal number; anything else is malformed.
  std::optional<std::int64_t> number(std::string_view key) const;
  /// Seconds with an optional fraction, rounded down.
  std::optional<std::int64_t> seconds(std::string_view key) const;
  /// Whether an access control list, as text, says more than the mode bits ("user::rw-,group::r--,other::r--"): it names
  /// somebody, or is a directory's for what is made in it. One that is there as an attribute, too, is that.
  bool has_acl() const;
  /// Offsets and lengths of a sparse file of format 0.0 or 0.1, by turns.
  std::vector<std::string> sparse_numbers() const;
};

/// Parses an extension's text; throws malformed for a broken record, limit for too many or too large attributes.
PaxRecords parse_pax(std::string_view text, const Limits& limits);

/// Strict decimal without sign; throws malformed.
std::uint64_t parse_decimal(std::string_view text, std::string_view what);

}  // namespace sifkit

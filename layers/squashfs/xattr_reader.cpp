// SPDX-License-Identifier: Apache-2.0
#include "squashfs/xattr_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sqfs/xattr.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kHeadSize = 16;  ///< of the table: where names and values start, how many sets, unused
constexpr std::size_t kSetSize = 16;   ///< of a set's record: reference, number of attributes, bytes to list them

}  // namespace

XattrReader::XattrReader(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits) : limits_(limits) {
  if (super.xattr_table == kNoTable) return;
  static constexpr std::string_view kWhat = "the xattr table";
  std::array<std::byte, kHeadSize> head;
  read_image(region, super.bytes, super.xattr_table, head, kWhat);
  const auto start = load_le<std::uint64_t>(head.data());
  const auto count = load_le<std::uint32_t>(head.data() + sizeof start);
  if (start >= super.xattr_table) throw_malformed(fmt::format("{}: names and values at {}, behind it at {}", kWhat, start, super.xattr_table));
  sets_ = read_table(region, codec, super, super.xattr_table + kHeadSize, std::uint64_t{count} * kSetSize, limits, kWhat);
  known_.resize(count, kNone);
  pairs_.emplace(region, codec, start, super.xattr_table, "extended attributes");
}

std::uint32_t XattrReader::read(std::uint32_t number, Tree& tree) {
  if (!pairs_) return 0;  // the table says what there is: without one an inode's number has no meaning
  if (number >= known_.size()) throw_malformed(fmt::format("set {} of extended attributes, there are {}", number, known_.size()));
  if (known_[number] == kNone) known_[number] = tree.intern_xattrs(read_set(number));
  return known_[number];
}

Xattrs XattrReader::read_set(std::uint32_t number) {
  const std::byte* record = sets_.data() + std::size_t{number} * kSetSize;
  const auto count = load_le<std::uint32_t>(record + sizeof(std::uint64_t));
  if (count > limits_.xattrs) throw Error(ErrorKind::limit, fmt::format("{} extended attributes, the limit is {}", count, limits_.xattrs));
  Xattrs set;
  if (count == 0) return set;
  next_ = MetadataPlace::of(load_le<std::uint64_t>(record));
  for (std::uint32_t i = 0; i < count; ++i) {
    if (next_) pairs_->seek(*std::exchange(next_, std::nullopt));
    const auto type = pairs_->le<std::uint16_t>();
    const auto size = pairs_->le<std::uint16_t>();
    const char* prefix = sqfs_get_xattr_prefix(static_cast<SQFS_XATTR_TYPE>(type & SQFS_XATTR_PREFIX_MASK));
    if (prefix == nullptr) throw Error(ErrorKind::unsupported, fmt::format("an extended attribute of namespace {} is not known", type & SQFS_XATTR_PREFIX_MASK));
    auto name = prefix + read_text(size);
    if (size == 0 || name.size() > limits_.xattr_name_bytes || name.find('\0') != std::string::npos) {
      throw_malformed(fmt::format("{} is no name of an extended attribute", in_quotes(name)));
    }
    auto value = read_value(type);
    set.emplace_back(std::move(name), std::move(value));
  }
  std::sort(set.begin(), set.end());
  const auto twice = std::adjacent_find(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != set.end()) throw_malformed(fmt::format("the extended attribute {} stands twice in a set", in_quotes(twice->first)));
  return set;
}

std::string XattrReader::read_value(std::uint16_t type) {
  const auto size = pairs_->le<std::uint32_t>();
  if ((type & SQFS_XATTR_FLAG_OOL) == 0) return read_text(size);
  // The value is where it stood first, and never a reference again.
  if (size != sizeof(std::uint64_t)) throw_malformed(fmt::format("a reference of {} bytes to an extended attribute's value", size));
  const auto place = MetadataPlace::of(pairs_->le<std::uint64_t>());
  next_ = pairs_->place();
  pairs_->seek(place);
  return read_text(pairs_->le<std::uint32_t>());
}

std::string XattrReader::read_text(std::uint32_t size) {
  if (size > limits_.xattr_value_bytes) {
    throw Error(ErrorKind::limit, fmt::format("an extended attribute of {} bytes, the limit is {}", size, limits_.xattr_value_bytes));
  }
  read_bytes_ += size;
  if (read_bytes_ > limits_.metadata_bytes) {
    throw_over_limit(fmt::format("extended attributes of more than {} bytes", limits_.metadata_bytes), &Limits::metadata_bytes);
  }
  std::string text(size, '\0');
  pairs_->read(std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#include "squashfs/xattrs.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include <sifkit/core/bytes.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kBlock = 8192;         ///< of metadata
constexpr std::uint16_t kElsewhere = 0x100;  ///< the value is a reference

/// Writes names and values; a long value that was written before becomes a reference to it.
class PairWriter {
 public:
  PairWriter(RegionFile& file, sqfs_compressor_t* compressor) : file_(file), writer_(own(sqfs_meta_writer_create(file.get(), compressor, 0))) {}

  std::uint64_t position() const {
    sqfs_u64 block = 0;
    sqfs_u32 offset = 0;
    sqfs_meta_writer_get_position(writer_.get(), &block, &offset);
    return block << 16 | offset;
  }

  void write(const std::string& whole_name, std::string_view value) {
    const int prefix = sqfs_get_xattr_prefix_id(whole_name.c_str());
    if (prefix < 0) throw Error(ErrorKind::unsupported, fmt::format("squashfs cannot hold the extended attribute {}", in_quotes(whole_name)));
    const auto name = std::string_view(whole_name).substr(whole_name.find('.') + 1);
    const auto known = value.size() > sizeof(std::uint64_t) ? known_.find(value) : known_.end();
    ByteWriter key;
    key.le(static_cast<std::uint16_t>(prefix | (known != known_.end() ? kElsewhere : 0)));
    key.le(static_cast<std::uint16_t>(name.size()));
    key.put(as_bytes(name));
    append(key.bytes());
    ByteWriter out;
    if (known != known_.end()) {
      out.le(static_cast<std::uint32_t>(sizeof known->second));
      out.le(known->second);
      append(out.bytes());
      return;
    }
    if (value.size() > sizeof(std::uint64_t)) known_.emplace(value, position());
    out.le(static_cast<std::uint32_t>(value.size()));
    append(out.bytes());
    append(as_bytes(value));
  }

  void finish() { file_.check(sqfs_meta_writer_flush(writer_.get()), "write extended attributes"); }

 private:
  void append(ByteView bytes) {
    file_.check(sqfs_meta_writer_append(writer_.get(), bytes.data(), bytes.size()), "write extended attributes");
  }

  RegionFile& file_;
  SqfsPtr<sqfs_meta_writer_t> writer_;
  std::unordered_map<std::string_view, std::uint64_t> known_;
};

}  // namespace

std::uint32_t XattrTable::number_of(std::uint32_t set) {
  if (set == 0) return kNoXattr;
  if (numbers_.size() <= set) numbers_.resize(set + 1, kNoXattr);
  auto& number = numbers_[set];
  if (number == kNoXattr) {
    number = static_cast<std::uint32_t>(sets_.size());
    sets_.push_back(set);
  }
  return number;
}

void XattrTable::write(RegionFile& file, sqfs_compressor_t* compressor, sqfs_super_t& super) const {
  super.xattr_id_table_start = ~std::uint64_t{0};
  if (sets_.empty()) return;
  const auto pairs_start = file.end();
  ByteWriter sets;
  PairWriter pairs(file, compressor);
  for (const auto set : sets_) {
    const auto& xattrs = tree_.xattrs(set);
    const auto position = pairs.position();
    std::uint32_t size = 0;  // what listing all of them takes
    for (const auto& [name, value] : xattrs) {
      pairs.write(name, value);
      size += static_cast<std::uint32_t>(name.size() + 1 + value.size());
    }
    sets.le(position);
    sets.le(static_cast<std::uint32_t>(xattrs.size()));
    sets.le(size);
  }
  pairs.finish();

  ByteWriter head;
  head.le(pairs_start);
  head.le(static_cast<std::uint32_t>(sets_.size()));
  head.le(std::uint32_t{0});
  const auto writer = own(sqfs_meta_writer_create(file.get(), compressor, 0));
  for (std::size_t at = 0; at < sets.bytes().size(); at += kBlock) {
    const auto block = ByteView(sets.bytes()).subspan(at, std::min(kBlock, sets.bytes().size() - at));
    head.le(file.end());
    file.check(sqfs_meta_writer_append(writer.get(), block.data(), block.size()), "write the table of extended attributes");
    file.check(sqfs_meta_writer_flush(writer.get()), "write the table of extended attributes");
  }
  super.xattr_id_table_start = file.end();
  file.check(file.get()->write_at(file.get(), file.end(), head.bytes().data(), head.bytes().size()), "write the table of extended attributes");
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sqfs/data_reader.h>
#include <sqfs/dir_reader.h>
#include <sqfs/xattr_reader.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/squashfs.h>

#include "sqfs_handle.h"
#include "squashfs_xattrs.h"

namespace sifkit::layers {

namespace {

struct FreeSqfs {
  void operator()(void* memory) const noexcept { sqfs_free(memory); }
};
template <class T>
using SqfsMemory = std::unique_ptr<T, FreeSqfs>;
using SqfsInode = SqfsMemory<sqfs_inode_generic_t>;


[[noreturn]] void malformed(std::string message) { throw Error(ErrorKind::malformed, std::move(message)); }

SquashfsCodec codec_of(std::uint16_t id) {
  switch (id) {
    case SQFS_COMP_GZIP: return SquashfsCodec::gzip;
    case SQFS_COMP_ZSTD: return SquashfsCodec::zstd;
    case SQFS_COMP_LZ4: return SquashfsCodec::lz4;
    case SQFS_COMP_XZ: return SquashfsCodec::xz;
    default: throw Error(ErrorKind::unsupported, fmt::format("squashfs compression {} is not known", id));
  }
}

/// Basic types are 1 to 7, extended ones 8 to 14, in one order.
EntryType entry_type(std::uint16_t type) {
  switch (type > SQFS_INODE_SOCKET ? type - SQFS_INODE_SOCKET : type) {
    case SQFS_INODE_DIR: return EntryType::directory;
    case SQFS_INODE_FILE: return EntryType::regular;
    case SQFS_INODE_SLINK: return EntryType::symlink;
    case SQFS_INODE_BDEV: return EntryType::block_device;
    case SQFS_INODE_CDEV: return EntryType::char_device;
    case SQFS_INODE_FIFO: return EntryType::fifo;
    case SQFS_INODE_SOCKET: return EntryType::socket;
    default: malformed(fmt::format("squashfs inode type {} is not known", type));
  }
}

std::uint32_t device_of(std::uint32_t number) {
  const std::uint32_t major = (number >> 8) & 0xfff;
  const std::uint32_t minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  return major << 20 | minor;
}

}  // namespace

struct SquashfsReader::Impl {
  const Limits limits;
  RegionFile file;
  sqfs_super_t super{};
  SqfsPtr<sqfs_compressor_t> compressor;
  SqfsPtr<sqfs_id_table_t> ids;
  SqfsPtr<sqfs_dir_reader_t> folders;
  SqfsPtr<sqfs_data_reader_t> data;
  SqfsPtr<sqfs_xattr_reader_t> xattrs;
  Tree tree;
  std::vector<SqfsInode> files;  ///< by ContentId, from 1
  std::unordered_map<std::uint32_t, InodeId> by_number;
  std::unordered_map<std::uint32_t, std::uint32_t> xattr_sets;
  std::uint64_t names = 0;

  Impl(Region& region, const Limits& reader_limits) : limits(reader_limits), file(region, region.size()) {
    file.check(sqfs_super_read(&super, file.get()), "read the superblock");
    if (super.bytes_used > region.size()) {
      malformed(fmt::format("the superblock says {} bytes, there are {}", super.bytes_used, region.size()));
    }
    // The library makes room for the whole table before it reads it.
    if (super.fragment_entry_count > super.bytes_used) malformed(fmt::format("{} fragments in {} bytes", super.fragment_entry_count, super.bytes_used));
    if (super.fragment_entry_count > limits.metadata_bytes / sizeof(sqfs_fragment_t)) {
      throw_over_limit(fmt::format("the table of {} fragments takes more than {} bytes of memory", super.fragment_entry_count, limits.metadata_bytes), &Limits::metadata_bytes);
    }
    codec_of(super.compression_id);
    compressor = library_compressor(static_cast<SQFS_COMPRESSOR>(super.compression_id), 0, super.block_size, true);
    if ((super.flags & SQFS_FLAG_COMPRESSOR_OPTIONS) != 0) {
      file.check(compressor->read_options(compressor.get(), file.get()), "read the compressor's options");
    }
    ids = own(sqfs_id_table_create(0));
    file.check(sqfs_id_table_read(ids.get(), file.get(), &super, compressor.get()), "read the id table");
    folders = own(sqfs_dir_reader_create(&super, compressor.get(), file.get(), 0));
    data = own(sqfs_data_reader_create(file.get(), super.block_size, compressor.get(), 0));
    file.check(sqfs_data_reader_load_fragment_table(data.get(), &super), "read the fragment table");
    xattrs = own(sqfs_xattr_reader_create(0));
    if (super.xattr_id_table_start != ~sqfs_u64{0}) {
      file.check(sqfs_xattr_reader_load(xattrs.get(), &super, file.get(), compressor.get()), "read the xattr table");
    }
    files.emplace_back();
    read_tree();
  }

  std::uint32_t id(std::uint16_t index) {
    sqfs_u32 value = 0;
    file.check(sqfs_id_table_index_to_id(ids.get(), index, &value), "look up an owner");
    return value;
  }

  std::uint32_t read_xattrs(std::uint32_t index) {
    if (index == kNoXattr || super.xattr_id_table_start == ~sqfs_u64{0}) return 0;
    if (const auto known = xattr_sets.find(index); known != xattr_sets.end()) return known->second;
    sqfs_xattr_id_t description{};
    file.check(sqfs_xattr_reader_get_desc(xattrs.get(), index, &description), "look up extended attributes");
    if (description.count > limits.xattrs) throw Error(ErrorKind::limit, fmt::format("more than {} extended attributes", limits.xattrs));
    file.check(sqfs_xattr_reader_seek_kv(xattrs.get(), &description), "find extended attributes");
    Xattrs set;
    for (std::uint32_t i = 0; i < description.count; ++i) {
      sqfs_xattr_entry_t* raw_key = nullptr;
      file.check(sqfs_xattr_reader_read_key(xattrs.get(), &raw_key), "read an extended attribute's name");
      const SqfsMemory<sqfs_xattr_entry_t> key(raw_key);
      sqfs_xattr_value_t* raw_value = nullptr;
      file.check(sqfs_xattr_reader_read_value(xattrs.get(), key.get(), &raw_value), "read an extended attribute's value");
      const SqfsMemory<sqfs_xattr_value_t> value(raw_value);
      set.emplace_back(reinterpret_cast<const char*>(key->key), std::string(reinterpret_cast<const char*>(value->value), value->size));
    }
    std::sort(set.begin(), set.end());
    return xattr_sets[index] = tree.intern_xattrs(set);
  }

  void fill_metadata(Inode& inode, const sqfs_inode_generic_t& record) {
    inode.metadata.mode = record.base.mode & 07777u;
    inode.metadata.uid = id(record.base.uid_idx);
    inode.metadata.gid = id(record.base.gid_idx);
    inode.metadata.mtime = record.base.mod_time;
    sqfs_u32 index = kNoXattr;
    file.check(sqfs_inode_get_xattr_index(&record, &index), "look up extended attributes");
    inode.metadata.xattrs = read_xattrs(index);
  }

  InodeId add(SqfsInode record) {
    Inode inode;
    inode.type = entry_type(record->base.type);
    fill_metadata(inode, *record);
    switch (inode.type) {
      case EntryType::regular: {
        sqfs_u64 size = 0;
        file.check(sqfs_inode_get_file_size(record.get(), &size), "read a file's size");
        inode.size = size;
        inode.content = size == 0 ? kEmptyContent : ContentId{static_cast<std::uint32_t>(files.size())};
        break;
      }
      case EntryType::symlink: {
        const auto size = record->base.type == SQFS_INODE_SLINK ? record->data.slink.target_size : record->data.slink_ext.target_size;
        inode.data = tree.add_symlink_target({reinterpret_cast<const char*>(record->extra), size});
        break;
      }
      case EntryType::char_device:
      case EntryType::block_device: {
        const bool extended = record->base.type > SQFS_INODE_SOCKET;
        inode.data = device_of(extended ? record->data.dev_ext.devno : record->data.dev.devno);
        break;
      }
      default: break;
    }
    if (inode.type == EntryType::regular && inode.size != 0) files.push_back(std::move(record));
    return tree.add_inode(inode);
  }

  static void check_name(std::string_view name, const Limits& limits) {
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
        name.find('\0') != std::string_view::npos || name.size() > limits.name_bytes) {
      malformed(fmt::format("{} is no name of a file", in_quotes(name)));
    }
  }

  void read_tree() {
    struct Open {
      SqfsInode record;
      InodeId inode;
    };
    sqfs_inode_generic_t* raw = nullptr;
    file.check(sqfs_dir_reader_get_root_inode(folders.get(), &raw), "read the root folder");
    std::vector<Open> open;
    open.push_back({SqfsInode(raw), Tree::kRoot});
    if (entry_type(raw->base.type) != EntryType::directory) malformed("the root is no folder");
    fill_metadata(tree.inode(Tree::kRoot), *raw);
    by_number.emplace(raw->base.inode_number, Tree::kRoot);
    while (!open.empty()) {
      const Open folder = std::move(open.back());
      open.pop_back();
      file.check(sqfs_dir_reader_open_dir(folders.get(), folder.record.get(), 0), "open a folder");
      for (;;) {
        sqfs_dir_entry_t* raw_entry = nullptr;
        const int result = sqfs_dir_reader_read(folders.get(), &raw_entry);
        if (result > 0) break;
        file.check(result, "read a folder");
        const SqfsMemory<sqfs_dir_entry_t> entry(raw_entry);
        const std::string_view name(reinterpret_cast<const char*>(entry->name), std::size_t{entry->size} + 1);
        check_name(name, limits);
        if (++names > limits.entries) throw Error(ErrorKind::limit, fmt::format("more than {} names", limits.entries));
        if (tree.find(folder.inode, name) != kNone) malformed(fmt::format("the name {} stands twice in a folder", in_quotes(name)));
        sqfs_inode_generic_t* raw_inode = nullptr;
        file.check(sqfs_dir_reader_get_inode(folders.get(), &raw_inode), "read an inode");
        SqfsInode record(raw_inode);
        const auto number = record->base.inode_number;
        const bool is_folder = entry_type(record->base.type) == EntryType::directory;
        const auto known = by_number.find(number);
        if (known != by_number.end()) {
          // A folder with two names is a loop or would become one.
          if (is_folder || tree.inode(known->second).type == EntryType::directory) malformed(fmt::format("folder {} has two names", in_quotes(name)));
          tree.link(folder.inode, name, known->second);
          continue;
        }
        SqfsInode copy;
        if (is_folder) {
          // `add` keeps nothing of a folder's record.
          copy = std::move(record);
          Inode inode;
          inode.type = EntryType::directory;
          fill_metadata(inode, *copy);
          const InodeId added = tree.add_inode(inode);
          by_number.emplace(number, added);
          tree.link(folder.inode, name, added);
          open.push_back({std::move(copy), added});
          continue;
        }
        const InodeId added = add(std::move(record));
        by_number.emplace(number, added);
        tree.link(folder.inode, name, added);
      }
    }
  }

  void read(InodeId id, Sink& sink) {
    const Inode& inode = tree.inode(id);
    if (inode.type != EntryType::regular) throw Error(ErrorKind::usage, "only regular files have contents");
    if (inode.size == 0) return;
    const auto& record = *files.at(static_cast<std::uint32_t>(inode.content));
    Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(inode.size, 1u << 20)));
    const Bytes zeros(buffer.size());
    const auto blocks = sqfs_inode_get_file_block_count(&record);
    const auto is_hole = [&](std::uint64_t at) {
      const auto block = at / super.block_size;
      return block < blocks && SQFS_IS_SPARSE_BLOCK(record.extra[block]);
    };
    for (std::uint64_t at = 0; at < inode.size;) {
      // The library looks for a block from the start of the file on: it is not asked for holes, which may be millions.
      const bool hole = is_hole(at);
      std::uint64_t end = at;
      while (end < inode.size && end - at < buffer.size() && is_hole(end) == hole) end += super.block_size - end % super.block_size;
      const auto want = static_cast<sqfs_u32>(std::min<std::uint64_t>({buffer.size(), inode.size - at, end - at}));
      if (hole) {
        sink.write(ByteView(zeros).first(want));
        at += want;
        continue;
      }
      const auto got = sqfs_data_reader_read(data.get(), &record, at, buffer.data(), want);
      file.check(got, "read a file");
      if (got == 0) malformed(fmt::format("a file of {} bytes ends at {}", inode.size, at));
      sink.write(ByteView(buffer).first(static_cast<std::size_t>(got)));
      at += static_cast<std::uint64_t>(got);
    }
  }
};

SquashfsReader::SquashfsReader(Region& region, const Limits& limits)
    : impl_(in_context([] { return std::string("squashfs"); }, [&] { return std::make_unique<Impl>(region, limits); })) {}

SquashfsReader::~SquashfsReader() = default;

SquashfsCodec SquashfsReader::codec() const noexcept { return codec_of(impl_->super.compression_id); }

std::uint32_t SquashfsReader::block_size() const noexcept { return impl_->super.block_size; }

const Tree& SquashfsReader::tree() const noexcept { return impl_->tree; }

void SquashfsReader::read(InodeId inode, Sink& sink) { impl_->read(inode, sink); }

std::optional<std::string> SquashfsReader::read_text(std::string_view path, std::uint64_t limit) {
  const auto inode = impl_->tree.resolve(path, true);
  if (!inode || impl_->tree.inode(*inode).type != EntryType::regular) return std::nullopt;
  if (impl_->tree.inode(*inode).size > limit) {
    throw Error(ErrorKind::limit, fmt::format("{}: {} bytes, the limit is {}", in_quotes(path), impl_->tree.inode(*inode).size, limit));
  }
  MemorySink sink;
  impl_->read(*inode, sink);
  return std::string(as_text(sink.bytes()));
}

}  // namespace sifkit::layers

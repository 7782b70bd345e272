// SPDX-License-Identifier: Apache-2.0
#include "squashfs/metadata_writer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

#include <sys/sysmacros.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/handle.h"
#include "squashfs/xattrs.h"
#include "type_bits.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kMaxIds = 65535;  ///< the superblock counts them in 16 bits
constexpr std::uint64_t kMaxTable = std::numeric_limits<std::uint32_t>::max();  ///< where a block is in a table, and how long a directory's list
constexpr std::uint64_t kMaxPerName = 20;  ///< bytes of a name's entry beside the name, were each to need a header

/// The kernel's packed form of a device number.
std::uint32_t device_number(std::uint32_t data) {
  const std::uint32_t major = device_major(data);
  const std::uint32_t minor = device_minor(data);
  return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

/// The directories, children before their parents, and the numbers of all inodes.
struct Numbering {
  struct Directory {
    InodeId inode;
    InodeId parent;
  };
  std::vector<Directory> directories;
  std::vector<std::uint32_t> number;
  std::uint32_t count = 0;

  explicit Numbering(const Tree& tree) : number(inode_numbers(tree)) {
    for (const auto each : number) count = std::max(count, each);
    std::vector<Directory> open{{Tree::kRoot, Tree::kRoot}};
    while (!open.empty()) {
      const Directory directory = open.back();
      open.pop_back();
      directories.push_back(directory);
      for (const NameId name : tree.sorted_children(directory.inode)) {
        const InodeId child = tree.inode_of(name);
        if (tree.inode(child).type == EntryType::directory) open.push_back({child, directory.inode});
      }
    }
    std::reverse(directories.begin(), directories.end());
  }
};

class TableWriter {
 public:
  TableWriter(Region& region, std::uint64_t data_end, const Tree& tree, const DataWriter& data, const SquashfsOptions& options)
      : tree_(tree),
        data_(data),
        options_(options),
        numbering_(tree),
        xattrs_(tree),
        refs_(numbering_.count),
        file_(region, data_end),
        codec_(make_block_compressor(options)),
        compressor_(*codec_) {}

  std::uint64_t write() {
    ids_ = own(sqfs_id_table_create(0));
    write_inodes();
    write_fragment_table();
    write_export_table();
    file_.check(sqfs_id_table_write(ids_.get(), file_.get(), &super_, compressor_.get()), "write the id table");
    xattrs_.write(file_, compressor_.get(), super_);
    write_super();
    return file_.end();
  }

  std::uint32_t inodes() const noexcept { return numbering_.count; }

 private:
  std::uint16_t id_index(std::uint32_t id) {
    const auto known = id_index_.find(id);
    if (known != id_index_.end()) return known->second;
    if (id_index_.size() >= kMaxIds) {
      throw Error(ErrorKind::limit, fmt::format("squashfs holds {} different owners, the image has more", kMaxIds), Advice::root_owners);
    }
    sqfs_u16 index = 0;
    file_.check(sqfs_id_table_id_to_index(ids_.get(), id, &index), "add an owner");
    id_index_.emplace(id, index);
    return index;
  }

  void put_base(ByteWriter& out, std::uint16_t type, const Inode& inode, std::uint32_t number) {
    out.le(type);
    out.le(static_cast<std::uint16_t>(inode.metadata.mode & 07777));
    out.le(id_index(inode.metadata.uid));
    out.le(id_index(inode.metadata.gid));
    out.le(inode.metadata.mtime);
    out.le(number);
  }

  void put_file(ByteWriter& out, const Inode& inode, std::uint32_t number) {
    SIFKIT_CHECK(inode.content != kNoContent);
    const StoredContent content = data_.content(inode.content);
    const std::uint32_t xattr = xattrs_.number_of(inode.metadata.xattrs);
    static constexpr std::uint64_t kShort = std::numeric_limits<std::uint32_t>::max();
    const bool extended = inode.links > 1 || xattr != kNoXattr || content.start > kShort || content.size > kShort || content.sparse != 0;
    put_base(out, extended ? SQFS_INODE_EXT_FILE : SQFS_INODE_FILE, inode, number);
    if (extended) {
      out.le(content.start);
      out.le(content.size);
      out.le(content.sparse);
      out.le(inode.links);
      out.le(content.fragment);
      out.le(content.offset);
      out.le(xattr);
    } else {
      out.le(static_cast<std::uint32_t>(content.start));
      out.le(content.fragment);
      out.le(content.offset);
      out.le(static_cast<std::uint32_t>(content.size));
    }
    const std::uint32_t* words = data_.block_sizes(content);
    for (std::uint32_t i = 0; i < content.blocks; ++i) out.le(words[i]);
  }

  void put_other(ByteWriter& out, const Inode& inode, std::uint32_t number) {
    const std::uint32_t xattr = xattrs_.number_of(inode.metadata.xattrs);
    const bool extended = xattr != kNoXattr;
    const auto base = [&](std::uint16_t basic_type) {
      put_base(out, static_cast<std::uint16_t>(basic_type + (extended ? SQFS_INODE_EXT_DIR - SQFS_INODE_DIR : 0)), inode, number);
      out.le(inode.links);
    };
    switch (inode.type) {
      case EntryType::symlink: {
        const auto target = tree_.symlink_target(inode);
        base(SQFS_INODE_SLINK);
        out.le(static_cast<std::uint32_t>(target.size()));
        out.put(as_bytes(target));
        break;
      }
      case EntryType::char_device:
      case EntryType::block_device:
        base(inode.type == EntryType::char_device ? SQFS_INODE_CDEV : SQFS_INODE_BDEV);
        out.le(device_number(inode.data));
        break;
      case EntryType::fifo: base(SQFS_INODE_FIFO); break;
      case EntryType::socket: base(SQFS_INODE_SOCKET); break;
      case EntryType::regular:
      case EntryType::directory: SIFKIT_CHECK(false);
    }
    if (extended) out.le(xattr);
  }

  std::uint64_t position(sqfs_meta_writer_t* writer) const {
    sqfs_u64 block = 0;
    sqfs_u32 offset = 0;
    sqfs_meta_writer_get_position(writer, &block, &offset);
    return block << 16 | offset;
  }

  void write_inode(sqfs_meta_writer_t* table, InodeId id) {
    const Inode& inode = tree_.inode(id);
    const std::uint32_t number = numbering_.number[id];
    refs_[number - 1] = position(table);
    ByteWriter out;
    if (inode.type == EntryType::regular) {
      put_file(out, inode, number);
    } else {
      put_other(out, inode, number);
    }
    file_.check(sqfs_meta_writer_append(table, out.bytes().data(), out.bytes().size()), "write an inode");
  }

  void write_directory(sqfs_meta_writer_t* table, sqfs_dir_writer_t* entries, const Numbering::Directory& directory) {
    const auto children = tree_.sorted_children(directory.inode);
    std::uint32_t directories = 0;
    std::uint64_t listing = 0;
    for (const NameId name : children) {
      const InodeId child = tree_.inode_of(name);
      listing += tree_.text_of(name).size() + kMaxPerName;
      if (tree_.inode(child).type == EntryType::directory) {
        ++directories;
      } else if (!written_[child]) {
        write_inode(table, child);
        written_[child] = true;
      }
    }
    if (listing > kMaxTable) throw Error(ErrorKind::limit, fmt::format("squashfs cannot hold a directory of {} names that take {} bytes", children.size(), listing));
    file_.check(sqfs_dir_writer_begin(entries, 0), "begin a directory");
    for (const NameId name : children) {
      const InodeId child = tree_.inode_of(name);
      const Inode& inode = tree_.inode(child);
      const std::string text(tree_.text_of(name));
      const std::uint32_t number = numbering_.number[child];
      file_.check(sqfs_dir_writer_add_entry(entries, text.c_str(), number, refs_[number - 1],
                                            static_cast<sqfs_u16>(type_bits(inode.type) | inode.metadata.mode)),
                  "add a name to a directory");
    }
    file_.check(sqfs_dir_writer_end(entries), "end a directory");

    const Inode& inode = tree_.inode(directory.inode);
    const bool root = directory.inode == Tree::kRoot;
    const std::uint32_t number = numbering_.number[directory.inode];
    const std::uint32_t parent = root ? numbering_.count + 1 : numbering_.number[directory.parent];
    const std::unique_ptr<sqfs_inode_generic_t, void (*)(void*)> record(
        sqfs_dir_writer_create_inode(entries, 0, xattrs_.number_of(inode.metadata.xattrs), parent), sqfs_free);
    if (!record) throw std::bad_alloc();
    record->base.mode = static_cast<sqfs_u16>(inode.metadata.mode & 07777);
    record->base.mode = static_cast<sqfs_u16>(record->base.mode | S_IFDIR);
    record->base.uid_idx = id_index(inode.metadata.uid);
    record->base.gid_idx = id_index(inode.metadata.gid);
    record->base.mod_time = inode.metadata.mtime;
    record->base.inode_number = number;
    // The library counts every entry; only directories have a link back.
    (record->base.type == SQFS_INODE_EXT_DIR ? record->data.dir_ext.nlink : record->data.dir.nlink) = 2 + directories;
    refs_[number - 1] = position(table);
    file_.check(sqfs_meta_writer_write_inode(table, record.get()), "write a directory");
  }

  void write_inodes() {
    super_.inode_table_start = file_.end();
    const auto table = own(sqfs_meta_writer_create(file_.get(), compressor_.get(), 0));
    const auto names = own(sqfs_meta_writer_create(file_.get(), compressor_.get(), SQFS_META_WRITER_KEEP_IN_MEMORY));
    const auto entries = own(sqfs_dir_writer_create(names.get(), 0));
    written_.resize(tree_.inode_count());
    for (const auto& directory : numbering_.directories) write_directory(table.get(), entries.get(), directory);
    file_.check(sqfs_meta_writer_flush(table.get()), "write the inode table");
    file_.check(sqfs_meta_writer_flush(names.get()), "write the directory table");
    super_.directory_table_start = file_.end();
    file_.check(sqfs_meta_write_write_to_file(names.get()), "write the directory table");
    for (const auto size : {super_.directory_table_start - super_.inode_table_start, file_.end() - super_.directory_table_start}) {
      if (size > kMaxTable) throw Error(ErrorKind::limit, fmt::format("squashfs cannot hold tables of inodes or names of {} bytes", size));
    }
    super_.root_inode_ref = refs_[numbering_.number[Tree::kRoot] - 1];
  }

  std::uint64_t write_table(const ByteWriter& table, std::string_view what) {
    sqfs_u64 start = 0;
    file_.check(sqfs_write_table(file_.get(), compressor_.get(), table.bytes().data(), table.bytes().size(), &start), what);
    return start;
  }

  void write_fragment_table() {
    if (data_.fragments().empty()) {
      super_.fragment_table_start = ~std::uint64_t{0};
      return;
    }
    ByteWriter table;
    for (const auto& fragment : data_.fragments()) {
      table.le(fragment.start);
      table.le(fragment.size_field);
      table.le(std::uint32_t{0});
    }
    super_.fragment_table_start = write_table(table, "write the fragment table");
    super_.fragment_entry_count = static_cast<sqfs_u32>(data_.fragments().size());
  }

  void write_export_table() {
    ByteWriter table;
    for (const auto ref : refs_) table.le(ref);
    super_.export_table_start = write_table(table, "write the export table");
  }

  void write_super() {
    super_.magic = SQFS_MAGIC;
    super_.version_major = SQFS_VERSION_MAJOR;
    super_.version_minor = SQFS_VERSION_MINOR;
    super_.inode_count = numbering_.count;
    super_.modification_time = options_.time;
    super_.block_size = options_.block_size;
    super_.block_log = static_cast<sqfs_u16>(std::countr_zero(options_.block_size));
    super_.compression_id = squashfs_id(options_.codec);
    // What mksquashfs sets by default: equal files are stored once (0x40), inodes are found by number (0x80).
    unsigned flags = 0x40 | SQFS_FLAG_EXPORTABLE;
    if (options_.codec == SquashfsCodec::none) {
      flags |= SQFS_FLAG_UNCOMPRESSED_INODES | SQFS_FLAG_UNCOMPRESSED_DATA | SQFS_FLAG_UNCOMPRESSED_FRAGMENTS |
               SQFS_FLAG_UNCOMPRESSED_IDS;
    }
    if (options_.codec == SquashfsCodec::lz4) flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
    super_.flags = static_cast<sqfs_u16>(flags);
    super_.bytes_used = file_.end();
    file_.check(sqfs_super_write(&super_, file_.get()), "write the superblock");
  }

  const Tree& tree_;
  const DataWriter& data_;
  const SquashfsOptions& options_;
  const Numbering numbering_;
  XattrTable xattrs_;
  std::vector<std::uint64_t> refs_;  ///< by number, from 1
  std::vector<bool> written_;        ///< by InodeId
  RegionFile file_;
  std::unique_ptr<BlockCompressor> codec_;
  CodecCompressor compressor_;
  sqfs_super_t super_{};
  SqfsPtr<sqfs_id_table_t> ids_;
  std::map<std::uint32_t, std::uint16_t> id_index_;
};

}  // namespace

std::uint64_t write_codec_options(Region& region, const SquashfsOptions& options) {
  RegionFile file(region, sizeof(sqfs_super_t));
  if (options.codec == SquashfsCodec::lz4) {
    // Readers refuse lz4 images that do not say which lz4 they mean.
    const auto compressor = library_compressor(SQFS_COMP_LZ4, 0, options.block_size, false);
    file.check(compressor->write_options(compressor.get(), file.get()), "write the compressor's options");
  }
  return file.end();
}

std::uint64_t write_tables(Region& region, std::uint64_t data_end, const Tree& tree, const DataWriter& data,
                           const SquashfsOptions& options, std::uint64_t& end) {
  TableWriter writer(region, data_end, tree, data, options);
  end = writer.write();
  return writer.inodes();
}

}  // namespace sifkit::layers

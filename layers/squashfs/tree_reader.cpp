// SPDX-License-Identifier: Apache-2.0
#include "squashfs/tree_reader.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/handle.h"
#include "squashfs/data_writer.h"
#include "squashfs/xattr_reader.h"
#include "squashfs/xattrs.h"

namespace sifkit::layers {

namespace {

constexpr std::uint32_t kNamesOfHeader = 256;  ///< at most
constexpr std::uint32_t kListingExtra = 3;     ///< a directory's size counts `.` and `..` as three bytes
constexpr std::uint32_t kHeaderSize = 12;
constexpr std::uint32_t kEntrySize = 8;  ///< and the name

/// Basic types are 1 to 7, extended ones 8 to 14, in one order.
constexpr std::uint16_t basic_type(std::uint16_t type) { return static_cast<std::uint16_t>(type > SQFS_INODE_SOCKET ? type - SQFS_INODE_SOCKET : type); }

EntryType entry_type(std::uint16_t type) {
  switch (basic_type(type)) {
    case SQFS_INODE_DIR: return EntryType::directory;
    case SQFS_INODE_FILE: return EntryType::regular;
    case SQFS_INODE_SLINK: return EntryType::symlink;
    case SQFS_INODE_BDEV: return EntryType::block_device;
    case SQFS_INODE_CDEV: return EntryType::char_device;
    case SQFS_INODE_FIFO: return EntryType::fifo;
    case SQFS_INODE_SOCKET: return EntryType::socket;
    default: throw_malformed(fmt::format("inode type {} is not known", type));
  }
}

std::uint32_t device_of(std::uint32_t number) {
  const std::uint32_t major = (number >> 8) & 0xfff;
  const std::uint32_t minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  return device_word(major, minor);
}

std::uint64_t end_of_directories(const Superblock& super) { return std::min(super.fragment_table, super.id_table); }

constexpr std::size_t kFragmentEntry = 16;  ///< start, size word, unused

StoredFragment fragment_of(const std::byte* at) {
  return {load_le<std::uint64_t>(at), load_le<std::uint32_t>(at + sizeof(std::uint64_t))};
}

}  // namespace

class StoredTreeReader::Impl {
 public:
  Impl(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits, StoredTree& out)
      : super_(super),
        limits_(limits),
        inodes_(region, codec, super.inode_table, super.directory_table, "the inode table"),
        directories_(region, codec, super.directory_table, end_of_directories(super), "the directory table"),
        xattrs_(region, codec, super, limits),
        out_(out) {
    const Bytes ids = read_table(region, codec, super, super.id_table, std::uint64_t{super.ids} * sizeof(std::uint32_t), limits, "the id table");
    for (std::size_t at = 0; at < ids.size(); at += sizeof(std::uint32_t)) ids_.push_back(load_le<std::uint32_t>(ids.data() + at));
    if (super.inodes > inodes_.max_bytes() / kMinInode) throw_malformed(fmt::format("the superblock: more inodes ({}) than their table can hold", super.inodes));
    expect_room(std::uint64_t{super.inodes} * sizeof(InodeId));
    by_number_.resize(std::size_t{super.inodes} + 1, kNone);
    const Record root = in_context([] { return std::string("the root"); }, [&] { return read_inode(MetadataPlace::of(super_.root)); });
    if (root.inode.type != EntryType::directory) throw_malformed("the root is no directory");
    tree().inode(Tree::kRoot).metadata = root.inode.metadata;
    by_number_[root.number] = Tree::kRoot;
    out_.link_counts.emplace(Tree::kRoot, root.links);
    open_.push_back({.inode = Tree::kRoot, .listing = root.listing});
  }

  void look_up(InodeId directory, std::string_view name) {
    if (tree().find(directory, name) != kNone) return;
    const auto at = place_of(directory);
    if (at == open_.size()) return;
    open_[at].begun = true;
    const Directory copy = open_[at];
    read_directory(copy, name);
  }

  void list(InodeId directory) {
    if (const auto at = place_of(directory); at != open_.size()) list_at(at);
  }

  void read_rest() {
    while (!open_.empty()) list_at(open_.size() - 1);
  }

  std::vector<InodeId> take_numbers() { return std::move(by_number_); }

 private:
  static constexpr std::size_t kMinInode = 20;

  struct Listing {
    MetadataPlace place;
    std::uint32_t size = 0;
  };
  struct Record {
    Inode inode;
    std::uint32_t number = 0;
    std::uint32_t links = 1;  ///< as the inode counts them
    Listing listing;          ///< of a directory
  };
  struct Directory {
    InodeId inode = kNone;
    Listing listing;
    std::uint32_t depth = 0;
    std::uint32_t path_bytes = 0;
    bool begun = false;  ///< some of its entries are known
  };

  /// In `open_`; its size for a directory all of which is known.
  std::size_t place_of(InodeId directory) const {
    const auto found = std::find_if(open_.begin(), open_.end(), [&](const Directory& each) { return each.inode == directory; });
    return static_cast<std::size_t>(found - open_.begin());
  }

  /// A directory stays open until all of its list was sound, so that an error is no reason to take a part for the whole.
  void list_at(std::size_t at) {
    const Directory directory = open_[at];
    open_[at].begun = true;
    read_directory(directory, std::nullopt);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  Tree& tree() noexcept { return out_.tree; }

  /// Refuses what would take more memory, `more` bytes included, than an image may.
  void expect_room(std::uint64_t more) const {
    const std::uint64_t kept = out_.tree.bytes() + out_.files.size() * sizeof(FileBlocks) + out_.words.size() * sizeof(std::uint32_t) +
                               by_number_.size() * sizeof(InodeId) + open_.size() * sizeof(Directory) +
                               out_.link_counts.size() * 6 * sizeof(InodeId);
    if (kept > limits_.metadata_bytes || more > limits_.metadata_bytes - kept) {
      throw_over_limit(fmt::format("what is to be kept of the files takes more than {} bytes of memory", limits_.metadata_bytes), &Limits::metadata_bytes);
    }
  }

  std::uint32_t owner(std::uint16_t index) const {
    if (index >= ids_.size()) throw_malformed(fmt::format("owner {}, the id table has {}", index, ids_.size()));
    return ids_[index];
  }

  Record read_inode(MetadataPlace place) {
    Record out;
    Inode& inode = out.inode;
    inodes_.seek(place);
    const auto type = inodes_.le<std::uint16_t>();
    const bool extended = type > SQFS_INODE_SOCKET;
    inode.type = entry_type(type);
    inode.metadata.mode = inodes_.le<std::uint16_t>() & 07777u;
    inode.metadata.uid = owner(inodes_.le<std::uint16_t>());
    inode.metadata.gid = owner(inodes_.le<std::uint16_t>());
    inode.metadata.mtime = inodes_.le<std::uint32_t>();
    out.number = inodes_.le<std::uint32_t>();
    if (out.number == 0 || out.number > super_.inodes) throw_malformed(fmt::format("inode number {}, the superblock counts {}", out.number, super_.inodes));
    if (inode.type == EntryType::directory) return read_directory(out, extended);
    if (by_number_[out.number] != kNone) return out;  // another name of what is known
    std::uint32_t xattrs = kNoXattr;
    if (inode.type == EntryType::regular) {
      xattrs = read_regular(out, extended);
    } else {
      out.links = inodes_.le<std::uint32_t>();
      if (inode.type == EntryType::symlink) read_symlink(inode);
      if (inode.type == EntryType::char_device || inode.type == EntryType::block_device) inode.data = device_of(inodes_.le<std::uint32_t>());
      if (extended) xattrs = inodes_.le<std::uint32_t>();
    }
    set_xattrs(inode, xattrs);
    return out;
  }

  Record& read_directory(Record& out, bool extended) {
    std::uint32_t size = 0;
    std::uint32_t xattrs = kNoXattr;
    if (extended) {
      out.links = inodes_.le<std::uint32_t>();
      size = inodes_.le<std::uint32_t>();
      out.listing.place.block = inodes_.le<std::uint32_t>();
      inodes_.le<std::uint32_t>();  // the parent's number
      inodes_.le<std::uint16_t>();  // length of the index, which only looking for one name needs
      out.listing.place.offset = inodes_.le<std::uint16_t>();
      xattrs = inodes_.le<std::uint32_t>();
    } else {
      out.listing.place.block = inodes_.le<std::uint32_t>();
      out.links = inodes_.le<std::uint32_t>();
      size = inodes_.le<std::uint16_t>();
      out.listing.place.offset = inodes_.le<std::uint16_t>();
    }
    out.listing.size = size > kListingExtra ? size - kListingExtra : 0;
    set_xattrs(out.inode, xattrs);
    return out;
  }

  void set_xattrs(Inode& inode, std::uint32_t number) {
    if (number != kNoXattr) inode.metadata.xattrs = xattrs_.read(number, tree());
  }

  std::uint32_t read_regular(Record& out, bool extended) {
    Inode& inode = out.inode;
    FileBlocks file;
    std::uint32_t xattrs = kNoXattr;
    if (extended) {
      file.start = inodes_.le<std::uint64_t>();
      inode.size = inodes_.le<std::uint64_t>();
      inodes_.le<std::uint64_t>();  // bytes in holes
      out.links = inodes_.le<std::uint32_t>();
      file.fragment = inodes_.le<std::uint32_t>();
      file.offset = inodes_.le<std::uint32_t>();
      xattrs = inodes_.le<std::uint32_t>();
    } else {
      file.start = inodes_.le<std::uint32_t>();
      file.fragment = inodes_.le<std::uint32_t>();
      file.offset = inodes_.le<std::uint32_t>();
      inode.size = inodes_.le<std::uint32_t>();
    }
    const std::uint64_t tail = inode.size % super_.block_size;
    const std::uint64_t count = inode.size / super_.block_size + (tail != 0 && file.fragment == kNoFragment ? 1 : 0);
    if (count > inodes_.max_bytes() / sizeof(std::uint32_t)) {
      throw_malformed(fmt::format("a file of {} bytes, whose {} blocks the inode table cannot list", inode.size, count));
    }
    if (tail == 0) file.fragment = kNoFragment;
    if (file.fragment != kNoFragment && (file.fragment >= super_.fragments || file.offset > super_.block_size - tail)) {
      throw_malformed(fmt::format("a file's end in fragment {} of {}, {} bytes at {} of {}", file.fragment, super_.fragments, tail, file.offset, super_.block_size));
    }
    inode.content = kEmptyContent;
    if (inode.size == 0) return xattrs;
    expect_room(count * sizeof(std::uint32_t));
    file.first_block = out_.words.size();
    file.count = static_cast<std::uint32_t>(count);
    out_.words.resize(out_.words.size() + static_cast<std::size_t>(count));
    const auto words = std::span(out_.words).subspan(static_cast<std::size_t>(file.first_block));
    inodes_.read(std::as_writable_bytes(words));
    for (auto& word : words) word = load_le<std::uint32_t>(reinterpret_cast<const std::byte*>(&word));
    inode.content = ContentId{static_cast<std::uint32_t>(out_.files.size())};
    out_.files.push_back(file);
    return xattrs;
  }

  void read_symlink(Inode& inode) {
    const auto size = inodes_.le<std::uint32_t>();
    if (size > limits_.symlink_bytes) throw_malformed(fmt::format("a symbolic link's target of {} bytes, there are at most {}", size, limits_.symlink_bytes));
    std::string target(size, '\0');
    inodes_.read(std::as_writable_bytes(std::span(target)));
    if (target.empty() || target.find('\0') != std::string::npos) throw_malformed(fmt::format("{} is no target of a symbolic link", in_quotes(target)));
    inode.data = tree().add_symlink_target(target);
  }

  /// All of a directory's list, or as far as `wanted` is or would be in it.
  void read_directory(const Directory& directory, std::optional<std::string_view> wanted) {
    std::uint32_t left = directory.listing.size;
    const auto take = [&](std::uint32_t bytes) {
      if (bytes > left) throw_malformed(fmt::format("a directory's list ends inside an entry, {} bytes too early", bytes - left));
      left -= bytes;
    };
    if (left != 0) directories_.seek(directory.listing.place);
    std::string last;
    std::uint64_t seen = 0;
    while (left != 0) {
      take(kHeaderSize);
      const auto count = directories_.le<std::uint32_t>();  // less one
      if (count >= kNamesOfHeader) throw_malformed(fmt::format("a header of a directory counts {} names, there are at most {}", std::uint64_t{count} + 1, kNamesOfHeader));
      const std::uint64_t block = directories_.le<std::uint32_t>();
      const auto base = directories_.le<std::uint32_t>();
      for (std::uint32_t i = 0; i <= count; ++i) {
        take(kEntrySize);
        const MetadataPlace place{block, directories_.le<std::uint16_t>()};
        const auto number = base + static_cast<std::uint32_t>(std::int32_t{directories_.le<std::int16_t>()});
        const auto type = directories_.le<std::uint16_t>();
        std::string name(std::size_t{directories_.le<std::uint16_t>()} + 1, '\0');
        take(static_cast<std::uint32_t>(name.size()));
        directories_.read(std::as_writable_bytes(std::span(name)));
        in_context([&] { return in_quotes(name); }, [&] {
          expect_name(directory, name, last, ++seen);
          const bool passed_over = wanted ? name != *wanted : directory.begun && tree().find(directory.inode, name) != kNone;
          if (!passed_over) add(directory, name, place, number, type);
        });
        if (wanted && name >= *wanted) return;
        last = std::move(name);
      }
    }
  }

  void expect_name(const Directory& directory, const std::string& name, const std::string& last, std::uint64_t seen) const {
    if (name == "." || name == ".." || name.find('/') != std::string::npos || name.find('\0') != std::string::npos || name.size() > limits_.name_bytes) {
      throw_malformed("this is no name of a file");
    }
    if (name <= last) throw_malformed(fmt::format("a directory's names are not sorted or not unique, this one stands behind {}", in_quotes(last)));
    if (seen > limits_.entries || names_ >= limits_.entries) throw_over_limit(fmt::format("more than {} names", limits_.entries), &Limits::entries);
    const auto path_bytes = path_bytes_of(directory, name);
    if (path_bytes > limits_.path_bytes + 1 || directory.depth >= limits_.path_depth) {
      throw Error(ErrorKind::limit, fmt::format("a path of {} bytes and {} names, the limits are {} and {}", path_bytes - 1, directory.depth + 1, limits_.path_bytes, limits_.path_depth));
    }
  }

  static std::uint32_t path_bytes_of(const Directory& directory, const std::string& name) {
    return directory.path_bytes + 1 + static_cast<std::uint32_t>(name.size());
  }

  void add(const Directory& directory, const std::string& name, MetadataPlace place, std::uint32_t number, std::uint16_t type) {
    ++names_;
    const Record record = read_inode(place);
    if (record.number != number) throw_malformed(fmt::format("its directory says inode {}, the inode says {}", number, record.number));
    if (entry_type(type) != record.inode.type) throw_malformed(fmt::format("its directory says type {}, the inode is of another", type));
    auto& known = by_number_[number];
    const bool is_directory = record.inode.type == EntryType::directory;
    if (known != kNone) {
      // A directory with two names is a loop or would become one.
      if (is_directory || tree().inode(known).type != record.inode.type) throw_malformed(fmt::format("inode {} is known as another, or as a directory with another name", number));
      tree().link(directory.inode, name, known);
    } else {
      known = tree().add_inode(record.inode);
      tree().link(directory.inode, name, known);
      if (is_directory) open_.push_back({.inode = known, .listing = record.listing, .depth = directory.depth + 1, .path_bytes = path_bytes_of(directory, name)});
      if (record.links != (is_directory ? 2 : 1)) out_.link_counts.emplace(known, record.links);
    }
    expect_room(0);
  }

  const Superblock& super_;
  const Limits& limits_;
  MetadataReader inodes_;
  MetadataReader directories_;
  XattrReader xattrs_;
  std::vector<std::uint32_t> ids_;
  std::vector<InodeId> by_number_;
  std::vector<Directory> open_;
  std::uint64_t names_ = 0;
  StoredTree& out_;
};

StoredTreeReader::StoredTreeReader(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits, StoredTree& out)
    : impl_(std::make_unique<Impl>(region, codec, super, limits, out)) {}

StoredTreeReader::~StoredTreeReader() = default;

void StoredTreeReader::look_up(InodeId directory, std::string_view name) { impl_->look_up(directory, name); }

void StoredTreeReader::list(InodeId directory) { impl_->list(directory); }

void StoredTreeReader::read_rest() { impl_->read_rest(); }

std::vector<InodeId> StoredTreeReader::take_numbers() { return impl_->take_numbers(); }

StoredTree read_stored_tree(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits) {
  StoredTree out;
  StoredTreeReader reader(region, codec, super, limits, out);
  reader.read_rest();
  out.by_number = reader.take_numbers();
  return out;
}

StoredFragment read_fragment(Region& region, BlockDecompressor& codec, const Superblock& super, std::uint32_t index) {
  static constexpr std::uint32_t kInBlock = kMetadataBlock / kFragmentEntry;
  static constexpr std::string_view kWhat = "the fragment table";
  if (index >= super.fragments) throw_malformed(fmt::format("fragment {} of {}", index, super.fragments));
  std::array<std::byte, sizeof(std::uint64_t)> place;
  read_image(region, super.bytes, super.fragment_table + std::uint64_t{index / kInBlock} * sizeof place, place, kWhat);
  const auto block = load_le<std::uint64_t>(place.data());
  if (block < sizeof(sqfs_super_t)) throw_malformed(fmt::format("{}: a block at {}", kWhat, block));
  MetadataReader blocks(region, codec, 0, super.fragment_table, kWhat);
  blocks.seek({block, index % kInBlock * static_cast<std::uint32_t>(kFragmentEntry)});
  std::array<std::byte, kFragmentEntry> entry;
  blocks.read(entry);
  return fragment_of(entry.data());
}

std::vector<StoredFragment> read_fragment_table(Region& region, BlockDecompressor& codec, const Superblock& super,
                                                const Limits& limits) {
  std::vector<StoredFragment> out;
  if (super.fragments == 0) return out;
  const std::string what = fmt::format("the table of {} fragments", super.fragments);
  const Bytes table =
      read_table(region, codec, super, super.fragment_table, std::uint64_t{super.fragments} * kFragmentEntry, limits, what);
  for (const std::byte* at = table.data(); at != table.data() + table.size(); at += kFragmentEntry) out.push_back(fragment_of(at));
  return out;
}

}  // namespace sifkit::layers

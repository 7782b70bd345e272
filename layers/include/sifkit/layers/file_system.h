// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/stream.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// A root file system that is looked into where it lies: its tree, and the bytes of its files when they are asked for.
/// Only the file system that a tree came from can give the bytes for it. Not thread safe.
class SIFKIT_API FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// All of it. Of one that was opened on demand that reads the rest; ids stay what they are.
  virtual const Tree& tree() const = 0;
  /// As much of `tree()` as has been read: the way to what `find` gave, and what is in the directories that `list` was
  /// asked for. In a part of a tree, names of an inode may be missing, and so may links count less.
  virtual const Tree& known() const { return tree(); }

  /// What a path leads to, the last link followed when `follow` is set; nothing where that is nothing.
  virtual std::optional<InodeId> find(std::string_view path, bool follow) const { return tree().resolve(path, follow); }
  /// Makes all entries of a directory known.
  virtual void list(InodeId) const {}
  /// As stat(2) has it and the file system says it; not all names need be known.
  virtual std::uint32_t link_count(InodeId inode) const { return known().link_count(inode); }

  /// Gives the bytes of a regular file to `sink`, holes as such.
  virtual ContentId read(InodeId inode, ContentSink& sink) = 0;
  /// The same to a plain sink, holes as zeros.
  void read(InodeId inode, Sink& sink);

  /// Whether a part of a file can be read without what is before it.
  virtual bool reads_parts() const { return false; }
  /// Reads such a part of a regular file: all of `into`, which ends inside the file.
  virtual void read_part(InodeId inode, std::uint64_t offset, std::span<std::byte> into);

  /// Where the bytes of a file go, asked before they are read; nullptr passes the file over. It may call
  /// `read_part` of that file.
  using SinkFor = std::function<ContentSink*(InodeId)>;
  /// Gives the bytes of many regular files, in the order in which they lie: so nothing is unpacked twice. Each is given
  /// once, however often it is named.
  virtual void read_files(std::vector<InodeId> files, const SinkFor& sink_for) = 0;

  /// The bytes of a small file; limit where there are more than `max_bytes`.
  std::string text(InodeId inode, std::uint64_t max_bytes);
  /// As `find`; not_found names the path. With a slash at its end it has to be that of a directory.
  InodeId require(std::string_view path, bool follow) const;
};

}  // namespace sifkit::layers

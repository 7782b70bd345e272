// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/export.h>

namespace sifkit::layers {

enum class EntryType : std::uint8_t { regular, directory, symlink, char_device, block_device, fifo, socket };

/// What an entry's name says it does to lower layers (OCI image-spec, layer.md "Whiteouts").
enum class Whiteout : std::uint8_t { none, explicit_file, opaque_dir };

using Xattrs = std::vector<std::pair<std::string, std::string>>;  ///< sorted by name, full names ("user.x")

/// Owner, mode and time of a file in the image. Everything here ends in the inode.
struct Metadata {
  std::uint32_t mode = 0755;  ///< permission bits and setuid, setgid, sticky; never file type bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t mtime = 0;   ///< seconds since 1970, clamped to what squashfs holds
  std::uint32_t xattrs = 0;  ///< index into Tree's xattr sets; 0 is the empty set
};

/// One change of a layer: a file to create or replace, a hard link, or a whiteout.
/// `path` is relative, clean (no empty, `.` or `..` components) and bytes; empty means the root itself.
/// For a whiteout it is the path that is hidden (explicit) or the directory that is emptied (opaque).
struct Entry {
  std::string path;
  Whiteout whiteout = Whiteout::none;
  bool hard_link = false;  ///< then `link_target` is a clean path inside the image; metadata and xattrs do not count
  EntryType type = EntryType::regular;
  Metadata metadata;
  Xattrs xattrs;
  std::string link_target;  ///< symbolic link: bytes as stored; hard link: clean path
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;  ///< regular files, holes included
};

}  // namespace sifkit::layers

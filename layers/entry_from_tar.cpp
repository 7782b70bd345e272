// SPDX-License-Identifier: Apache-2.0
#include "entry_from_tar.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/entry_names.h>


namespace sifkit::layers {

namespace {

constexpr std::string_view kOpaqueName = ".wh..wh..opq";
constexpr std::string_view kMetaPrefix = ".wh..wh.";  // AUFS's own files

constexpr std::uint64_t kMaxId = std::numeric_limits<std::uint32_t>::max() - 1;  // -1 is no owner to the kernel

EntryType type_of(TarType type) {
  switch (type) {
    case TarType::regular:
    case TarType::hard_link: return EntryType::regular;
    case TarType::symlink: return EntryType::symlink;
    case TarType::char_device: return EntryType::char_device;
    case TarType::block_device: return EntryType::block_device;
    case TarType::directory: return EntryType::directory;
    case TarType::fifo: return EntryType::fifo;
  }
  return EntryType::regular;
}

std::string inside_root(std::string_view name, const LayerOptions& options, const Limits& limits, WarningList& warnings) {
  CleanPath clean = clean_path(name, limits);
  if (!clean.climbs) return std::move(clean.path);
  if (!options.clamp_climbing_names || clean.path.empty()) {
    throw Error(ErrorKind::malformed, "the name leaves the root of the image",
                clean.path.empty() ? Hint() : Hint(Advice::clamp_names, {}, "no image builder writes such names"));
  }
  warnings.add("name-clamped", fmt::format("entry {} leaves the root; it is put at {}", in_quotes(name), in_quotes("/" + clean.path)));
  return std::move(clean.path);
}

std::uint32_t checked_id(std::uint64_t id, std::string_view what) {
  if (id > kMaxId) throw Error(ErrorKind::malformed, fmt::format("{} {} is over {}", what, id, kMaxId));
  return static_cast<std::uint32_t>(id);
}

/// Turns the entry into a whiteout when its name says so.
void take_whiteout(Entry& entry, const TarMember& member, WarningList& warnings) {
  const auto [parent, name] = split_path(entry.path);
  if (!name.starts_with(kWhiteoutPrefix)) return;
  if (name != kOpaqueName && name.starts_with(kMetaPrefix)) {
    warnings.add("aufs-file", fmt::format("{} is left out", in_quotes(entry.path)));
  } else if (member.type != TarType::regular || member.size != 0) {
    warnings.add("whiteout-type", fmt::format("whiteout {} is no empty regular file; it counts all the same", in_quotes(entry.path)));
  }
  if (name == kOpaqueName) {
    entry.whiteout = Whiteout::opaque_dir;
    entry.path = std::string(parent);
    return;
  }
  const auto hidden = name.substr(kWhiteoutPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    throw Error(ErrorKind::malformed, fmt::format("whiteout {} names no file", in_quotes(name)));
  }
  entry.whiteout = Whiteout::explicit_file;
  entry.path = parent.empty() ? std::string(hidden) : fmt::format("{}/{}", parent, hidden);
}

void take_links(Entry& entry, const TarMember& member, const Limits& limits, WarningList& warnings) {
  if (member.type == TarType::symlink) {
    if (member.link_name.empty()) throw Error(ErrorKind::malformed, "a symbolic link without a target");
    if (member.link_name.size() > limits.symlink_bytes) {
      throw Error(ErrorKind::limit, fmt::format("a symbolic link's target of {} bytes, the limit is {}", member.link_name.size(),
                                                limits.symlink_bytes));
    }
    entry.link_target = member.link_name;
  }
  if (member.type == TarType::hard_link) {
    entry.hard_link = true;
    if (member.link_name.empty()) throw Error(ErrorKind::malformed, "a hard link without a target");
    CleanPath target = clean_path(member.link_name, limits);
    if (target.climbs) {
      warnings.add("name-clamped", fmt::format("hard link {}: target {} leaves the root; {} is taken", in_quotes(entry.path),
                                               in_quotes(member.link_name), in_quotes("/" + target.path)));
    }
    if (target.path.empty()) throw Error(ErrorKind::malformed, "a hard link to the root");
    if (target.path == entry.path) throw Error(ErrorKind::malformed, "a hard link to itself");
    entry.link_target = std::move(target.path);
  }
}

}  // namespace

std::uint32_t clamp_mtime(std::int64_t seconds, std::string_view path, WarningList& warnings) {
  static constexpr std::int64_t kLatest = std::numeric_limits<std::uint32_t>::max();
  if (seconds >= 0 && seconds <= kLatest) return static_cast<std::uint32_t>(seconds);
  const auto clamped = seconds < 0 ? 0 : kLatest;
  warnings.add("mtime-clamped", fmt::format("{}: time {} does not fit the image; {} is taken", in_quotes(path), seconds, clamped));
  return static_cast<std::uint32_t>(clamped);
}

void filter_xattrs(Xattrs& xattrs, std::string_view path, EntryType type, XattrPolicy policy, WarningList& warnings) {
  const bool takes_user = type == EntryType::regular || type == EntryType::directory;
  std::erase_if(xattrs, [&](const auto& xattr) {
    const std::string_view name = xattr.first;
    if (!keeps(policy, name)) return true;
    // They describe the machine the layer was made on, or steer an overlay below which the image is not mounted.
    const bool foreign = name == "security.selinux" || name == "user.rootlesscontainers" || name.starts_with("trusted.overlay.") ||
                         name.starts_with("user.overlay.");
    const auto in_namespace = [&](std::string_view prefix) { return name.starts_with(prefix) && name.size() > prefix.size(); };
    const bool storable = in_namespace("user.") || in_namespace("trusted.") || in_namespace("security.");
    const bool misplaced = name.starts_with("user.") && !takes_user;
    if (!foreign && storable && !misplaced) return false;
    warnings.add("xattr-dropped", fmt::format("{}: extended attribute {} is dropped", in_quotes(path), in_quotes(name)));
    return true;
  });
  std::sort(xattrs.begin(), xattrs.end());
}

Entry entry_from_tar(TarMember& member, bool is_layer, const LayerOptions& options, const Limits& limits,
                     WarningList& warnings) {
  Entry entry;
  if (member.name.empty()) throw Error(ErrorKind::malformed, "an entry without a name");
  entry.path = inside_root(member.name, options, limits, warnings);
  entry.type = type_of(member.type);
  if (entry.path.empty() && member.type != TarType::directory) {
    throw Error(ErrorKind::malformed, "the root of the image must be a directory");
  }
  if (is_layer) take_whiteout(entry, member, warnings);
  if (entry.whiteout != Whiteout::none) return entry;

  take_links(entry, member, limits, warnings);
  entry.xattrs = std::move(member.xattrs);
  filter_xattrs(entry.xattrs, entry.path, entry.type, options.xattrs, warnings);
  if (member.has_acl && keeps(options.xattrs, "system.posix_acl_access")) {
    warnings.add("xattr-dropped", fmt::format("{}: its access control list is dropped", in_quotes(entry.path)));
  }
  // A link has no permissions of its own; Linux shows all of them.
  entry.metadata.mode = member.type == TarType::symlink ? 0777 : member.mode;
  entry.metadata.uid = checked_id(member.uid, "uid");
  entry.metadata.gid = checked_id(member.gid, "gid");
  entry.metadata.mtime = clamp_mtime(member.mtime, entry.path, warnings);
  if (entry.hard_link) return entry;

  entry.device_major = member.device_major;
  entry.device_minor = member.device_minor;
  entry.size = entry.type == EntryType::regular ? member.size : 0;
  if (entry.type == EntryType::char_device && entry.device_major == 0 && entry.device_minor == 0) {
    warnings.add("overlay-whiteout", fmt::format("{}: character device 0:0 is kept; an overlay reads it as a deletion", in_quotes(entry.path)));
  }
  const bool odd = entry.path.starts_with(kWhiteoutPrefix) || entry.path.find("/.wh.") != std::string::npos;
  if (odd && !entry.path.starts_with(kMetaPrefix)) {
    warnings.add("whiteout-name", fmt::format("{} has the name of a whiteout in its path; it is kept", in_quotes(entry.path)));
  }
  return entry;
}

}  // namespace sifkit::layers

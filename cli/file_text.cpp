// SPDX-License-Identifier: Apache-2.0
#include "file_text.h"

#include <fmt/format.h>

#include <sifkit/core/digest.h>

#include "terminal_filter.h"

namespace sifkit::cli {

using namespace layers;

std::string_view type_word(EntryType type) {
  switch (type) {
    case EntryType::regular: return "regular";
    case EntryType::directory: return "directory";
    case EntryType::symlink: return "symlink";
    case EntryType::char_device: return "char_device";
    case EntryType::block_device: return "block_device";
    case EntryType::fifo: return "fifo";
    case EntryType::socket: return "socket";
  }
  return "regular";
}

std::string mode_text(const Inode& inode) {
  static constexpr std::string_view kTypes = "-dlcbps";
  std::string out(1, kTypes[static_cast<std::size_t>(inode.type)]);
  const auto mode = inode.metadata.mode;
  for (unsigned shift = 6;; shift -= 3) {
    const auto bits = mode >> shift & 7u;
    const bool special = (mode & (04000u >> ((6 - shift) / 3))) != 0;
    out += (bits & 4u) != 0 ? 'r' : '-';
    out += (bits & 2u) != 0 ? 'w' : '-';
    const bool executable = (bits & 1u) != 0;
    const char mark = shift == 0 ? 't' : 's';
    out += special ? (executable ? mark : static_cast<char>(mark - 'a' + 'A')) : executable ? 'x' : '-';
    if (shift == 0) return out;
  }
}

char attribute_mark(const Tree& tree, const Inode& inode) {
  const auto& xattrs = tree.xattrs(inode.metadata.xattrs);
  if (xattrs.empty()) return ' ';
  const bool lists = std::any_of(xattrs.begin(), xattrs.end(),
                                 [](const auto& xattr) { return xattr.first.starts_with("system.posix_acl_"); });
  return lists ? '+' : '@';
}

bool is_device(const Inode& inode) {
  return inode.type == EntryType::char_device || inode.type == EntryType::block_device;
}

std::string device_text(const Inode& inode) { return fmt::format("{}, {}", inode.data >> 20, inode.data & 0xfffff); }

std::uint64_t size_of(const Tree& tree, const Inode& inode) {
  return inode.type == EntryType::symlink ? tree.symlink_target(inode).size() : inode.size;
}

std::string short_size(std::uint64_t size) {
  static constexpr std::string_view kUnits = "KMGTPE";
  if (size < 1024) return fmt::format("{}", size);
  std::size_t unit = 0;
  std::uint64_t tenths = (size * 10 + 1023) / 1024;  // ls rounds up
  if (size > ~std::uint64_t{0} / 16) tenths = size / 1024 * 10;
  while ((tenths + 9) / 10 >= 1024 && unit + 1 < kUnits.size()) {
    tenths = (tenths + 1023) / 1024;
    ++unit;
  }
  return tenths < 100 ? fmt::format("{}.{}{}", tenths / 10, tenths % 10, kUnits[unit])
                      : fmt::format("{}{}", (tenths + 9) / 10, kUnits[unit]);
}

std::string shown(std::string_view name, const Session& session) {
  return session.io.out_is_terminal ? single_line(name) : std::string(name);
}

namespace {

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

void put_text(Json& record, const std::string& key, std::string_view text) {
  record[key] = std::string(text);
  if (!is_utf8(text)) record[key + "_hex"] = to_hex(as_bytes(text));
}

Json file_record(const Tree& tree, std::string_view path, InodeId id) {
  const Inode& inode = tree.inode(id);
  Json record{{"type", type_word(inode.type)},
              {"mode", fmt::format("{:04o}", inode.metadata.mode)},
              {"uid", inode.metadata.uid},
              {"gid", inode.metadata.gid},
              {"size", size_of(tree, inode)},
              {"mtime", inode.metadata.mtime},
              {"links", inode.links},
              {"target", nullptr},
              {"device", nullptr},
              {"xattrs_hex", Json::object()}};
  put_text(record, "path", path);
  if (inode.type == EntryType::symlink) put_text(record, "target", tree.symlink_target(inode));
  if (is_device(inode)) record["device"] = {{"major", inode.data >> 20}, {"minor", inode.data & 0xfffff}};
  for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) {
    if (is_utf8(name)) {
      record["xattrs_hex"][name] = to_hex(as_bytes(value));
    } else {
      record["xattr_names_hex"][to_hex(as_bytes(name))] = to_hex(as_bytes(value));
    }
  }
  return record;
}

}  // namespace sifkit::cli

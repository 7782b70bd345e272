// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/files.h>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/readable.h>

namespace sifkit::records {

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

bool is_device(const Inode& inode) {
  return inode.type == EntryType::char_device || inode.type == EntryType::block_device;
}

std::uint64_t size_of(const Tree& tree, const Inode& inode) {
  return inode.type == EntryType::symlink ? tree.symlink_target(inode).size() : inode.size;
}

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
              {"links", tree.link_count(id)},
              {"target", nullptr},
              {"device", nullptr},
              {"xattrs_hex", Json::object()}};
  put_text(record, "path", path);
  if (inode.type == EntryType::symlink) put_text(record, "target", tree.symlink_target(inode));
  if (is_device(inode)) record["device"] = {{"major", device_major(inode.data)}, {"minor", device_minor(inode.data)}};
  for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) {
    if (is_utf8(name)) {
      record["xattrs_hex"][name] = to_hex(as_bytes(value));
    } else {
      record["xattr_names_hex"][to_hex(as_bytes(name))] = to_hex(as_bytes(value));
    }
  }
  return record;
}

}  // namespace sifkit::records

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/tree_digest.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include <sifkit/container_tree.h>
#include <sifkit/core/bytes.h>
#include <sifkit/inspect/content_digests.h>
#include <sifkit/layers/walk.h>

namespace sifkit::inspect {

using namespace layers;

namespace {

constexpr std::string_view kTypes = "fdlcbps";  // in the order of EntryType
constexpr std::string_view kNamespaces[] = {"user.", "trusted.", "security."};  // which squashfs can hold

class Stream {
 public:
  void number(std::uint64_t value) {
    std::byte raw[sizeof value];
    store_le(raw, value);
    hasher_.update(raw);
  }

  void text(std::string_view value) {
    number(value.size());
    hasher_.update(as_bytes(value));
  }

  void raw(ByteView bytes) { hasher_.update(bytes); }

  Digest finish() { return hasher_.finish(); }

 private:
  Hasher hasher_;
};

}  // namespace

Xattrs comparable_xattrs(const Tree& tree, const Inode& inode, std::set<std::string>& left_out) {
  Xattrs out;
  const std::string* capability = nullptr;
  for (const auto& attribute : tree.xattrs(inode.metadata.xattrs)) {
    const auto& name = attribute.first;
    const bool regular = inode.type == EntryType::regular;
    if (regular && (name == kRealCapability || name == kStoredCapability)) {
      if (capability == nullptr || name == kRealCapability) capability = &attribute.second;
    } else if (std::any_of(std::begin(kNamespaces), std::end(kNamespaces),
                           [&](std::string_view space) { return name.starts_with(space); })) {
      out.push_back(attribute);
    } else {
      left_out.insert(name);
    }
  }
  if (capability != nullptr) {
    out.emplace_back(kRealCapability, *capability);
    std::sort(out.begin(), out.end());
  }
  return out;
}

TreeDigest tree_digest(FileSystem& files, bool with_runtime_files, const OperationContext& operation) {
  const Tree& tree = files.tree();
  const auto counts = [&](const WalkedName& here) {
    operation.check();
    return with_runtime_files || !is_runtime_file(tree, here.path, here.inode);
  };
  std::vector<InodeId> contents;
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    if (!counts(here)) return false;
    if (tree.inode(here.inode).type == EntryType::regular) contents.push_back(here.inode);
    return true;
  });
  const auto digests = content_digests(files, std::move(contents), operation);

  TreeDigest out;
  Stream stream;
  stream.text("sifkit-tree/v1");
  std::unordered_map<InodeId, std::string> first_names;  // of what has several
  const auto add = [&](std::string_view path, InodeId id) {
    const Inode& inode = tree.inode(id);
    ++out.names;
    stream.text(path);
    if (inode.type != EntryType::directory && inode.links > 1) {
      if (const auto [first, fresh] = first_names.try_emplace(id, path); !fresh) {
        stream.text("h");
        stream.text(first->second);
        return;
      }
    }
    stream.text(kTypes.substr(static_cast<std::size_t>(inode.type), 1));
    for (const auto value : {inode.metadata.mode, inode.metadata.uid, inode.metadata.gid, inode.metadata.mtime}) {
      stream.number(value);
    }
    const auto xattrs = comparable_xattrs(tree, inode, out.left_out);
    stream.number(xattrs.size());
    for (const auto& [name, value] : xattrs) {
      stream.text(name);
      stream.text(value);
    }
    switch (inode.type) {
      case EntryType::regular:
        stream.number(inode.size);
        stream.raw(digests.at(id));
        out.bytes += inode.size;
        break;
      case EntryType::symlink: stream.text(tree.symlink_target(inode)); break;
      case EntryType::char_device:
      case EntryType::block_device:
        stream.number(device_major(inode.data));
        stream.number(device_minor(inode.data));
        break;
      default: break;
    }
  };
  add({}, Tree::kRoot);
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    if (!counts(here)) return false;
    add(here.path, here.inode);
    return true;
  });
  out.digest = stream.finish();
  return out;
}

}  // namespace sifkit::inspect

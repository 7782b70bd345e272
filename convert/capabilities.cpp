// SPDX-License-Identifier: Apache-2.0
#include "capabilities.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/file_system.h>
#include <sifkit/layers/walk.h>

namespace sifkit {

using namespace layers;

namespace {

constexpr std::size_t kExamples = 3;

const std::string* find(const Xattrs& attributes, std::string_view name) {
  const auto at =
      std::lower_bound(attributes.begin(), attributes.end(), name,
                       [](const auto& attribute, std::string_view wanted) { return attribute.first < wanted; });
  return at != attributes.end() && at->first == name ? &at->second : nullptr;
}

bool has_capabilities(const Tree& tree, InodeId id, std::string_view name) {
  const Inode& inode = tree.inode(id);
  return inode.type == EntryType::regular && find(tree.xattrs(inode.metadata.xattrs), name) != nullptr;
}

/// A set of attributes with its capabilities in the other form; 0 where it has none.
class OtherSets {
 public:
  OtherSets(Tree& tree, bool real) : tree_(tree), name_(real ? kRealCapability : kStoredCapability) {}

  std::uint32_t of(std::uint32_t set) {
    const auto [at, fresh] = sets_.try_emplace(set, 0);
    if (!fresh) return at->second;
    const auto attributes = with_capabilities_as(name_, tree_.xattrs(set));
    if (attributes) at->second = tree_.intern_xattrs(*attributes);
    return at->second;
  }

 private:
  Tree& tree_;
  const std::string name_;
  std::unordered_map<std::uint32_t, std::uint32_t> sets_;
};

/// The first paths, in their order, of files that have the attribute; one for each file.
std::vector<std::string> examples(const Tree& tree, std::string_view attribute) {
  std::vector<std::string> found;
  std::vector<InodeId> files;
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    if (found.size() == kExamples) return false;
    if (has_capabilities(tree, here.inode, attribute) &&
        std::find(files.begin(), files.end(), here.inode) == files.end()) {
      files.push_back(here.inode);
      found.push_back(fmt::format("/{}", here.path));
    }
    return true;
  });
  return found;
}

std::string list_of(const std::vector<std::string>& paths, std::uint64_t count) {
  std::string list;
  for (const auto& path : paths) list += (list.empty() ? "" : ", ") + in_quotes(path);
  return count > paths.size() ? fmt::format("{} and {} more", list, count - paths.size()) : list;
}

}  // namespace

std::optional<Xattrs> with_capabilities_as(std::string_view name, const Xattrs& attributes) {
  const std::string* value = find(attributes, kRealCapability);
  if (value == nullptr) value = find(attributes, kStoredCapability);
  if (value == nullptr) return std::nullopt;
  Xattrs out;
  for (const auto& attribute : attributes) {
    if (attribute.first != kRealCapability && attribute.first != kStoredCapability) out.push_back(attribute);
  }
  out.emplace_back(name, *value);
  std::sort(out.begin(), out.end());
  return out;
}

bool are_of_root(const Inode& inode, const Xattrs& attributes) {
  return inode.metadata.uid == 0 || find(attributes, kRealCapability) != nullptr;
}

std::function<Xattrs(const Inode&, const Xattrs&)> attributes_outside(const OpenedFileSystem& source) {
  return [of_users = source.reference().transport == oci::Transport::directory](const Inode& inode, const Xattrs& xattrs) {
    if (of_users && !are_of_root(inode, xattrs)) return xattrs;
    return with_capabilities_as(kRealCapability, xattrs).value_or(xattrs);
  };
}

void settle_capabilities(Tree& tree, CapabilityForm form, WarningList& warnings) {
  const bool real = form != CapabilityForm::stored;
  const auto name = real ? kRealCapability : kStoredCapability;
  OtherSets sets(tree, real);
  std::uint64_t count = 0;
  for (InodeId id = 0; id < tree.inode_count(); ++id) {
    Inode& inode = tree.inode(id);
    if (inode.links == 0 || inode.type != EntryType::regular || inode.metadata.xattrs == 0) continue;
    if (form == CapabilityForm::real_of_root && !are_of_root(inode, tree.xattrs(inode.metadata.xattrs))) continue;
    const std::uint32_t set = sets.of(inode.metadata.xattrs);
    if (set == 0) continue;
    inode.metadata.xattrs = set;
    ++count;
  }
  // Programs with capabilities do start from a directory.
  if (count == 0 || form == CapabilityForm::real_of_root) return;
  const std::string programs = list_of(examples(tree, name), count);
  if (real) {
    warnings.add("capabilities", fmt::format("capabilities of {}: in a user namespace Linux may not start a program "
                                             "that has some", programs));
    return;
  }
  warnings.add("capabilities", fmt::format("capabilities of {}: kept as the attribute {}, since in a user namespace "
                                           "Linux may not start a program that has some", programs, kStoredCapability),
               Advice::keep_capabilities);
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "root_check.h"

#include <string>

namespace sifkit {

using namespace layers;

namespace {

using Type = oci::ContentsSurvey::Type;

Type type_of(const Inode& inode) {
  return inode.type == EntryType::regular ? Type::regular : inode.type == EntryType::directory ? Type::directory : Type::other;
}

/// What tells an archive of images lies one or two levels below, under names that are asked for.
void add_below(oci::ContentsSurvey& survey, const Tree& tree, const std::string& path, InodeId directory) {
  for (const char* name : {"layer.tar", "json", "sha256", "sha512"}) {
    const NameId found = tree.find(directory, name);
    if (found != kNone) survey.add(path + "/" + name, type_of(tree.inode(tree.inode_of(found))), false, {});
  }
}

}  // namespace

oci::ContentsVerdict contents_of(const Tree& tree) {
  oci::ContentsSurvey survey;
  std::string path;
  for (std::size_t depth = 1; depth <= oci::ContentsSurvey::kMaxLevels; ++depth) {
    const auto directory = tree.resolve(path.empty() ? "/" : path, false);
    if (!directory) break;
    for (const NameId name : tree.sorted_children(*directory)) {
      const InodeId id = tree.inode_of(name);
      const std::string full = (path.empty() ? "" : path + "/") + std::string(tree.text_of(name));
      survey.add(full, type_of(tree.inode(id)), false, {});
      if (tree.inode(id).type == EntryType::directory) add_below(survey, tree, full, id);
    }
    path = survey.only_directory(depth);
    if (path.empty()) break;
  }
  return survey.verdict();
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "runtime_files.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>

#include "runtime_scripts.h"
#include "tree_edit.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr std::string_view kDirectories[] = {
    ".singularity.d/libs", ".singularity.d/actions", ".singularity.d/env", "dev", "proc", "root", "var/tmp", "tmp",
    "etc",                 "sys",                    "home",
};

struct RootLink {
  std::string_view name;
  std::string_view target;
};

constexpr RootLink kRootLinks[] = {
    {"singularity", ".singularity.d/runscript"}, {".run", ".singularity.d/actions/run"},
    {".exec", ".singularity.d/actions/exec"},    {".test", ".singularity.d/actions/test"},
    {".shell", ".singularity.d/actions/shell"},  {"environment", ".singularity.d/env/90-environment.sh"},
};

/// Directories that everybody writes to are sticky and open, where the image does not bring them itself.
constexpr std::string_view kOpenDirectories[] = {"tmp", "var/tmp"};

constexpr std::string_view kHistory = ".singularity.d/bootstrap_history";
constexpr std::string_view kHistoryFiles = ".singularity.d/bootstrap_history/*";

/// The definition text of the container that the image was made from is kept beside the new one.
void keep_older_definition(Tree& tree, TreeEdit& edit) {
  const InodeId older = edit.look_up(kDefinitionPath);
  if (older == kNone || tree.inode(older).type != EntryType::regular) return;
  edit.ensure_directory(kHistory);
  const auto directory = tree.resolve(kHistory, true);
  for (std::size_t number = directory ? tree.sorted_children(*directory).size() : 0;; ++number) {
    const std::string path = fmt::format("{}/Apptainer{}", kHistory, number);
    if (edit.look_up(path) != kNone) continue;
    edit.move(kDefinitionPath, path);
    return;
  }
}

/// What the runtime reads must be its own, and is not written to where a link of the image leads. The image's author or
/// the user has to choose, so everything that is in the way is named at once.
void refuse_obstacles(const TreeEdit& edit) {
  std::vector<std::string_view> files{kEnvironmentScriptPath, kRunScriptPath, kLabelsPath, kDefinitionPath};
  for (const auto& script : fixed_scripts()) files.push_back(script.path);
  // What these two will hold is not known here.
  files.push_back(".singularity.d/libs/*");
  if (edit.look_up(kDefinitionPath) != kNone) files.push_back(kHistoryFiles);
  std::map<std::string, std::string> found;
  std::set<std::string> removable;
  for (const auto file : files) {
    const auto obstacle = edit.obstacle(file);
    if (!obstacle) continue;
    found[obstacle->path] = obstacle->description;
    removable.insert(obstacle->removable);
  }
  if (found.empty()) return;
  std::string list;
  for (const auto& [path, description] : found) {
    list += fmt::format("{}'/{}' {}", list.empty() ? "" : ", ", path, description);
  }
  std::string excludes;
  for (const auto& path : removable) excludes += (excludes.empty() ? "/" : " /") + path;
  throw Error(ErrorKind::unsupported, "files of the image are in the way of the runtime's: " + list,
              {Advice::exclude, excludes});
}

/// The runtime binds the host's own over these. A link of the image stays: where it points may be anywhere.
void empty_network_file(Tree& tree, TreeEdit& edit, std::string_view path, WarningList& warnings) {
  if (!edit.obstacle(path)) return edit.put_file(path, 0644, {});
  const InodeId there = edit.look_up(path);
  if (there != kNone && tree.inode(there).type == EntryType::directory) {
    warnings.add("mount-point", fmt::format("'/{}' is a directory; the runtime mounts the host's file there", path));
  }
}

constexpr std::string_view kNetworkFiles[] = {"etc/hosts", "etc/resolv.conf"};

/// The directories of kDirectories, and those on the way to them.
bool is_mount_point(std::string_view path) {
  return std::any_of(std::begin(kDirectories), std::end(kDirectories), [&](std::string_view directory) {
    return directory.starts_with(path) && (directory.size() == path.size() || directory[path.size()] == '/');
  });
}

}  // namespace

std::span<const std::string_view> emptied_files() noexcept { return kNetworkFiles; }

bool is_in_runtime_directory(std::string_view path) noexcept {
  const auto size = kRuntimeDirectory.size();
  return path.starts_with(kRuntimeDirectory) && (path.size() == size || path[size] == '/');
}

bool is_of_runtime(const Tree& tree, std::string_view path, InodeId id) {
  if (is_in_runtime_directory(path)) return true;
  const Inode& inode = tree.inode(id);
  return inode.type == EntryType::symlink && std::any_of(std::begin(kRootLinks), std::end(kRootLinks), [&](const RootLink& link) {
    return link.name == path && link.target == tree.symlink_target(inode);
  });
}

bool is_runtime_file(const Tree& tree, std::string_view path, InodeId id) {
  if (is_of_runtime(tree, path, id)) return true;
  const Inode& inode = tree.inode(id);
  switch (inode.type) {
    case EntryType::regular:
      // A build empties those of the image.
      return std::find(std::begin(kNetworkFiles), std::end(kNetworkFiles), path) != std::end(kNetworkFiles);
    case EntryType::directory: break;
    default: return false;
  }
  // No more than two names deep, so the recursion is bounded.
  if (path.empty() || !is_mount_point(path)) return false;
  for (NameId name = inode.first_child; name != kNone; name = tree.next_sibling(name)) {
    if (!is_runtime_file(tree, fmt::format("{}/{}", path, tree.text_of(name)), tree.inode_of(name))) return false;
  }
  return true;
}

ContainerAttributes add_runtime_files(Tree& tree, ContentSink& sink, const RuntimeFilesInput& input,
                                      WarningList& warnings) {
  TreeEdit edit(tree, sink, input.mtime);
  refuse_obstacles(edit);
  for (const auto path : kDirectories) {
    // A link or a file that the image has in this place, or on the way to it, stays.
    if (edit.obstacle(std::string(path) + "/*")) continue;
    const bool made = edit.look_up(path) == kNone;
    edit.ensure_directory(path);
    for (const auto open : kOpenDirectories) {
      if (made && path == open) tree.inode(edit.look_up(path)).metadata.mode = 01777;
    }
  }
  for (const auto& link : kRootLinks) {
    edit.put_symlink(link.name, link.target);
    const Inode& there = tree.inode(edit.look_up(link.name));
    if (there.type != EntryType::symlink) {
      warnings.add("root-link", fmt::format("the image's own '/{}' stays in place of the usual link", link.name));
    }
  }
  for (const auto file : kNetworkFiles) empty_network_file(tree, edit, file, warnings);

  keep_older_definition(tree, edit);
  ContainerAttributes attributes;
  for (const auto& script : fixed_scripts()) edit.put_file(script.path, 0755, script.text);
  edit.put_file(kEnvironmentScriptPath, 0755, input.environment_script);
  edit.put_file(kRunScriptPath, 0755, input.run_script);
  edit.put_file(kLabelsPath, 0644, input.labels);
  edit.put_file(kDefinitionPath, 0644, input.definition);

  attributes.environment["/" + std::string(kEnvironmentScriptPath)] = input.environment_script;
  for (const auto& script : fixed_scripts()) {
    if (script.path == kCustomEnvironmentPath) attributes.environment["/" + std::string(script.path)] = script.text;
    if (script.path == kStartScriptPath) attributes.startscript = script.text;
  }
  attributes.runscript = input.run_script;
  attributes.deffile = input.definition;
  return attributes;
}

}  // namespace sifkit

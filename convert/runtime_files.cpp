// SPDX-License-Identifier: Apache-2.0
#include "runtime_files.h"

#include <fmt/format.h>

#include "runtime_scripts.h"
#include "tree_edit.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr std::string_view kFolders[] = {
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

/// Folders that everybody writes to are sticky and open, where the image does not bring them itself.
constexpr std::string_view kOpenFolders[] = {"tmp", "var/tmp"};

/// The definition text of the container that the image was made from is kept beside the new one.
void keep_older_definition(Tree& tree, TreeEdit& edit) {
  const InodeId older = edit.look_up(kDefinitionPath);
  if (older == kNone || tree.inode(older).type != EntryType::regular) return;
  static constexpr std::string_view kHistory = ".singularity.d/bootstrap_history";
  edit.ensure_directory(kHistory);
  const auto folder = tree.resolve(kHistory, true);
  for (std::size_t number = folder ? tree.sorted_children(*folder).size() : 0;; ++number) {
    const std::string path = fmt::format("{}/Apptainer{}", kHistory, number);
    if (edit.look_up(path) != kNone) continue;
    edit.move(kDefinitionPath, path);
    return;
  }
}

/// The runtime binds the host's own over these. A link of the image stays: where it points may be anywhere.
void empty_network_file(Tree& tree, TreeEdit& edit, std::string_view path) {
  const InodeId there = edit.look_up(path);
  if (there == kNone || tree.inode(there).type == EntryType::regular) edit.put_file(path, 0644, {});
}

}  // namespace

ContainerAttributes add_runtime_files(Tree& tree, ContentSink& sink, const RuntimeFilesInput& input,
                                      WarningList& warnings) {
  TreeEdit edit(tree, sink, input.mtime);
  for (const auto path : kFolders) {
    const bool made = edit.look_up(path) == kNone;
    edit.ensure_directory(path);
    for (const auto open : kOpenFolders) {
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
  empty_network_file(tree, edit, "etc/hosts");
  empty_network_file(tree, edit, "etc/resolv.conf");

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

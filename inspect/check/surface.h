// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <sifkit/layers/squashfs.h>
#include <sifkit/layers/tree.h>

#include "accelerators.h"
#include "findings.h"

namespace sifkit::check {

/// What modes and places of files say, without their bytes.
class Surface {
 public:
  Surface(const layers::Tree& tree, Findings& out) : tree_(tree), out_(out) {}

  /// Where programs are found by their names; before anything is looked at.
  void set_path(std::string_view path);
  /// For each name of the tree, a directory before what is in it.
  void look(const std::string& path, const layers::Inode& inode);
  /// When all have been seen.
  void finish();

 private:
  struct Tally {
    std::string first;
    std::size_t count = 0;
  };

  bool is_on_path(std::string_view path, const layers::Inode& inode) const;
  void look_at_capabilities(const std::string& path, const layers::Inode& inode);

  const layers::Tree& tree_;
  Findings& out_;
  std::map<std::string, Tally> hidden_;  ///< programs, by the directory that is bound over
  std::optional<std::string> closed_;  ///< the last directory that was told of as unreadable
  std::set<std::string, std::less<>> program_places_;  ///< without links
  std::set<std::string, std::less<>> library_places_;
};

/// What kernels there are that do not mount a squashfs image of these.
void look_at_container(std::uint32_t block_size, layers::SquashfsCodec codec, Findings& out);

}  // namespace sifkit::check

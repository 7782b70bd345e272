// SPDX-License-Identifier: Apache-2.0
#include "added_files.h"

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/layers/squashfs.h>

#include "packing_record.h"

namespace sifkit {

using namespace layers;

AddedFiles::AddedFiles(OpenedFileSystem& opened, const Limits& limits)
    : tree_(opened.tree()), is_container_(sifkit::is_container(tree_)) {
  if (!is_container_ || opened.sif() == nullptr || opened.squashfs() == nullptr) return;
  try {
    const auto record = read_packing_record(*opened.sif(), limits);
    if (!record) return;
    added_.resize(tree_.inode_count());
    const auto by_number = opened.squashfs()->by_number();
    for (std::size_t number = record->first_added; number < by_number.size(); ++number) {
      if (by_number[number] != kNone) added_[by_number[number]] = true;
    }
  } catch (const Error&) {
    added_.clear();  // a record that is none tells nothing
  }
}

bool AddedFiles::contain(std::string_view path, InodeId inode) const {
  if (!is_container_) return false;
  if (is_of_runtime(tree_, path, inode)) return true;
  return inode < added_.size() && added_[inode] && is_runtime_file(tree_, path, inode);
}

}  // namespace sifkit

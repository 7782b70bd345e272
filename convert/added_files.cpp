// SPDX-License-Identifier: Apache-2.0
#include "added_files.h"

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>
#include <sifkit/layers/packed_blocks.h>
#include <sifkit/layers/squashfs.h>

#include "packing_record.h"
#include "root_place.h"

namespace sifkit {

using namespace layers;

namespace {

bool is_of(const PackingRecord& record, const std::shared_ptr<const File>& image, const Limits& limits,
           const OperationContext& operation) {
  const auto root = find_root(image);
  const PackedBlocks blocks(image, root.offset, root.size, limits);
  return blocks.checksum(operation, available_threads()) == record.checksum;
}

}  // namespace

AddedFiles::AddedFiles(OpenedFileSystem& opened, const Limits& limits, const OperationContext& operation)
    : tree_(opened.tree()), is_container_(sifkit::is_container(tree_)) {
  if (!is_container_ || opened.sif() == nullptr || opened.squashfs() == nullptr) return;
  try {
    const auto record = read_packing_record(*opened.sif(), limits);
    // It may be of a partition that was here before.
    if (!record || !is_of(*record, opened.image_file(), limits, operation)) return;
    added_.resize(tree_.inode_count());
    const auto by_number = opened.squashfs()->by_number();
    for (std::size_t number = record->first_added; number < by_number.size(); ++number) {
      if (by_number[number] != kNone) added_[by_number[number]] = true;
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    added_.clear();  // a record that is none tells nothing
  }
}

bool AddedFiles::contain(std::string_view path, InodeId inode) const {
  if (!is_container_) return false;
  if (is_of_runtime(tree_, path, inode)) return true;
  // What a build adds there is empty.
  return inode < added_.size() && added_[inode] && tree_.inode(inode).size == 0 && is_runtime_file(tree_, path, inode);
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <sifkit/layers/squashfs.h>
#include <sifkit/layers/tree.h>

#include "findings.h"

namespace sifkit::check {

/// What modes and places of files say, without their bytes.
class Surface {
 public:
  Surface(const layers::Tree& tree, Findings& out) : tree_(tree), out_(out) {}

  /// For each name of the tree.
  void look(const std::string& path, const layers::Inode& inode);
  /// When all have been seen.
  void finish();

 private:
  struct Tally {
    std::string first;
    std::size_t count = 0;
  };

  const layers::Tree& tree_;
  Findings& out_;
  std::map<std::string, Tally> hidden_;  ///< programs, by the directory that is bound over
  Tally unreadable_;
};

/// Versions of GPU and MPI libraries, by the names of files.
class Accelerators {
 public:
  void look(const std::string& path, const layers::Inode& inode);
  void read_version(const std::string& path,
                    std::string_view text);  ///< a version.json of CUDA, a .info/version of ROCm
  static bool is_version(std::string_view path);
  void finish(Facts& facts, Findings& out) const;

 private:
  std::string cuda_, cuda_path_, rocm_, rocm_path_, mpi_, mpi_path_, driver_path_;
  bool open_mpi_ = false;
  bool mpich_ = false;
};

/// What kernels there are that do not mount a squashfs image of these.
void look_at_container(std::uint32_t block_size, layers::SquashfsCodec codec, Findings& out);

}  // namespace sifkit::check

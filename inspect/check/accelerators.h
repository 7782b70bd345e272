// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/layers/tree.h>

#include "findings.h"

namespace sifkit::check {

/// Releases of one product in an image. What a library's name tells counts where no better source tells of the same
/// release: 11.0 and 12 are what all libraries of CUDA 11 and 12 answer to.
class Releases {
 public:
  /// `stated`: by a file of the product that says its version.
  void add(std::string version, const std::string& path, bool stated);

  struct Release {
    std::string version;
    std::string path;
    bool stated = false;
  };
  /// The newest first.
  std::vector<Release> newest_first() const;

 private:
  std::map<std::string, Release> by_release_;  ///< by "12.2", or "12" where no more is known
};

/// Versions of GPU and MPI libraries, by the names of files and by what beside them states a version.
class Accelerators {
 public:
  static constexpr std::uint64_t kMaxVersionFile = 1u << 20;    ///< mpi.h has some hundred KiB
  static constexpr std::uint64_t kMaxVersionFiles = 64u << 20;  ///< all of them together

  void look(const std::string& path, const layers::Inode& inode);
  /// Whether a file states a version: version.json of CUDA, .info/version of ROCm, mpi.h, ompi.pc, mpich.pc.
  static bool is_version(std::string_view path);
  void read_version(const std::string& path, std::string_view text);
  void finish(Facts& facts, Findings& out) const;

 private:
  struct Mpi {
    std::string path;
    std::string version;  ///< what is behind ".so."
    bool link = false;
  };
  struct MpiRelease {
    std::string path;
    std::string_view kind;
    std::string version;
  };

  void read_mpi_version(const std::string& path, std::string_view text);
  std::string_view kind_of(const Mpi& library) const;
  std::string release_of(const Mpi& library, std::string_view kind) const;
  void tell_mpi(Facts& facts, Findings& out) const;

  Releases cuda_;
  Releases rocm_;
  std::vector<Mpi> mpi_;
  std::vector<MpiRelease> mpi_releases_;
  std::set<std::string, std::less<>> neighbours_;  ///< paths of libraries that tell MPIs apart, up to ".so"
  std::map<std::string, std::string> pmi_;         ///< the first path of each name, as libpmix.so.2
  std::string driver_path_;
  std::uint64_t left_ = kMaxVersionFiles;
};

}  // namespace sifkit::check

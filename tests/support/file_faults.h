// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sifkit::testing {

/// Stands between the code under test and the system calls that change files (pwrite, fsync, ftruncate,
/// copy_file_range, linkat, renameat): counts them, makes the n-th fail or the process die there, or records them.
/// A test program that compiles file_faults.cpp gets it for all of its code; without a fault every call goes through.
class FileFaults {
 public:
  enum class Moment { before, halfway, after };

  struct Operation {
    enum class Kind { write, sync, truncate } kind;
    std::uint64_t offset = 0;  ///< of a write; the length, for truncate
    std::string bytes;
  };

  /// Starts counting from 0, without a fault.
  FileFaults();
  /// Stops everything.
  ~FileFaults();
  FileFaults(const FileFaults&) = delete;
  FileFaults& operator=(const FileFaults&) = delete;

  /// The n-th call (from 1) fails with `error_number`; `lasting`: every later one as well.
  void fail_at(std::size_t call, int error_number, bool lasting);
  /// The process gets SIGKILL at the n-th call.
  void die_at(std::size_t call, Moment moment);
  /// Whether the call that was to fail was reached.
  bool reached() const;
  /// pwrite, fsync and ftruncate so far, in order.
  const std::vector<Operation>& operations() const;
};

}  // namespace sifkit::testing

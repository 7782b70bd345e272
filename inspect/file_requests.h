// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sifkit/core/elf_file.h>
#include <sifkit/core/error.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>

namespace sifkit {

/// Files of an image that are wanted, and who takes their bytes. All are read in one pass, in the order that costs
/// least, so what several want is read once.
class FileRequests {
 public:
  using Taker = std::function<void(ByteView bytes)>;
  /// Takes a program. With `fetch`, only what that was called for is there; the first kStart bytes are.
  using ProgramTaker = std::function<void(ByteView bytes, const ElfFile::Fetch& fetch)>;

  /// Which part of a file is wanted.
  enum class Part : std::uint8_t {
    whole,
    program,  ///< an ELF file, as far as it is looked at; of any other the first kStart bytes
    start,    ///< the first kStart bytes, or all where there are fewer
  };
  static constexpr std::size_t kStart = 4096;

  /// Asks for a regular file. Takers of one file are called in the order in which they asked.
  void add(layers::InodeId inode, Part part, Taker taker);
  void add_program(layers::InodeId inode, ProgramTaker taker);

  /// Reads all that was asked for; a taker's exception ends it.
  void read(layers::FileSystem& files, const OperationContext& operation);

  /// Reads file by file what a failure left unread. `failed` is called for each that fails by an Error, and says
  /// whether to go on. How many were left then.
  std::size_t read_rest(layers::FileSystem& files, const OperationContext& operation,
                        const std::function<bool(layers::InodeId inode, const Error& error)>& failed);

 private:
  struct Wanted {
    Part part = Part::start;
    std::vector<std::pair<Part, ProgramTaker>> takers;
  };

  /// Files that somebody still waits for, in the order of their ids.
  std::vector<layers::InodeId> unread() const;
  void read(layers::FileSystem& files, const OperationContext& operation, std::vector<layers::InodeId> order);
  static void read_parts(layers::FileSystem& files, layers::InodeId inode, Wanted& wanted);

  std::unordered_map<layers::InodeId, Wanted> wanted_;
};

}  // namespace sifkit

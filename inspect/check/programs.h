// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sifkit/core/elf_file.h>
#include <sifkit/layers/tree.h>
#include <sifkit/runtime_check.h>

namespace sifkit::check {

/// What is kept of an ELF file.
struct ElfObject {
  std::string_view architecture;
  bool executable = false;
  bool cut = false;  ///< the file ends before its segments do
  std::optional<std::string> loader;
  ElfFile::Dynamic dynamic;
  std::vector<ElfFile::VersionNeed> needs;
  std::vector<std::string> offers;  ///< sorted
  std::string oldest_kernel;
  unsigned processor_level = 0;  ///< of x86-64, 1 to 4
};

/// The ELF files and scripts of an image.
class Programs {
 public:
  /// `most` bounds the bytes that are kept.
  explicit Programs(std::uint64_t most = std::uint64_t{1} << 30) : left_(most) {}

  /// `bytes` are an ELF file, as ElfFile takes it, or the start of any other. Throws limit where too much would be kept.
  void add(layers::InodeId inode, ByteView bytes, const ElfFile::Fetch& fetch = {});

  const ElfObject* elf(layers::InodeId inode) const;
  const std::optional<std::string>* script(layers::InodeId inode) const;  ///< its first line; nullptr: no script
  /// Whether the file has been looked at and is no ELF file; of others that is not known.
  bool is_no_elf(layers::InodeId inode) const { return others_.contains(inode) || scripts_.contains(inode); }
  /// As `check_runtime` asks.
  std::optional<Program> lookup(layers::InodeId inode) const;

 private:
  void take(std::size_t bytes);

  std::uint64_t left_;
  std::unordered_map<layers::InodeId, ElfObject> elf_;
  std::unordered_map<layers::InodeId, std::optional<std::string>> scripts_;
  std::unordered_set<layers::InodeId> others_;
};

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>

namespace sifkit {

/// Whether bytes begin as an ELF file does.
SIFKIT_API bool is_elf(ByteView start) noexcept;

/// The GOARCH word for an ELF header, or nothing ("").
SIFKIT_API std::string_view elf_architecture(ByteView header) noexcept;

/// Reads an ELF file of any class and byte order, or as much of its start as there is. Of a damaged one what its bounds
/// leave is read; nothing throws but for lack of memory, and `Fetch`. The bytes outlive it.
class SIFKIT_API ElfFile {
 public:
  /// Makes bytes of the file ready, for one that is only read as far as it is looked at.
  using Fetch = std::function<void(std::uint64_t offset, std::uint64_t size)>;

  /// Nothing for what is no ELF file, or shorter than its header. With `fetch`, bytes are looked at only after it was
  /// called for them; what it throws comes out of every function. The first kHeaderBytes are there.
  static std::optional<ElfFile> open(ByteView bytes, Fetch fetch = {});
  static constexpr std::size_t kHeaderBytes = 64;

  std::string_view architecture() const noexcept { return elf_architecture(bytes_); }
  /// Whether it ends before its headers or what they load do: no loader takes it.
  bool is_cut() const noexcept;
  bool is_executable() const;  ///< of type ET_EXEC, or a program that may lie anywhere (PIE)

  /// The program that it asks to be loaded by: "" where it asks for none, nothing where the bytes do not tell.
  std::optional<std::string> loader() const;

  /// The bytes of a section; none where there is no such section.
  ByteView section(std::string_view name) const;
  bool has_sections() const;
  /// The bytes that lie at an address when it runs, as far as the file has them.
  ByteView at_address(std::uint64_t address, std::uint64_t size) const;
  /// The first writable segment.
  ByteView writable_data() const;

  /// Names of a file may overlap, so what they come to has a bound of its own. Of a list that is longer the rest is left
  /// out, which no real file has.
  static constexpr std::size_t kMaxTextBytes = 1u << 20;

  /// What the dynamic loader is told.
  struct Dynamic {
    bool present = false;
    std::vector<std::string> needed;
    std::string soname;
    std::optional<std::string> rpath;
    std::optional<std::string> runpath;
    bool no_default_directories = false;
  };
  Dynamic dynamic() const;

  /// A version of symbols that it needs of a library.
  struct VersionNeed {
    std::string library;
    std::string version;
    bool weak = false;
  };
  std::vector<VersionNeed> needed_versions() const;
  /// The versions of symbols that it offers.
  std::vector<std::string> offered_versions() const;

  /// The oldest kernel that it runs on, "3.2.0"; "" where it does not say.
  std::string oldest_kernel() const;
  /// The level of x86-64 that a processor must have for it, 1 to 4; 0 where it does not say.
  unsigned processor_level() const;
  static constexpr unsigned kMaxProcessorLevel = 4;

 private:
  struct Segment {
    std::uint64_t type, flags, offset, address, file_size;
  };
  /// A part of the file that has not been fetched yet.
  struct Range {
    std::uint64_t offset = 0, size = 0;
  };
  struct Tables;

  ElfFile(ByteView bytes, Fetch fetch);
  std::uint64_t at(std::uint64_t offset, unsigned width) const { return number(part(offset, width), 0, width); }
  std::uint64_t number(ByteView bytes, std::uint64_t offset, unsigned width) const noexcept;
  std::uint64_t field(std::uint64_t base, unsigned in_32, unsigned in_64) const;
  ByteView part(std::uint64_t offset, std::uint64_t size) const;
  Range range_at(std::uint64_t address, std::uint64_t size) const;
  std::uint64_t number_in(const Range& range, std::uint64_t offset, unsigned width) const;
  class Texts;
  Tables tables() const;
  void for_each_gnu_note(std::uint32_t type, const std::function<bool(ByteView)>& look) const;

  ByteView bytes_;
  Fetch fetch_;
  bool big_ = false;
  bool wide_ = false;
  bool segments_known_ = false;
  std::vector<Segment> segments_;
};

}  // namespace sifkit

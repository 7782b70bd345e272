// SPDX-License-Identifier: Apache-2.0
#include "program_probe.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <elf.h>

namespace sifkit {

using namespace layers;

namespace {

struct Machine {
  std::uint16_t number;
  unsigned char bits;
  unsigned char order;
  std::string_view architecture;
};

constexpr std::uint16_t kLoongArch = 258;

constexpr Machine kMachines[] = {
    {EM_386, ELFCLASS32, ELFDATA2LSB, "386"},         {EM_X86_64, ELFCLASS64, ELFDATA2LSB, "amd64"},
    {EM_ARM, ELFCLASS32, ELFDATA2LSB, "arm"},         {EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "arm64"},
    {EM_PPC64, ELFCLASS64, ELFDATA2MSB, "ppc64"},     {EM_PPC64, ELFCLASS64, ELFDATA2LSB, "ppc64le"},
    {EM_MIPS, ELFCLASS32, ELFDATA2MSB, "mips"},       {EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mipsle"},
    {EM_MIPS, ELFCLASS64, ELFDATA2MSB, "mips64"},     {EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64le"},
    {EM_S390, ELFCLASS64, ELFDATA2MSB, "s390x"},      {EM_RISCV, ELFCLASS64, ELFDATA2LSB, "riscv64"},
    {kLoongArch, ELFCLASS64, ELFDATA2LSB, "loong64"},
};

constexpr std::size_t kMaxLine = 255;  ///< of a script, as far as the kernel reads it
constexpr std::size_t kMaxLoader = 4096;

/// Reads numbers of an ELF file in its own byte order and width.
class ElfNumbers {
 public:
  explicit ElfNumbers(ByteView bytes)
      : bytes_(bytes),
        big_(std::to_integer<unsigned char>(bytes[EI_DATA]) == ELFDATA2MSB),
        wide_(std::to_integer<unsigned char>(bytes[EI_CLASS]) == ELFCLASS64) {}

  bool wide() const noexcept { return wide_; }

  std::uint64_t at(std::uint64_t offset, unsigned width) const {
    if (offset > bytes_.size() || bytes_.size() - offset < width) return 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) {
      const auto byte =
          std::to_integer<std::uint64_t>(bytes_[static_cast<std::size_t>(offset) + (big_ ? i : width - 1 - i)]);
      value = value << 8 | byte;
    }
    return value;
  }

  /// A field whose place and width differ between the two classes.
  std::uint64_t address(std::uint64_t base, unsigned in_32, unsigned in_64) const {
    return at(base + (wide_ ? in_64 : in_32), wide_ ? 8 : 4);
  }

 private:
  ByteView bytes_;
  bool big_;
  bool wide_;
};

/// The first line of a script behind its "#!", or nothing where it is longer than the kernel reads.
std::optional<std::string> script_line(ByteView start) {
  const auto text = as_text(start).substr(2);
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  if (line.size() > kMaxLine) return std::nullopt;
  return std::string(line.substr(0, line.find('\0')));
}

}  // namespace

std::string_view elf_architecture(ByteView header) noexcept {
  if (header.size() < 20 || std::memcmp(header.data(), ELFMAG, SELFMAG) != 0) return {};
  const auto bits = std::to_integer<unsigned char>(header[EI_CLASS]);
  const auto order = std::to_integer<unsigned char>(header[EI_DATA]);
  const auto first = std::to_integer<unsigned>(header[18]);
  const auto second = std::to_integer<unsigned>(header[19]);
  const unsigned number = order == ELFDATA2MSB ? (first << 8 | second) : (second << 8 | first);
  for (const auto& machine : kMachines) {
    if (machine.number == number && machine.bits == bits && machine.order == order) return machine.architecture;
  }
  return {};
}

std::optional<std::string> elf_loader(ByteView start) {
  static constexpr std::size_t kHeader32 = 52;
  if (start.size() < kHeader32) return std::nullopt;
  const ElfNumbers elf(start);
  const auto table = elf.address(0, offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_phoff));
  const auto entry = elf.at(elf.wide() ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize), 2);
  const auto count = elf.at(elf.wide() ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
  if (entry < (elf.wide() ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || table > start.size() ||
      count * entry > start.size() - table)
    return std::nullopt;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto header = table + i * entry;
    if (elf.at(header, 4) != PT_INTERP) continue;
    const auto offset = elf.address(header, offsetof(Elf32_Phdr, p_offset), offsetof(Elf64_Phdr, p_offset));
    const auto size = elf.address(header, offsetof(Elf32_Phdr, p_filesz), offsetof(Elf64_Phdr, p_filesz));
    if (size > kMaxLoader || offset > start.size() || size > start.size() - offset) return std::nullopt;
    const auto text = as_text(start.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)));
    return std::string(text.substr(0, text.find('\0')));
  }
  return std::string();
}

void ProgramProbe::begin(std::uint64_t size) {
  seen_ = 0;
  ForwardingSink::begin(size);
}

void ProgramProbe::append(ByteView bytes) {
  if (seen_ < kStart) {
    const auto count = std::min(kStart - seen_, bytes.size());
    std::memcpy(start_.data() + seen_, bytes.data(), count);
    seen_ += count;
  }
  ForwardingSink::append(bytes);
}

void ProgramProbe::append_zeros(std::uint64_t count) {
  if (seen_ < kStart) {
    const auto zeros = static_cast<std::size_t>(std::min<std::uint64_t>(kStart - seen_, count));
    std::memset(start_.data() + seen_, 0, zeros);
    seen_ += zeros;
  }
  ForwardingSink::append_zeros(count);
}

std::uint32_t ProgramProbe::number_of(const std::optional<std::string>& line) {
  if (!line) return kUnknownLine;
  if (const auto known = line_numbers_.find(*line); known != line_numbers_.end()) return known->second;
  if (lines_.size() == kLines) return kUnknownLine;
  const auto [at, fresh] = line_numbers_.emplace(*line, static_cast<std::uint32_t>(lines_.size()));
  lines_.push_back(at->first);
  return at->second;
}

ContentId ProgramProbe::end() {
  const ContentId id = ForwardingSink::end();
  const auto start = std::span(start_).first(seen_);
  const bool elf = as_text(start).starts_with(ELFMAG);
  const bool script = as_text(start).starts_with("#!");
  if (!elf && !script) return id;
  if (programs_.size() == kPrograms) {
    all_remembered_ = false;
    return id;
  }
  const auto [at, fresh] = programs_.try_emplace(static_cast<std::uint32_t>(id));
  if (fresh)
    at->second = {elf ? elf_architecture(start) : std::string_view(),
                  number_of(elf ? elf_loader(start) : script_line(start)), script};
  return id;
}

std::optional<Program> ProgramProbe::program(ContentId content) const {
  const auto found = programs_.find(static_cast<std::uint32_t>(content));
  if (found == programs_.end())
    return all_remembered_ || content == kEmptyContent ? std::optional(Program()) : std::nullopt;
  const Seen& seen = found->second;
  Program program{seen.script ? Program::Kind::script : Program::Kind::elf, seen.architecture, std::nullopt};
  if (seen.line != kUnknownLine) program.line = lines_[seen.line];
  return program;
}

std::string_view ProgramProbe::architecture_of(const Tree& tree, InodeId inode) const {
  const Inode& file = tree.inode(inode);
  if (file.type != EntryType::regular || (file.metadata.mode & 0111) == 0) return {};
  const auto found = programs_.find(static_cast<std::uint32_t>(file.content));
  return found == programs_.end() ? std::string_view() : found->second.architecture;
}

std::string_view ProgramProbe::architecture(const Tree& tree) const {
  if (programs_.empty()) return {};
  if (const auto shell = tree.resolve("bin/sh", true)) {
    if (const auto found = architecture_of(tree, *shell); !found.empty()) return found;
  }
  // In the order of paths, without recursion: the directory to look at next is on top.
  std::vector<InodeId> directories{Tree::kRoot};
  while (!directories.empty()) {
    const InodeId directory = directories.back();
    directories.pop_back();
    std::vector<InodeId> below;
    for (const NameId name : tree.sorted_children(directory)) {
      const InodeId inode = tree.inode_of(name);
      if (tree.inode(inode).type == EntryType::directory) below.push_back(inode);
      if (const auto found = architecture_of(tree, inode); !found.empty()) return found;
    }
    directories.insert(directories.end(), below.rbegin(), below.rend());
  }
  return {};
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "elf_probe.h"

#include <algorithm>
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

void ElfProbe::begin(std::uint64_t size) {
  seen_ = 0;
  sink_.begin(size);
}

void ElfProbe::append(ByteView bytes) {
  if (seen_ < kHeader) {
    const auto count = std::min(kHeader - seen_, bytes.size());
    std::memcpy(header_.data() + seen_, bytes.data(), count);
    seen_ += count;
  }
  sink_.append(bytes);
}

void ElfProbe::append_zeros(std::uint64_t count) {
  if (seen_ < kHeader) {
    const auto zeros = static_cast<std::size_t>(std::min<std::uint64_t>(kHeader - seen_, count));
    std::memset(header_.data() + seen_, 0, zeros);
    seen_ += zeros;
  }
  sink_.append_zeros(count);
}

ContentId ElfProbe::end() {
  const ContentId id = sink_.end();
  if (const auto found = elf_architecture(std::span(header_).first(seen_)); !found.empty()) {
    machines_.emplace(static_cast<std::uint32_t>(id), found);
  }
  return id;
}

std::string_view ElfProbe::of(const Tree& tree, InodeId inode) const {
  const Inode& file = tree.inode(inode);
  if (file.type != EntryType::regular || (file.metadata.mode & 0111) == 0) return {};
  const auto found = machines_.find(static_cast<std::uint32_t>(file.content));
  return found == machines_.end() ? std::string_view() : found->second;
}

std::string_view ElfProbe::architecture(const Tree& tree) const {
  if (machines_.empty()) return {};
  if (const auto shell = tree.resolve("bin/sh", true)) {
    if (const auto found = of(tree, *shell); !found.empty()) return found;
  }
  // In the order of paths, without recursion: the folder to look at next is on top.
  std::vector<InodeId> folders{Tree::kRoot};
  while (!folders.empty()) {
    const InodeId folder = folders.back();
    folders.pop_back();
    std::vector<InodeId> below;
    for (const NameId name : tree.sorted_children(folder)) {
      const InodeId inode = tree.inode_of(name);
      if (tree.inode(inode).type == EntryType::directory) below.push_back(inode);
      if (const auto found = of(tree, inode); !found.empty()) return found;
    }
    folders.insert(folders.end(), below.rbegin(), below.rend());
  }
  return {};
}

}  // namespace sifkit

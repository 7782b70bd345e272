// SPDX-License-Identifier: Apache-2.0
#include "program_probe.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <sifkit/core/elf_file.h>
#include <sifkit/layers/packed_blocks.h>

namespace sifkit {

using namespace layers;

namespace {

constexpr std::size_t kMaxLine = 255;  ///< of a script, as far as the kernel reads it

/// The loader that an ELF file asks for, as `Program::line` has it.
std::optional<std::string> loader_of(ByteView start) {
  const auto elf = ElfFile::open(start);
  return elf ? elf->loader() : std::nullopt;
}

}  // namespace

std::optional<std::string> script_line(ByteView start) {
  const auto text = as_text(start).substr(2);
  const auto line = text.substr(0, text.find('\n'));
  if (line.size() > kMaxLine) return std::nullopt;
  return std::string(line.substr(0, line.find('\0')));
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

std::uint32_t ProgramProbe::number_of(const std::optional<std::string>& line) const {
  if (!line) return kUnknownLine;
  if (const auto known = line_numbers_.find(*line); known != line_numbers_.end()) return known->second;
  if (lines_.size() == kLines) return kUnknownLine;
  const auto [at, fresh] = line_numbers_.emplace(*line, static_cast<std::uint32_t>(lines_.size()));
  lines_.push_back(at->first);
  return at->second;
}

ContentId ProgramProbe::end() {
  const ContentId id = ForwardingSink::end();
  remember(static_cast<std::uint32_t>(id), std::span(start_).first(seen_));
  return id;
}

ContentId ProgramProbe::take(const PackedBlocks& base, InodeId file) {
  const ContentId id = ForwardingSink::take(base, file);
  base_ = &base;
  if (!programs_.contains(static_cast<std::uint32_t>(id))) in_base_.try_emplace(static_cast<std::uint32_t>(id), file);
  return id;
}

const ProgramProbe::Seen* ProgramProbe::find(std::uint32_t content) const {
  if (const auto waiting = in_base_.find(content); waiting != in_base_.end()) {
    std::array<std::byte, kStart> start;
    if (!base_starts_) base_starts_.emplace(*base_);
    const auto size = base_starts_->read(waiting->second, start);
    in_base_.erase(waiting);
    remember(content, std::span(start).first(size));
  }
  const auto found = programs_.find(content);
  return found == programs_.end() ? nullptr : &found->second;
}

void ProgramProbe::remember(std::uint32_t content, std::span<const std::byte> start) const {
  const bool elf = is_elf(start);
  const bool script = as_text(start).starts_with("#!");
  if (!elf && !script) return;
  if (programs_.size() == kPrograms) {
    all_remembered_ = false;
    return;
  }
  const auto [at, fresh] = programs_.try_emplace(content);
  if (fresh)
    at->second = {elf ? elf_architecture(start) : std::string_view(),
                  number_of(elf ? loader_of(start) : script_line(start)), script};
}

std::optional<Program> ProgramProbe::program(ContentId content) const {
  const Seen* const found = find(static_cast<std::uint32_t>(content));
  if (found == nullptr)
    return all_remembered_ || content == kEmptyContent ? std::optional(Program()) : std::nullopt;
  const Seen& seen = *found;
  Program program{seen.script ? Program::Kind::script : Program::Kind::elf, seen.architecture, std::nullopt};
  if (seen.line != kUnknownLine) program.line = lines_[seen.line];
  return program;
}

std::string_view ProgramProbe::architecture_of(const Tree& tree, InodeId inode) const {
  const Inode& file = tree.inode(inode);
  if (file.type != EntryType::regular || (file.metadata.mode & 0111) == 0) return {};
  const Seen* const found = find(static_cast<std::uint32_t>(file.content));
  return found == nullptr ? std::string_view() : found->architecture;
}

std::string_view ProgramProbe::architecture(const Tree& tree) const {
  if (programs_.empty() && in_base_.empty()) return {};
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

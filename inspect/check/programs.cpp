// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

namespace sifkit::check {

using namespace layers;

void Programs::add(InodeId inode, ByteView bytes, const ElfFile::Fetch& fetch) {
  if (const auto elf = ElfFile::open(bytes, fetch)) {
    elf_[inode] = {elf->architecture(),    elf->is_executable(),    elf->loader(),       elf->dynamic(),
                   elf->needed_versions(), elf->offered_versions(), elf->oldest_kernel()};
  } else if (as_text(bytes).starts_with("#!")) {
    scripts_[inode] = script_line(bytes);
  }
}

const ElfObject* Programs::elf(InodeId inode) const {
  const auto found = elf_.find(inode);
  return found == elf_.end() ? nullptr : &found->second;
}

const std::optional<std::string>* Programs::script(InodeId inode) const {
  const auto found = scripts_.find(inode);
  return found == scripts_.end() ? nullptr : &found->second;
}

std::optional<Program> Programs::lookup(InodeId inode) const {
  if (const auto* object = elf(inode)) {
    Program out{Program::Kind::elf, object->architecture, std::nullopt};
    if (object->loader) out.line = *object->loader;
    return out;
  }
  if (const auto* line = script(inode)) {
    Program out{Program::Kind::script, {}, std::nullopt};
    if (*line) out.line = **line;
    return out;
  }
  return Program();
}

}  // namespace sifkit::check

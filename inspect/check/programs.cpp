// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <algorithm>

#include <sifkit/core/error.h>

namespace sifkit::check {

using namespace layers;

namespace {

std::size_t bytes_of(const ElfObject& object) {
  std::size_t out = sizeof(object) + object.dynamic.soname.size() + object.oldest_kernel.size();
  for (const auto* text : {&object.loader, &object.dynamic.rpath, &object.dynamic.runpath}) out += text->value_or("").size();
  for (const auto& name : object.dynamic.needed) out += sizeof(name) + name.size();
  for (const auto& need : object.needs) out += sizeof(need) + need.library.size() + need.version.size();
  for (const auto& version : object.offers) out += sizeof(version) + version.size();
  return out;
}

}  // namespace

void Programs::take(std::size_t bytes) {
  if (bytes > left_) throw Error(ErrorKind::limit, "the programs of the image name more libraries and versions than are kept in memory");
  left_ -= bytes;
}

void Programs::add(InodeId inode, ByteView bytes, const ElfFile::Fetch& fetch) {
  if (const auto elf = ElfFile::open(bytes, fetch)) {
    ElfObject object{elf->architecture(), elf->is_executable(),   elf->is_cut(),           elf->loader(),
                     elf->dynamic(),      elf->needed_versions(), elf->offered_versions(), elf->oldest_kernel(),
                     elf->processor_level()};
    take(bytes_of(object));
    std::sort(object.offers.begin(), object.offers.end());
    elf_[inode] = std::move(object);
  } else if (as_text(bytes).starts_with("#!")) {
    scripts_[inode] = script_line(bytes);
  } else {
    others_.insert(inode);
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

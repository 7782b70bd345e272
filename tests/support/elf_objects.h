// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

namespace sifkit::testing {

/// A program or a library, as far as a dynamic loader looks at it.
struct ElfSpec {
  std::string loader;  ///< a program asks for one
  std::vector<std::string> needed;
  std::string soname;
  std::string rpath;
  std::string runpath;
  std::vector<std::pair<std::string, std::string>> needs;  ///< library, version
  std::vector<std::string> offers;
  std::vector<std::uint32_t> kernel;  ///< three numbers
  std::uint32_t levels = 0;           ///< of x86-64 that it needs, as bits
  std::uint16_t machine = EM_X86_64;
};

inline std::string elf_object(const ElfSpec& spec) {
  const auto raw = [](const auto& part) { return std::string(reinterpret_cast<const char*>(&part), sizeof(part)); };
  std::string texts(1, '\0');
  const auto text = [&](const std::string& value) {
    const auto at = texts.size();
    texts += value + '\0';
    return static_cast<std::uint32_t>(at);
  };
  std::vector<Elf64_Dyn> dynamic;
  const auto entry = [&](std::int64_t tag, std::uint64_t value) {
    Elf64_Dyn out{};
    out.d_tag = tag;
    out.d_un.d_val = value;
    dynamic.push_back(out);
  };
  for (const auto& name : spec.needed) entry(DT_NEEDED, text(name));
  if (!spec.soname.empty()) entry(DT_SONAME, text(spec.soname));
  if (!spec.rpath.empty()) entry(DT_RPATH, text(spec.rpath));
  if (!spec.runpath.empty()) entry(DT_RUNPATH, text(spec.runpath));
  std::string needs;
  for (std::size_t i = 0; i < spec.needs.size(); ++i) {
    Elf64_Verneed need{
        1, 1, text(spec.needs[i].first), sizeof(Elf64_Verneed),
        i + 1 == spec.needs.size() ? 0u : static_cast<Elf64_Word>(sizeof(Elf64_Verneed) + sizeof(Elf64_Vernaux))};
    Elf64_Vernaux one{0, 0, 2, text(spec.needs[i].second), 0};
    needs += raw(need) + raw(one);
  }
  std::string offers;
  for (std::size_t i = 0; i < spec.offers.size(); ++i) {
    Elf64_Verdef definition{
        1,
        0,
        static_cast<Elf64_Half>(i + 1),
        1,
        0,
        sizeof(Elf64_Verdef),
        i + 1 == spec.offers.size() ? 0u : static_cast<Elf64_Word>(sizeof(Elf64_Verdef) + sizeof(Elf64_Verdaux))};
    Elf64_Verdaux name{text(spec.offers[i]), 0};
    offers += raw(definition) + raw(name);
  }
  std::string note;
  if (!spec.kernel.empty()) {
    note = std::string("\4\0\0\0\x10\0\0\0\1\0\0\0GNU\0\0\0\0\0", 20);
    for (const auto number : spec.kernel) note += raw(number);
  }
  if (spec.levels != 0) {
    note += std::string("\4\0\0\0\x10\0\0\0\5\0\0\0GNU\0\x02\x80\0\xc0\4\0\0\0", 24) + raw(spec.levels) + raw(0u);
  }
  constexpr std::size_t kHeaders = sizeof(Elf64_Ehdr) + 4 * sizeof(Elf64_Phdr);
  std::string body = std::string(spec.loader) + '\0';
  const auto place = [&](const std::string& part) {
    while ((kHeaders + body.size()) % 8 != 0) body += '\0';
    const auto at = kHeaders + body.size();
    body += part;
    return at;
  };
  entry(DT_STRSZ, texts.size());
  entry(DT_STRTAB, place(texts));
  if (!needs.empty()) entry(DT_VERNEED, place(needs));
  if (!offers.empty()) entry(DT_VERDEF, place(offers));
  const auto notes = place(note);
  entry(DT_NULL, 0);
  const auto table =
      place(std::string(reinterpret_cast<const char*>(dynamic.data()), dynamic.size() * sizeof(Elf64_Dyn)));

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = spec.machine;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 4;
  const auto segment = [&](std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
    Elf64_Phdr out{};
    out.p_type = type;
    out.p_offset = out.p_vaddr = offset;
    out.p_filesz = size;
    return raw(out);
  };
  return raw(header) + segment(PT_LOAD, 0, kHeaders + body.size()) +
         segment(PT_DYNAMIC, table, dynamic.size() * sizeof(Elf64_Dyn)) +
         segment(spec.loader.empty() ? PT_NULL : PT_INTERP, kHeaders, spec.loader.size() + 1) +
         segment(PT_NOTE, notes, note.size()) + body;
}

/// A root file system that is in order: glibc in Debian's places, a shell, a program.
inline std::string glibc(const std::vector<std::string>& offers = {"GLIBC_2.2.5", "GLIBC_2.36"}) {
  return elf_object({.soname = "libc.so.6", .offers = offers, .kernel = {3, 2, 0}});
}

inline std::string dynamic_program(std::vector<std::string> needed = {"libc.so.6"}) {
  return elf_object({.loader = "/lib64/ld-linux-x86-64.so.2", .needed = std::move(needed)});
}

}  // namespace sifkit::testing

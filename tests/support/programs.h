// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <elf.h>

namespace sifkit::testing {

/// The start of an ELF program, as far as it says what it needs to be run.
inline std::string elf_program(const std::string& loader = {}, std::uint16_t machine = EM_X86_64) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = machine;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  Elf64_Phdr interpreter{};
  interpreter.p_type = loader.empty() ? PT_NOTE : PT_INTERP;
  interpreter.p_offset = sizeof(header) + 2 * sizeof(Elf64_Phdr);
  interpreter.p_filesz = loader.size() + 1;
  std::string out;
  const auto put = [&](const auto& part) { out.append(reinterpret_cast<const char*>(&part), sizeof(part)); };
  put(header);
  put(load);
  put(interpreter);
  return out + loader + '\0';
}

/// An ELF file of sections, which are all that it has.
inline std::string elf_of_sections(const std::vector<std::pair<std::string, std::string>>& sections) {
  std::string names(1, '\0');
  std::string data;
  std::vector<Elf64_Shdr> headers(1);
  const auto add = [&](const std::string& name, const std::string& bytes) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<Elf64_Word>(names.size());
    header.sh_type = SHT_PROGBITS;
    header.sh_offset = sizeof(Elf64_Ehdr) + data.size();
    header.sh_size = bytes.size();
    names += name + '\0';
    data += bytes;
    headers.push_back(header);
  };
  for (const auto& [name, bytes] : sections) add(name, bytes);
  add(".shstrtab", names + ".shstrtab" + '\0');
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_shoff = sizeof(header) + data.size();
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<Elf64_Half>(headers.size());
  header.e_shstrndx = static_cast<Elf64_Half>(headers.size() - 1);
  std::string out(reinterpret_cast<const char*>(&header), sizeof(header));
  out += data;
  for (const auto& section : headers) out.append(reinterpret_cast<const char*>(&section), sizeof(section));
  return out;
}

}  // namespace sifkit::testing

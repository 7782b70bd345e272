// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

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

}  // namespace sifkit::testing

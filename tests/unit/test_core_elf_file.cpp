// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/elf_file.h>

#include "support/catch.h"
#include "support/elf_objects.h"
#include "support/programs.h"

using namespace sifkit;
using sifkit::testing::elf_object;
using sifkit::testing::elf_program;

TEST_CASE("an ELF program says which loader it needs", "[core][elf]") {
  const auto loader = [](const std::string& bytes) { return ElfFile::open(as_bytes(bytes)).value().loader(); };
  const std::string dynamic = elf_program("/lib/ld.so");
  CHECK(loader(dynamic) == "/lib/ld.so");
  CHECK(loader(elf_program()) == "");
  // Cut anywhere, or with places far away, it is not known.
  for (std::size_t size = 52; size < dynamic.size(); ++size) CHECK(loader(dynamic.substr(0, size)) == std::nullopt);
  for (const std::size_t field :
       {offsetof(Elf64_Ehdr, e_phoff), sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset),
        sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz)}) {
    std::string far = dynamic;
    far.replace(field, 8, 8, '\xff');
    CHECK(loader(far) == std::nullopt);
  }
  std::string big(sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr), '\0');
  big.replace(0, 6,
              "\x7f"
              "ELF\1\2");
  big[offsetof(Elf32_Ehdr, e_phoff) + 3] = sizeof(Elf32_Ehdr);
  big[offsetof(Elf32_Ehdr, e_phentsize) + 1] = sizeof(Elf32_Phdr);
  big[offsetof(Elf32_Ehdr, e_phnum) + 1] = 1;
  big[sizeof(Elf32_Ehdr) + 3] = PT_INTERP;
  big[sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_offset) + 3] = static_cast<char>(big.size());
  big[sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_filesz) + 3] = 8;
  CHECK(loader(big + "/lib/ld" + '\0') == "/lib/ld");
}

TEST_CASE("an ELF file that ends before what it loads is cut", "[core][elf]") {
  const auto is_cut = [](const std::string& bytes) { return ElfFile::open(as_bytes(bytes)).value().is_cut(); };
  const std::string library = elf_object({.soname = "libx.so.1"});
  CHECK(!is_cut(library));
  CHECK(!is_cut(library + "sections"));
  CHECK(!is_cut(elf_program()));
  for (std::size_t size = 64; size < library.size(); ++size) CHECK(is_cut(library.substr(0, size)));
}

TEST_CASE("an ELF file is read no further than it is looked at", "[core][elf]") {
  const std::string whole = elf_object({.loader = "/lib/ld.so",
                                        .needed = {"libc.so.6"},
                                        .runpath = "/opt",
                                        .needs = {{"libc.so.6", "GLIBC_2.38"}},
                                        .offers = {"MINE_1"},
                                        .kernel = {3, 2, 0},
                                        .levels = 3}) +
                            std::string(100000, 'x');
  std::string there(whole.size(), '?');
  const auto fetch = [&](std::uint64_t offset, std::uint64_t size) {
    REQUIRE(offset + size <= whole.size());
    there.replace(offset, size, whole, offset, size);
  };
  fetch(0, ElfFile::kHeaderBytes);
  const auto elf = ElfFile::open(as_bytes(there), fetch);
  REQUIRE(elf);
  CHECK(elf->loader() == "/lib/ld.so");
  CHECK(elf->dynamic().needed == std::vector<std::string>{"libc.so.6"});
  CHECK(elf->dynamic().runpath == "/opt");
  CHECK(elf->needed_versions().at(0).version == "GLIBC_2.38");
  CHECK(elf->offered_versions() == std::vector<std::string>{"MINE_1"});
  CHECK(elf->oldest_kernel() == "3.2.0");
  CHECK(elf->processor_level() == 2);
  CHECK_FALSE(elf->has_sections());
  CHECK(there.substr(there.size() - 90000) == std::string(90000, '?'));
}

TEST_CASE("the level of processors that an ELF file needs is that of its note", "[core][elf]") {
  const auto level = [](const testing::ElfSpec& spec, std::size_t left = 0) {
    const std::string bytes = elf_object(spec);
    const auto elf = ElfFile::open(as_bytes(std::string_view(bytes).substr(0, bytes.size() - left)));
    REQUIRE(elf);
    return elf->processor_level();
  };
  CHECK(level({}) == 0);
  CHECK(level({.kernel = {3, 2, 0}}) == 0);
  CHECK(level({.levels = 1}) == 1);
  CHECK(level({.kernel = {3, 2, 0}, .levels = 4}) == 3);
  CHECK(level({.levels = 0xf}) == 4);
  CHECK(level({.levels = 0x100}) == 4);  // no such level; more than all there are
  CHECK(level({.levels = 7, .machine = EM_AARCH64}) == 0);
  // Cut anywhere: what is left is no note.
  for (std::size_t left = 1; left < elf_object({.levels = 7}).size() - 64; ++left) CHECK(level({.levels = 7}, left) <= 3);
}

TEST_CASE("names of an ELF file that overlap are kept up to a bound", "[core][elf]") {
  constexpr std::size_t kEntries = 20000;
  sifkit::testing::ElfSpec spec{.loader = "/lib/ld.so", .needed = std::vector<std::string>(kEntries, "n"), .offers = std::vector<std::string>(kEntries, "o")};
  spec.needs.assign(kEntries, {"l", "v"});
  std::string bytes = sifkit::testing::elf_object(spec);
  // No name ends in the table, so each goes on over those behind it.
  for (auto at = bytes.find(std::string("n\0n\0", 4)); bytes.at(at) == '\0' || (bytes[at] >= 'l' && bytes[at] <= 'v'); ++at) {
    if (bytes[at] == '\0') bytes[at] = 'x';
  }
  REQUIRE(bytes.size() < (3u << 20));
  const auto elf = ElfFile::open(as_bytes(bytes)).value();
  const auto sum = [](const std::vector<std::string>& texts) {
    std::size_t size = 0;
    for (const auto& text : texts) size += text.size();
    return size;
  };
  const auto needed = elf.dynamic().needed;
  CHECK(needed.size() > 200);
  CHECK(needed.at(0).size() == 4096);
  CHECK(sum(needed) <= ElfFile::kMaxTextBytes);
  CHECK(elf.offered_versions().size() > 200);
  CHECK(sum(elf.offered_versions()) <= ElfFile::kMaxTextBytes);
  const auto versions = elf.needed_versions();
  CHECK(versions.size() > 100);
  std::size_t size = 0;
  for (const auto& need : versions) size += need.library.size() + need.version.size();
  CHECK(size <= ElfFile::kMaxTextBytes);
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include <sifkit/inspect/sbom.h>

#include "catch.h"
#include "programs.h"
#include "rpm_databases.h"
#include "tar_builder.h"
#include "temp_dir.h"

namespace sifkit::testing {

/// What the inventory of a root file system has.
struct Listed {
  std::vector<std::string> purls;
  std::vector<std::string> warnings;
  sbom::Inventory inventory;
};

inline Listed listed(const TarBuilder& tar) {
  const TempDir directory;
  write_file(directory / "root.tar", tar.bytes());
  WarningList warnings;
  const auto image = open_file_system(oci::Reference::parse("tar:" + (directory / "root.tar").string()), {}, warnings);
  Listed out;
  out.inventory = sbom::take_inventory(*image, {}, warnings);
  for (const auto& package : out.inventory.packages) out.purls.push_back(package.purl);
  for (const auto& warning : warnings.listed()) {
    if (warning.kind == "package-database") out.warnings.push_back(warning.text);
  }
  std::sort(out.warnings.begin(), out.warnings.end());
  return out;
}

inline std::string go_program(const std::string& modules, const std::string& toolchain = "go1.22.3") {
  const std::string mark(16, '\x30');
  const auto counted = [](const std::string& text) {
    std::string out;
    auto size = text.size();
    for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
    return out + static_cast<char>(size) + text;
  };
  std::string info = "\xff Go buildinf:";
  info += std::string("\x08\x02", 2) + std::string(16, '\0') + counted(toolchain) + counted(mark + modules + mark);
  return elf_of_sections({{".go.buildinfo", info}});
}

inline std::string rust_program(const std::string& list) {
  std::string packed(1000, '\0');
  auto size = static_cast<uLongf>(packed.size());
  REQUIRE(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(list.data()),
                   list.size()) == Z_OK);
  return elf_of_sections({{".dep-v0", packed.substr(0, size)}});
}

/// A zip archive of stored members.
inline std::string zip(const std::vector<std::pair<std::string, std::string>>& members) {
  const auto u16 = [](std::size_t value) { return little_32(static_cast<std::uint32_t>(value)).substr(0, 2); };
  const auto u32 = [](std::size_t value) { return little_32(static_cast<std::uint32_t>(value)); };
  std::string out;
  std::string directory;
  for (const auto& [name, bytes] : members) {
    const auto crc = crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const std::string common = std::string("\x14\0\0\0\0\0\0\0\0\0", 10) + u32(crc) + u32(bytes.size()) +
                               u32(bytes.size()) + u16(name.size()) + u16(0);
    directory += std::string("PK\1\2\x14\0", 6) + common + std::string(10, '\0') + u32(out.size()) + name;
    out += "PK\3\4" + common + name + bytes;
  }
  const auto start = out.size();
  return out + directory + std::string("PK\5\6\0\0\0\0", 8) + u16(members.size()) + u16(members.size()) +
         u32(directory.size()) + u32(start) + u16(0);
}

}  // namespace sifkit::testing

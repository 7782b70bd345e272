// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <sifkit/convert.h>

#include "image_shapes.h"
#include "temp_dir.h"

namespace sifkit::testing {

inline constexpr std::uint32_t kBlock = 4096;
inline constexpr std::size_t kInodeTable = 64;  ///< in the superblock: where the data ends

struct BaseFixture {
  TempDir directory;
  ConvertOptions options;
  ConvertReport report;
  WarningList warnings;

  BaseFixture() {
    options.format = OutputFormat::squashfs;
    options.squashfs.block_size = kBlock;
    options.source_date_epoch = 7;
    options.overwrite = Overwrite::yes;
    options.use_base = false;
  }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  /// Builds the layers, oldest first; the file's bytes.
  std::string build(const std::string& name, const std::vector<std::string>& layers, const std::string& base = {}) {
    TestImage image;
    image.layers = layers;
    write_file(directory / "image.tar", as_tar(docker_25(image)));
    ConvertOptions with = options;
    if (!base.empty()) {
      with.use_base = true;
      with.base = at(base);
    }
    report = convert(oci::Reference::parse("docker-archive:" + at("image.tar")), at(name), with, warnings);
    return read_file(at(name));
  }
};

/// SIFKIT_HISTORIES=10000 for more of them.
inline unsigned histories() {
  const char* const wanted = std::getenv("SIFKIT_HISTORIES");
  return wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 80;
}

}  // namespace sifkit::testing

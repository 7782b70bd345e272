// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>

#include "elf_objects.h"
#include "image_shapes.h"
#include "programs.h"
#include "temp_dir.h"

namespace sifkit::testing {

/// A small root file system without findings.
inline TarBuilder sound_root() {
  return TarBuilder()
      .directory("etc")
      .directory("usr")
      .directory("usr/bin")
      .directory("usr/lib")
      .symlink("bin", "usr/bin")
      .file("usr/bin/sh", elf_program(), 0755);
}

/// What `check` says of an image of one layer.
inline check::Report report_of(const TarBuilder& root, const Json& config = Json{{"Cmd", {"/bin/sh"}}}) {
  const TempDir directory;
  TestImage image;
  image.layers = {root.bytes()};
  image.config = config;
  write_file(directory / "image.tar", as_tar(docker_24(image)));
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse((directory / "image.tar").string()), {}, warnings);
  return check::check_image(*opened, {});
}

/// "severity code path: text" of each finding, the worst first.
inline std::vector<std::string> lines_of(const check::Report& report) {
  std::vector<std::string> out;
  for (const auto& finding : report.findings) {
    out.push_back(std::string(to_string(finding.severity)) + " " + finding.code + " " + finding.path + ": " +
                  finding.text);
  }
  return out;
}

}  // namespace sifkit::testing

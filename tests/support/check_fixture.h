// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>

#include "catch.h"
#include "checked_root.h"
#include "elf_objects.h"
#include "image_shapes.h"
#include "temp_dir.h"

namespace sifkit::testing {

using Lines = std::vector<std::string>;

/// Debian-like, in order.
inline TarBuilder debian() {
  return TarBuilder()
      .directory("etc")
      .directory("tmp")
      .directory("usr")
      .directory("usr/bin")
      .directory("usr/lib")
      .directory("usr/lib/x86_64-linux-gnu")
      .directory("lib64")
      .symlink("bin", "usr/bin")
      .symlink("lib", "usr/lib")
      .file("usr/lib/x86_64-linux-gnu/libc.so.6", glibc(), 0755)
      .file("lib64/ld-linux-x86-64.so.2", elf_object({.soname = "ld-linux-x86-64.so.2"}), 0755)
      .file("usr/bin/dash", dynamic_program(), 0755)
      .symlink("usr/bin/sh", "dash");
}

/// "severity code path: text" of each finding, the worst first.
struct Checked {
  Lines lines;
  check::Report report;
};

inline Checked checked_source(const std::string& source, const check::Options& options) {
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse(source), {}, warnings);
  auto report = check::check_image(*opened, options);
  return {lines_of(report), std::move(report)};
}

/// An image of one layer.
inline Checked checked(const TarBuilder& root, const Json& config = Json{{"Cmd", {"/bin/sh"}}},
                       const check::Options& options = {}) {
  const TempDir directory;
  TestImage image;
  image.layers = {root.bytes()};
  image.config = config;
  write_file(directory / "image.tar", as_tar(docker_24(image)));
  return checked_source((directory / "image.tar").string(), options);
}

/// A root file system without a configuration, as of a container that stands alone.
inline Checked checked_root(const TarBuilder& root, const check::Options& options = {}) {
  const TempDir directory;
  write_file(directory / "root.tar", root.bytes());
  return checked_source("tar:" + (directory / "root.tar").string(), options);
}

}  // namespace sifkit::testing

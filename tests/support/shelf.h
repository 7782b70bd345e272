// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "catch.h"
#include "cli_run.h"
#include "tar_builder.h"
#include "temp_dir.h"

namespace sifkit::testing {

/// A squashfs image with a file of each kind below /data.
struct Shelf {
  TempDir directory;
  std::string archive = (directory / "root.tar").string();
  std::string image = (directory / "app.sqfs").string();

  Shelf() {
    write_file(archive,
               TarBuilder()
                   .directory("bin")
                   .directory("data")
                   .add({.name = "data/big", .data = std::string(1536, 'b'), .mode = 04750, .uid = 1000, .gid = 100000, .mtime = 86400})
                   .add({.name = "data/.hidden", .data = "h", .pax = {{"SCHILY.xattr.user.note", "x"}}})
                   .hard_link("data/twin", "data/big")
                   .symlink("data/link", "../bin")
                   .symlink("data/lost", "/none/at/all")
                   .add({.name = "data/null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
                   .directory("data/sub")
                   .file("data/sub/inner", "inner\n")
                   .directory("etc")
                   .file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/:/bin/sh\n")
                   .bytes());
    const auto built = run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + archive});
    INFO(built.err);
    REQUIRE(built.code == 0);
  }

  CliResult run(const std::string& verb, std::vector<std::string> args) const {
    args.insert(args.begin(), {verb, image});
    return run_cli(args);
  }

  CliResult ls(const std::vector<std::string>& args) const { return run("ls", args); }
};

}  // namespace sifkit::testing

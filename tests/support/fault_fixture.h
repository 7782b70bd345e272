// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/temp_dir.h"
#include "support/tested_program.h"

namespace sifkit::testing {

struct Outcome {
  int code;
  std::string err;
};

/// An archive to convert, and an empty directory for what is made of it.
struct FaultFixture {
  TempDir directory;
  std::filesystem::path out = directory / "out";

  FaultFixture() {
    write_file(directory / "app.tar", as_tar(docker_24(small_image())));
    std::filesystem::create_directory(out);
  }

  /// Runs a shell command in the directory of outputs; $SIFKIT is the program, standard error is returned.
  Outcome shell(const std::string& command, std::vector<std::string> environment = {}) const {
    environment.insert(environment.end(), {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SIFKIT=" + tested_program(), "TMPDIR=" + directory.path().string()});
    const auto result = run_process({"bash", "-c", "cd '" + out.string() + "' && { " + command + "\n} 2>&1"}, environment);
    return {result.code, result.out};
  }

  /// A build with one call failing (see support/fault_shim.c).
  Outcome build(const std::string& fault, const std::string& options = "", bool tmpfile = true) const {
    std::vector<std::string> environment{"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", "SIFKIT_FAULT=" + fault};
    if (!tmpfile) environment.emplace_back("SIFKIT_NO_TMPFILE=1");
    return shell("exec $SIFKIT build -q -j2 app.sif ../app.tar " + options, environment);
  }

  std::size_t count() const { return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(out), {})); }
  std::string target() const { return read_file(out / "app.sif"); }
  void clear() const {
    for (const auto& entry : std::filesystem::directory_iterator(out)) std::filesystem::remove_all(entry.path());
  }

  /// The bytes that every build must have.
  std::string sound() const {
    REQUIRE(shell("$SIFKIT build -q app.sif ../app.tar").code == 0);
    const auto bytes = target();
    clear();
    return bytes;
  }
};

inline std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace sifkit::testing

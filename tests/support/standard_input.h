// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sifkit/core/file.h>

#include "support/catch.h"
#include "support/cli_run.h"

namespace sifkit::testing {

/// Standard input is another descriptor as long as it lives.
class Redirected {
 public:
  explicit Redirected(UniqueFd fd) : saved_(::dup(STDIN_FILENO)) { REQUIRE(::dup2(fd.get(), STDIN_FILENO) == STDIN_FILENO); }
  ~Redirected() { ::dup2(saved_.get(), STDIN_FILENO); }

 private:
  UniqueFd saved_;
};

inline CliResult from_redirect(const std::filesystem::path& file, const std::vector<std::string>& args) {
  const Redirected in(UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC)));
  return run_cli(args);
}

inline CliResult from_pipe(const std::string& bytes, const std::vector<std::string>& args) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  std::jthread writer([&bytes, end = ends[1]] {
    const UniqueFd owner(end);
    for (std::size_t at = 0; at < bytes.size();) {
      const auto wrote = ::write(end, bytes.data() + at, bytes.size() - at);
      if (wrote <= 0) return;
      at += static_cast<std::size_t>(wrote);
    }
  });
  const Redirected in{UniqueFd(ends[0])};
  return run_cli(args);
}

}  // namespace sifkit::testing

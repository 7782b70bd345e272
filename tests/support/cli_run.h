// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app.h"
#include "support/tested_program.h"

namespace sifkit::testing {

/// What a command printed and how it ended.
struct CliResult {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs it by another program, which sees the environment and the directory of the test.
inline CliResult run_cli_as_process(const std::string& program, const std::vector<std::string>& args, int in) {
  const int captured[] = {::memfd_create("out", MFD_CLOEXEC), ::memfd_create("err", MFD_CLOEXEC)};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, captured[0], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, captured[1], STDERR_FILENO);
  std::vector<char*> words{const_cast<char*>(program.c_str())};
  for (const auto& arg : args) words.push_back(const_cast<char*>(arg.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot run " + program);
  int status = 0;
  ::waitpid(child, &status, 0);
  CliResult result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  for (const int fd : captured) {
    std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    if (::pread(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("read what was printed");
    (fd == captured[0] ? result.out : result.err) = text;
    ::close(fd);
  }
  return result;
}

/// Runs a whole command in process, as if off a terminal.
inline CliResult run_cli(const std::vector<std::string>& args, int in = 0) {
  if (const auto program = other_program(); !program.empty()) return run_cli_as_process(program, args, in);
  std::ostringstream out;
  std::ostringstream err;
  cli::Console io{.out = out, .err = err, .in = in};
  const int code = cli::run(args, io);
  return {code, out.str(), err.str()};
}

}  // namespace sifkit::testing

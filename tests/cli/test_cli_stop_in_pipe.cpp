// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C stops every program of a pipeline: the end of the writer is no fault of the input.
#include <chrono>
#include <csignal>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sifkit/core/error.h>

#include "support/catch.h"
#include "support/fault_fixture.h"
#include "support/tested_program.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Clock = std::chrono::steady_clock;

/// The program with a pipe as standard input, which waits for a signal or for more input.
class Reader {
 public:
  Reader(const std::vector<std::string>& args, const std::string& input, const std::filesystem::path& said)
      : said_(said) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const std::string program = tested_program();
    std::vector<char*> words{const_cast<char*>(program.c_str())};
    for (const auto& word : args) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    const int error = ::posix_spawn(&child_, words[0], &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    writer_ = ends[1];
    if (error != 0) throw std::runtime_error("cannot run the program");
    if (::write(writer_, input.data(), input.size()) != static_cast<ssize_t>(input.size()))
      throw std::runtime_error("write to the pipe");
    while (!takes_signals()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ~Reader() {
    if (writer_ >= 0) ::close(writer_);
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void signal(int number) const { ::kill(child_, number); }
  void end_input() { ::close(std::exchange(writer_, -1)); }

  Outcome wait() {
    int status = 0;
    ::waitpid(std::exchange(child_, 0), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(said_)};
  }

 private:
  /// Whether SIGINT is blocked, for the thread that waits for it.
  bool takes_signals() const {
    const auto status = read_file(fmt::format("/proc/{}/status", child_));
    const auto at = status.find("SigBlk:\t");
    return at != std::string::npos && (std::stoull(status.substr(at + 8, 16), nullptr, 16) & (1u << (SIGINT - 1))) != 0;
  }

  std::filesystem::path said_;
  pid_t child_ = 0;
  int writer_ = -1;
};

struct PipeFixture {
  TempDir directory;
  std::string out = (directory / "out.sif").string();
  std::string archive = as_tar(docker_24(small_image()));

  /// The input ends, and the signal comes while the program sees that. Where this test was kept waiting in between,
  /// again.
  Outcome stopped_behind_end(const std::vector<std::string>& args, const std::string& input, int number) const {
    for (;;) {
      Reader reader(args, input, directory / "said");
      const auto start = Clock::now();
      reader.end_input();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      reader.signal(number);
      const bool in_time = Clock::now() - start < std::chrono::milliseconds(60);
      auto outcome = reader.wait();
      if (in_time) return outcome;
    }
  }

  /// End and signal are there at the same time.
  Outcome stopped_with_end(const std::vector<std::string>& args, const std::string& input, int number) const {
    Reader reader(args, input, directory / "said");
    reader.signal(SIGSTOP);
    reader.end_input();
    reader.signal(number);
    reader.signal(SIGCONT);
    return reader.wait();
  }

  Outcome not_stopped(const std::vector<std::string>& args, const std::string& input) const {
    Reader reader(args, input, directory / "said");
    reader.end_input();
    return reader.wait();
  }
};

}  // namespace

TEST_CASE("Ctrl-C in a pipeline is a stop, not an input that ends too early", "[cli][faults]") {
  const PipeFixture fixture;
  const auto half = fixture.archive.substr(0, fixture.archive.size() / 2);
  const std::vector<std::vector<std::string>> commands{{"build", "-q", fixture.out, "-"},
                                                       {"build", "-q", fixture.out, "/dev/stdin"},
                                                       {"build", "-q", fixture.out, "docker-archive:-"},
                                                       {"build", "-q", fixture.out, "tar:/dev/stdin"},
                                                       {"build", "-q", "--sandbox", fixture.out, "-"},
                                                       {"images", "-q", "-"},
                                                       {"inspect", "-q", "-"},
                                                       {"inspect", "-q", "-", "none.sif"}};
  for (const auto& command : commands) {
    for (const auto& input : {std::string(), half}) {
      INFO(command.front() << ' ' << command.back() << ", " << input.size() << " bytes");
      for (const auto& outcome :
           {fixture.stopped_behind_end(command, input, SIGINT), fixture.stopped_with_end(command, input, SIGINT)}) {
        CHECK(outcome.err == "sifkit: stopped on request\n");
        CHECK(outcome.code == 130);
      }
      CHECK_FALSE(std::filesystem::exists(fixture.out));
    }
  }
  CHECK(fixture.stopped_behind_end(commands[0], half, SIGTERM).code == 143);
}

TEST_CASE("an input that ends too early without a signal is an error", "[cli][faults]") {
  const PipeFixture fixture;
  const std::vector<std::string> command{"build", "-q", fixture.out, "-"};
  const auto empty = fixture.not_stopped(command, {});
  CHECK(empty.code == exit_code(ErrorKind::malformed));
  CHECK_THAT(empty.err, ContainsSubstring("standard input is empty"));
  CHECK(fixture.not_stopped(command, fixture.archive.substr(0, fixture.archive.size() / 2)).code ==
        exit_code(ErrorKind::malformed));
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace sifkit::testing {

/// A pseudo-terminal and a program that has it as its controlling terminal and as all three standard streams.
class Terminal {
 public:
  /// Nothing where no pseudo-terminal can be had. `raw`: what the program writes comes as it is.
  static std::unique_ptr<Terminal> start(const std::vector<std::string>& argv, const std::vector<std::string>& environment, bool raw) {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0) return nullptr;
    char name[128];
    if (::grantpt(master) != 0 || ::unlockpt(master) != 0 || ::ptsname_r(master, name, sizeof name) != 0) {
      ::close(master);
      return nullptr;
    }
    const int slave = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
      ::close(master);
      return nullptr;
    }
    if (raw) {
      termios mode{};
      ::tcgetattr(slave, &mode);
      ::cfmakeraw(&mode);
      ::tcsetattr(slave, TCSANOW, &mode);
    }
    const auto args = pointers(argv);
    const auto variables = pointers(environment);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child == 0) {
      ::setsid();
      ::ioctl(slave, TIOCSCTTY, 0);
      for (int fd = 0; fd <= 2; ++fd) ::dup2(slave, fd);
      ::execve(args[0], args.data(), variables.data());
      ::_exit(127);
    }
    ::close(slave);
    return std::unique_ptr<Terminal>(new Terminal(master, child));
  }

  ~Terminal() {
    ::close(master_);  // hangs up
    if (!ended_) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) const {
    if (::write(master_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("write to the terminal");
  }

  /// Everything that is written until `text` is there `count` times, or for ten seconds.
  const std::string& wait_for(const std::string& text, std::size_t count = 1) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (times(text) < count && std::chrono::steady_clock::now() < end && read_some(100)) {
    }
    return screen_;
  }

  /// Waits for the program's end, a minute at most: its exit code, or 128 + the signal's number.
  int wait() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (read_some(100)) {
      if (std::chrono::steady_clock::now() > end) ::kill(child_, SIGKILL);
    }
    int status = 0;
    ::waitpid(child_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// All that has been written.
  const std::string& screen() const noexcept { return screen_; }

  /// Whether what is typed is shown.
  bool echoes() const {
    termios mode{};
    if (::tcgetattr(master_, &mode) != 0) throw std::runtime_error("tcgetattr");
    return (mode.c_lflag & ECHO) != 0;
  }

 private:
  Terminal(int master, pid_t child) : master_(master), child_(child) {}

  static std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  }

  std::size_t times(const std::string& text) const {
    std::size_t count = 0;
    for (auto at = screen_.find(text); at != std::string::npos; at = screen_.find(text, at + text.size())) ++count;
    return count;
  }

  /// What comes within so long; false when nothing more can come.
  bool read_some(int milliseconds) {
    pollfd waiting{master_, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) == 0) return true;
    char buffer[4096];
    const auto got = ::read(master_, buffer, sizeof buffer);
    if (got <= 0) return false;
    screen_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }

  int master_;
  pid_t child_;
  bool ended_ = false;
  std::string screen_;
};

}  // namespace sifkit::testing

// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <new>
#include <system_error>
#include <typeinfo>

#include <cxxabi.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/unfinished.h>

namespace sifkit::cli {

namespace {

/// How long work may go on after the first signal before the process ends by force, and how long another signal is still
/// the first one: timeout(1) sends to the process and then to its group.
constexpr std::chrono::milliseconds kGrace{1000};
constexpr std::chrono::milliseconds kSameSignal{100};

/// Ends the watching thread.
int wake_signal() { return SIGRTMIN; }

/// What asks for an end, less what the parent has set to be ignored (nohup, background jobs of a script).
sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU}) {
    struct sigaction action {};
    ::sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&set, number);
  }
  sigaddset(&set, wake_signal());
  return set;
}

void say(std::string_view text) { [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size()); }

std::terminate_handler usual_end = nullptr;

/// Where memory runs out in a destructor (those of JSON values allocate), or for the exception that should tell so: ends as
/// if it had been caught, and allocates nothing. Any other exception that nobody catches is a defect, to be seen as one.
[[noreturn]] void end_without_memory() {
  const std::type_info* const thrown = abi::__cxa_current_exception_type();
  if (thrown != nullptr ? *thrown != typeid(std::bad_alloc) : std::malloc(1024) != nullptr) usual_end();
  remove_unfinished();
  say("sifkit: error: out of memory\n");
  std::_Exit(exit_code(ErrorKind::limit));
}

}  // namespace

void prepare_process() {
  usual_end = std::set_terminate(end_without_memory);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      // Talk that nobody hears is no fault; results that nobody gets are, so writing them has to fail.
      const int opened = ::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
      if (opened != fd && opened >= 0) ::close(opened);
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  if (::getauxval(AT_SECURE) != 0) {
    say("sifkit: error: will not run with borrowed privileges (setuid or capabilities)\n");
    std::_Exit(exit_code(ErrorKind::denied));
  }
}

void hush_libraries() {
#ifdef __GLIBC__  // elsewhere it is no variable
  if (std::FILE* const nowhere = std::fopen("/dev/null", "we")) stderr = nowhere;
#endif
}

void forbid_core_dumps() {
  constexpr rlimit kNone{0, 0};
  ::setrlimit(RLIMIT_CORE, &kNone);
}

Console terminal_console(std::ostream& out, std::ostream& err, std::stop_token stop) {
  Console io{.out = out, .err = err, .stop = std::move(stop)};
  io.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  io.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  io.in_is_terminal = ::isatty(STDIN_FILENO) == 1;
  struct stat st {};
  io.out_is_for_others = ::fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  io.width = [] {
    static constexpr int kUsual = 80;
    winsize size{};
    for (const int fd : {STDERR_FILENO, STDOUT_FILENO}) {
      if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return static_cast<int>(size.ws_col);
    }
    return kUsual;
  };
  return io;
}

StopOnSignals::StopOnSignals() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  try {
    thread_ = start_background_thread([this] { watch(); });
  } catch (const std::system_error&) {
    // Without a thread a signal ends the process at once, as it does every other.
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
}

StopOnSignals::~StopOnSignals() {
  if (!thread_.joinable()) return;
  ending_ = true;
  ::pthread_kill(thread_.native_handle(), wake_signal());
  thread_.join();
}

int StopOnSignals::exit_code_or(int code) const noexcept {
  const int signal = signal_;
  return signal != 0 && code == exit_code(ErrorKind::cancelled) ? 128 + signal : code;
}

bool StopOnSignals::wait_for_impatience(const sigset_t& set) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    if (passed >= kGrace) return true;
    const auto left = kGrace - passed;
    const timespec timeout{left.count() / 1000, left.count() % 1000 * 1'000'000};
    const int number = ::sigtimedwait(&set, nullptr, &timeout);
    if (ending_) return false;
    if (number > 0 && std::chrono::steady_clock::now() - start >= kSameSignal) return true;
  }
}

void StopOnSignals::watch() {
  const sigset_t set = stop_signals();
  int number = 0;
  ::sigwait(&set, &number);
  if (ending_) return;
  signal_ = number;
  if (number == SIGXCPU) say("sifkit: the processor time that the job may use (ulimit -t) is used up\n");
  source_.request_stop();
  if (!wait_for_impatience(set)) return;
  say("sifkit: stopped on request\n");
  // The removal may take long, of a large directory or where a server does not answer: the next signal ends the process as it is.
  sigset_t deadly = set;
  sigdelset(&deadly, wake_signal());
  ::pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
  remove_unfinished();
  std::_Exit(128 + number);
}

}  // namespace sifkit::cli

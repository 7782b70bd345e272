// SPDX-License-Identifier: Apache-2.0
#include "passphrase.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>

#include "numbers.h"
#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kMaxLineBytes = 1024;
constexpr int kPollMilliseconds = 100;

constexpr std::string_view kHint = "use --passphrase-file, --passphrase-fd or SIFKIT_PASSPHRASE";

std::string first_line(Source& source, const std::string& place) {
  const Bytes bytes = read_all(source, kMaxLineBytes, "the passphrase in " + place);
  const auto text = as_text(bytes);
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

volatile std::sig_atomic_t stop_asked = 0;  ///< Ctrl-Z
volatile std::sig_atomic_t continued = 0;    ///< fg, after whatever has stopped the process

/// Notes that the process is to stop, or goes on, for as long as a question waits for its answer.
class JobControl {
 public:
  JobControl() {
    stop_asked = 0;
    continued = 0;
    struct sigaction action {};
    sigemptyset(&action.sa_mask);
    action.sa_handler = [](int) { continued = 1; };
    ::sigaction(SIGCONT, &action, &old_continue_);
    ::sigaction(SIGTSTP, nullptr, &old_stop_);
    action.sa_handler = [](int) { stop_asked = 1; };
    if (old_stop_.sa_handler != SIG_IGN) ::sigaction(SIGTSTP, &action, nullptr);
  }
  ~JobControl() {
    ::sigaction(SIGTSTP, &old_stop_, nullptr);
    ::sigaction(SIGCONT, &old_continue_, nullptr);
  }
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  /// Stops the process as the signal that has been noted would have.
  void stop() const {
    struct sigaction noting {};
    ::sigaction(SIGTSTP, &old_stop_, &noting);
    ::kill(::getpid(), SIGTSTP);
    ::sigaction(SIGTSTP, &noting, nullptr);
    stop_asked = 0;
    continued = 1;
  }

 private:
  struct sigaction old_continue_ {};
  struct sigaction old_stop_ {};
};

/// A terminal, without echo where that is wanted; as it was on every way out.
class Question {
 public:
  Question(int fd, std::string text, Echo echo) : fd_(fd), text_(std::move(text)), echo_(echo) {
    if (echo_ == Echo::no && ::tcgetattr(fd_, &before_) != 0) throw_errno("the terminal");
    ask();
  }
  ~Question() { restore(); }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  /// The line that is typed. A shell gives the terminal its echo back when the process stops, so the question is asked again
  /// when that goes on.
  std::string answer(const std::stop_token& stop) {
    std::string line;
    for (;;) {
      if (stop.stop_requested()) OperationContext::throw_cancelled();
      if (stop_asked != 0) {
        restore();
        job_.stop();
      }
      if (continued != 0) {
        continued = 0;
        line.clear();
        ask();
      }
      pollfd waiting{fd_, POLLIN, 0};
      const int ready = ::poll(&waiting, 1, kPollMilliseconds);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
      char c = 0;
      const auto got = ::read(fd_, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || c == '\n') break;
      if (line.size() == kMaxLineBytes) throw Error(ErrorKind::limit, fmt::format("the line is over the limit of {} bytes", kMaxLineBytes));
      line += c;
    }
    if (echo_ == Echo::no) say("\n");
    return line;
  }

 private:
  void ask() {
    if (echo_ == Echo::no) {
      termios silent = before_;
      silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
      set(silent);
    }
    say(text_);
  }

  /// From the background it stops the process, until that is in the foreground again.
  void set(const termios& mode) const {
    while (::tcsetattr(fd_, TCSAFLUSH, &mode) != 0) {
      if (errno != EINTR) throw_errno("the terminal");
    }
  }

  void restore() const {
    if (echo_ == Echo::no) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

  void say(std::string_view text) const {
    while (::write(fd_, text.data(), text.size()) < 0) {
      if (errno != EINTR) throw_errno("the terminal");
    }
  }

  int fd_;
  std::string text_;
  Echo echo_;
  termios before_{};
  JobControl job_;
};

/// An empty one unlocks nothing: it is the mark of a variable or a file that nobody has filled.
std::string not_empty(std::string word, std::string_view origin, std::string_view hint) {
  if (word.empty()) throw Error(ErrorKind::usage, fmt::format("{} is empty where a passphrase was expected", origin), std::string(hint));
  return word;
}

/// From the options or the environment.
std::optional<std::string> given(const PassphraseArguments& arguments, std::string_view hint) {
  if (!arguments.file.empty()) return not_empty(first_line(*open_source(arguments.file), in_quotes(arguments.file)), in_quotes(arguments.file), hint);
  if (arguments.fd >= 0) {
    const std::string place = fmt::format("--passphrase-fd {}", arguments.fd);
    StreamSource source(File(duplicate(arguments.fd, place), "passphrase descriptor"));
    return not_empty(first_line(source, place), place, hint);
  }
  if (const char* word = std::getenv("SIFKIT_PASSPHRASE")) return not_empty(word, "the variable SIFKIT_PASSPHRASE", hint);
  return std::nullopt;
}

}  // namespace

std::string ask_terminal(std::string_view question, Echo echo, const std::stop_token& stop, std::string_view without, std::string_view hint) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) throw Error(ErrorKind::denied, std::string(without), std::string(hint));
  return Question(terminal.get(), terminal_text(question), echo).answer(stop);
}

void add_passphrase_options(CLI::App& verb, PassphraseArguments& arguments) {
  auto* file = verb.add_option("--passphrase-file", arguments.file, "The first line is the key's passphrase")->type_name("FILE");
  verb.add_option("--passphrase-fd", arguments.fd, "The passphrase is read from a descriptor")
      ->transform(Integer<int>(0))
      ->type_name("N")
      ->excludes(file);
}

std::string passphrase(const PassphraseArguments& arguments, std::string_view key, const std::stop_token& stop) {
  if (auto word = given(arguments, "")) return *std::move(word);
  return ask_terminal(fmt::format("Passphrase for {}: ", printable(key)), Echo::no, stop,
                      fmt::format("the key {} is locked and there is no terminal to ask for its passphrase", in_quotes(key)), kHint);
}

std::string new_passphrase(const PassphraseArguments& arguments, const std::stop_token& stop) {
  constexpr std::string_view kUnlocked = "--no-passphrase makes a key that anybody who reads its file can use";
  auto word = given(arguments, kUnlocked);
  if (!word) {
    constexpr std::string_view kWithout = "there is no terminal to ask for the new key's passphrase";
    const std::string hint = fmt::format("{}, or --no-passphrase", kHint);
    word = ask_terminal("Passphrase for the new key: ", Echo::no, stop, kWithout, hint);
    if (!word->empty() && *word != ask_terminal("The same again: ", Echo::no, stop, kWithout, hint)) {
      throw Error(ErrorKind::usage, "the two passphrases differ; no key was made");
    }
  }
  if (word->empty()) throw Error(ErrorKind::usage, "the passphrase is empty", std::string(kUnlocked));
  return *std::move(word);
}

}  // namespace sifkit::cli

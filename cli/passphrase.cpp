// SPDX-License-Identifier: Apache-2.0
#include "passphrase.h"

#include <cerrno>
#include <cstdlib>
#include <memory>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/report.h>

#include "numbers.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kMostLineBytes = 1024;
constexpr int kPollMilliseconds = 100;

constexpr std::string_view kHint = "use --passphrase-file, --passphrase-fd or SIFKIT_PASSPHRASE";

std::string first_line(Source& source) {
  const Bytes bytes = read_all(source, kMostLineBytes, "passphrase");
  const auto text = as_text(bytes);
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

/// The terminal without echo; as it was on every way out.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd) {
    if (::tcgetattr(fd, &before_) != 0) throw_errno("the terminal");
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (::tcsetattr(fd, TCSAFLUSH, &silent) != 0) throw_errno("the terminal");
  }
  ~Silence() { ::tcsetattr(fd_, TCSAFLUSH, &before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int fd_;
  termios before_{};
};

std::string read_line(int fd, const std::stop_token& stop) {
  std::string line;
  for (;;) {
    if (stop.stop_requested()) OperationContext::throw_cancelled();
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kPollMilliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char c = 0;
    const auto got = ::read(fd, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || c == '\n') return line;
    if (line.size() == kMostLineBytes) throw Error(ErrorKind::limit, fmt::format("the line is over the limit of {} bytes", kMostLineBytes));
    line += c;
  }
}

void say(int fd, std::string_view text) {
  if (::write(fd, text.data(), text.size()) < 0) throw_errno("the terminal");
}

/// An empty one unlocks nothing: it is the mark of a variable or a file that nobody has filled.
std::string not_empty(std::string word, std::string_view origin, std::string_view hint) {
  if (word.empty()) throw Error(ErrorKind::usage, fmt::format("{} is empty where a passphrase was expected", origin), std::string(hint));
  return word;
}

/// From the options or the environment.
std::optional<std::string> given(const PassphraseArguments& arguments, std::string_view hint) {
  if (!arguments.file.empty()) return not_empty(first_line(*open_source(arguments.file)), in_quotes(arguments.file), hint);
  if (arguments.fd >= 0) {
    const int fd = ::dup(arguments.fd);
    if (fd < 0) throw_errno(fmt::format("--passphrase-fd {}", arguments.fd));
    StreamSource source(File(UniqueFd(fd), "passphrase descriptor"));
    return not_empty(first_line(source), fmt::format("--passphrase-fd {}", arguments.fd), hint);
  }
  if (const char* word = std::getenv("SIFKIT_PASSPHRASE")) return not_empty(word, "the variable SIFKIT_PASSPHRASE", hint);
  return std::nullopt;
}

}  // namespace

std::string ask_terminal(std::string_view question, Echo echo, const std::stop_token& stop, std::string_view without, std::string_view hint) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) throw Error(ErrorKind::denied, std::string(without), std::string(hint));
  std::optional<Silence> silence;
  if (echo == Echo::no) silence.emplace(terminal.get());
  say(terminal.get(), question);
  auto line = read_line(terminal.get(), stop);
  if (silence) say(terminal.get(), "\n");
  return line;
}

void add_passphrase_options(CLI::App& verb, PassphraseArguments& arguments) {
  verb.add_option("--passphrase-file", arguments.file, "The first line is the key's passphrase")->type_name("FILE");
  verb.add_option("--passphrase-fd", arguments.fd, "The passphrase is read from a descriptor")->transform(Whole<int>(0))->type_name("N");
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

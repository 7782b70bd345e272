// SPDX-License-Identifier: Apache-2.0
#include "credential_helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/text.h>

#include "registry_auth.h"

namespace sifkit::oci {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kLongest{30};  ///< that a helper may take to keep something or to forget it
constexpr std::chrono::milliseconds kShortestPause{1};
constexpr std::size_t kMaxOutput = std::size_t{1} << 20;
constexpr int kNotFoundInShells = 127;
constexpr int kNoStatus = 0;  ///< in place of one that the system has not kept
/// What helpers say, word for word, for a server that they know nothing of.
constexpr std::string_view kNoEntry = "credentials not found in native keychain";

/// Has a child close what it would get beside its standard streams: libraries open files that every child gets, and a
/// helper has no use for what its parent was given. Nothing is closed that cannot be listed.
void close_others(posix_spawn_file_actions_t& actions) {
  const UniqueFd listing(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> names;
  try {
    if (listing) names = names_in(listing.get(), "/proc/self/fd");
  } catch (const Error&) {
    return;
  }
  for (const auto& name : names) {
    const int fd = whole_number<int>(name).value_or(-1);
    const int flags = fd > STDERR_FILENO ? ::fcntl(fd, F_GETFD) : -1;
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ::posix_spawn_file_actions_addclose(&actions, fd);
  }
}

/// A program that runs; it is killed if it is not waited for.
class Child {
 public:
  Child(const std::string& program, std::string verb, int in, int out) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    close_others(actions);
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGCHLD);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name = program;
    std::array<char*, 3> arguments{name.data(), verb.data(), nullptr};
    const int failed = ::posix_spawnp(&process_, program.c_str(), &actions, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failed == 0) return;
    process_ = -1;
    if (failed == ENOENT) throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes(program)));
    throw_errno(fmt::format("run {}", in_quotes(program)), failed);
  }
  ~Child() {
    if (process_ < 0 || ended()) return;
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The status of a program that has ended; nothing while it runs. Where the process ignores SIGCHLD the system keeps
  /// no status: what the program has said counts then, and its number may be another's already.
  std::optional<int> ended() {
    int status = 0;
    const auto found = ::waitpid(process_, &status, WNOHANG);
    if (found == 0 || (found < 0 && errno != ECHILD)) return std::nullopt;
    process_ = -1;
    return found < 0 ? kNoStatus : status;
  }

 private:
  pid_t process_ = -1;
};

/// Both ends of a connection; a write to one whose other end is gone is an error, no signal.
std::pair<UniqueFd, UniqueFd> connection() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// How long a program may take.
class Deadline {
 public:
  Deadline(const std::string& program, std::chrono::milliseconds limit, const OperationContext& operation)
      : program_(program), limit_(limit), operation_(operation), end_(Clock::now() + limit) {}

  /// Throws network when it has passed.
  void check(std::string_view what) const {
    operation_.check();
    if (Clock::now() <= end_) return;
    const auto seconds = std::chrono::duration<double>(limit_).count();
    throw Error(ErrorKind::network, fmt::format("{} has not {} for {:g} s", in_quotes(program_), what, seconds));
  }

 private:
  const std::string& program_;
  const std::chrono::milliseconds limit_;
  const OperationContext& operation_;
  const Clock::time_point end_;
};

/// All of it, or as much as the program reads: one that does not read it fails anyway.
void write_question(int fd, std::string_view text, const Deadline& deadline) {
  while (!text.empty()) {
    deadline.check("read its input");
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, static_cast<int>(kTick.count()));
    } else if (errno != EINTR) {
      return;
    }
  }
}

std::string read_output(int fd, const std::string& program, const Deadline& deadline) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    deadline.check("answered");
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(kTick.count())) <= 0) continue;
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > kMaxOutput)
      throw Error(ErrorKind::limit, fmt::format("{}: too long an answer", in_quotes(program)));
  }
}

/// A program that has said all it says ends at once, as a rule.
int wait_for(Child& child, const Deadline& deadline) {
  for (auto pause = kShortestPause;; pause = std::min(2 * pause, kTick)) {
    if (const auto status = child.ended()) return *status;
    deadline.check("ended");
    std::this_thread::sleep_for(pause);
  }
}

/// The program of a helper. Throws usage for a name that is none.
std::string program_of(const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    throw Error(ErrorKind::usage, fmt::format("{} is no credential helper", in_quotes(name)));
  return "docker-credential-" + name;
}

/// Why a helper failed, in its words, which may repeat what it was told or has found: then they are not shown.
std::string reason_of(int status, std::string_view answer, const std::string& password) {
  if (WIFSIGNALED(status)) return fmt::format("it was ended by signal {}", WTERMSIG(status));
  if (answer.find("\"Secret\"") != std::string_view::npos) return "its answer is not shown, as it has a secret in it";
  return printable(without_secrets(std::string(trimmed(answer, " \t\r\n")), {password}));
}

/// What a helper answers; nothing where it knows nothing of the server. `doing` is for the error, `password` what the
/// question has in it.
std::optional<std::string> run_helper(const std::string& name, const std::string& verb, const std::string& question,
                                      std::string_view doing, const OperationContext& operation,
                                      std::chrono::milliseconds limit, const std::string& password = {}) {
  const std::string program = program_of(name);
  auto [input, child_input] = connection();
  auto [output, child_output] = connection();
  Child child(program, verb, child_input.get(), child_output.get());
  child_input = UniqueFd();
  child_output = UniqueFd();
  const Deadline deadline(program, limit, operation);
  write_question(input.get(), question, deadline);
  input = UniqueFd();
  auto answer = read_output(output.get(), program, deadline);
  const int status = wait_for(child, deadline);
  operation.check();  // the signal that stops us may have ended the helper
  if (trimmed(answer, " \t\r\n").starts_with(kNoEntry)) return std::nullopt;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotFoundInShells)
      throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes(program)));
    throw Error(ErrorKind::denied, fmt::format("error {} credentials: {}: {}", doing, in_quotes(program),
                                               reason_of(status, answer, password)));
  }
  return answer;
}

}  // namespace

std::optional<RegistryCredentials> ask_credential_helper(const std::string& name, const std::string& server,
                                                         const OperationContext& operation,
                                                         std::chrono::milliseconds limit) {
  const std::string program = program_of(name);
  const auto answer = run_helper(name, "get", server + "\n", "getting", operation, limit);
  if (!answer) return std::nullopt;
  const Json document = Json::parse(*answer, nullptr, false);
  const auto text = [&](std::string_view member) { return member_text(document, member); };
  if (text("Secret").empty())
    throw Error(ErrorKind::denied, fmt::format("{}: the answer has no secret", in_quotes(program)));
  RegistryCredentials out;
  out.origin = in_quotes(program);
  if (text("Username") == "<token>") {
    out.identity_token = text("Secret");
  } else {
    out.user = text("Username");
    out.password = text("Secret");
  }
  return out;
}

void expect_credential_helper(const std::string& name) {
  const std::string program = program_of(name);
  auto path = environment_variable("PATH");
  if (path.empty()) path = "/bin:/usr/bin";  // where the system looks then
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    const auto file = path.substr(at, end - at) + (end == at ? "./" : "/") + program;
    if (::access(file.c_str(), X_OK) == 0) return;
    at = end + 1;
  }
  throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes(program)));
}

void store_in_credential_helper(const std::string& name, const std::string& server,
                                const RegistryCredentials& credentials, const OperationContext& operation) {
  const Json entry{{"ServerURL", server}, {"Username", credentials.user}, {"Secret", credentials.password}};
  std::string text;
  try {
    text = entry.dump() + "\n";
  } catch (const Json::exception&) {
    throw Error(ErrorKind::usage, fmt::format("{}: expected a user name and a password in UTF-8",
                                              in_quotes(program_of(name))));
  }
  if (!run_helper(name, "store", text, "storing", operation, kLongest, credentials.password))
    throw Error(ErrorKind::denied,
                fmt::format("error storing credentials: {}: {}", in_quotes(program_of(name)), kNoEntry));
}

bool erase_in_credential_helper(const std::string& name, const std::string& server, const OperationContext& operation) {
  return run_helper(name, "erase", server + "\n", "erasing", operation, kLongest).has_value();
}

}  // namespace sifkit::oci

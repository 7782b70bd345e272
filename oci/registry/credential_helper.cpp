// SPDX-License-Identifier: Apache-2.0
#include "credential_helper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

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
#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

constexpr std::chrono::seconds kTimeLimit{30};
constexpr std::chrono::milliseconds kTick{100};
constexpr std::size_t kMaxOutput = std::size_t{1} << 20;
constexpr int kNotFoundInShells = 127;
/// What helpers say, word for word, for a server that they know nothing of.
constexpr std::string_view kNoEntry = "credentials not found in native keychain";

/// A program that runs; it is killed if it is not waited for.
class Child {
 public:
  Child(const std::string& program, int in, int out) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string name = program;
    std::string verb = "get";
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
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  int wait() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return status;
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

std::string read_output(int fd, const std::string& program, const OperationContext& operation) {
  const auto end = std::chrono::steady_clock::now() + kTimeLimit;
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    operation.check();
    if (std::chrono::steady_clock::now() > end) {
      throw Error(ErrorKind::network,
                  fmt::format("{} has not answered for {} s", in_quotes(program), kTimeLimit.count()));
    }
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

}  // namespace

std::optional<RegistryCredentials> ask_credential_helper(const std::string& name, const std::string& server,
                                                         const OperationContext& operation) {
  const std::string program = "docker-credential-" + name;
  if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    throw Error(ErrorKind::usage, fmt::format("{} is no credential helper", in_quotes(name)));
  auto [input, child_input] = connection();
  auto [output, child_output] = connection();
  Child child(program, child_input.get(), child_output.get());
  child_input = UniqueFd();
  child_output = UniqueFd();
  const std::string question = server + "\n";
  ::send(input.get(), question.data(), question.size(), MSG_NOSIGNAL);  // one that does not read it fails anyway
  input = UniqueFd();
  const auto answer = read_output(output.get(), program, operation);
  const int status = child.wait();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    if (trimmed(answer, " \t\r\n").starts_with(kNoEntry)) return std::nullopt;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotFoundInShells)
      throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes(program)));
    throw Error(ErrorKind::denied, fmt::format("error getting credentials: {}: {}", in_quotes(program),
                                               printable(trimmed(answer, " \t\r\n"))));
  }
  const Json document = Json::parse(answer, nullptr, false);
  const auto text = [&](const char* member) {
    const bool there = document.is_object() && document.contains(member) && document[member].is_string();
    return there ? document[member].get<std::string>() : std::string();
  };
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

}  // namespace sifkit::oci

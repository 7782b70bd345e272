// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>

namespace sifkit::cli {

namespace {

constexpr std::uint64_t kMostKeyBytes = 16u << 20;
constexpr std::uint64_t kMostPassphraseBytes = 1024;

std::filesystem::path apptainer_folder() {
  if (const auto folder = environment("CONFIGDIR")) return *folder;
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "/" : home) / ".apptainer";
}

std::string first_line(Source& source) {
  const Bytes bytes = read_all(source, kMostPassphraseBytes, "passphrase");
  const auto text = as_text(bytes);
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

/// Reads a line without showing it. The terminal is as before on every way out.
std::string ask_terminal(std::string_view key) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    throw Error(ErrorKind::denied, fmt::format("the key {} is locked and there is no terminal to ask for its passphrase", in_quotes(key)),
                "use --passphrase-file, --passphrase-fd or SIFKIT_PASSPHRASE");
  }
  struct Quiet {
    int fd;
    termios before{};
    explicit Quiet(int terminal_fd) : fd(terminal_fd) {
      if (::tcgetattr(fd, &before) != 0) throw_errno("the terminal");
      termios silent = before;
      silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
      if (::tcsetattr(fd, TCSAFLUSH, &silent) != 0) throw_errno("the terminal");
    }
    ~Quiet() { ::tcsetattr(fd, TCSAFLUSH, &before); }
  };
  const std::string question = fmt::format("Passphrase for {}: ", printable(key));
  std::string word;
  {
    const Quiet quiet(terminal.get());
    if (::write(terminal.get(), question.data(), question.size()) < 0) throw_errno("the terminal");
    for (char c = 0; word.size() < kMostPassphraseBytes;) {
      const auto got = ::read(terminal.get(), &c, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || c == '\n') break;
      word += c;
    }
  }
  if (::write(terminal.get(), "\n", 1) < 0) throw_errno("the terminal");
  return word;
}

std::string passphrase(const KeyArguments& arguments, std::string_view key) {
  if (!arguments.passphrase_file.empty()) {
    FileSource source(std::make_shared<File>(File::open_read(arguments.passphrase_file)));
    return first_line(source);
  }
  if (arguments.passphrase_fd >= 0) {
    const int fd = ::dup(arguments.passphrase_fd);
    if (fd < 0) throw_errno(fmt::format("--passphrase-fd {}", arguments.passphrase_fd));
    StreamSource source(File(UniqueFd(fd), "passphrase descriptor"));
    return first_line(source);
  }
  if (const char* word = std::getenv("SIFKIT_PASSPHRASE")) return word;
  return ask_terminal(key);
}

}  // namespace

void add_key_options(CLI::App& verb, KeyArguments& arguments) {
  verb.add_option("--key", arguments.files, "A PEM private key or OpenPGP secret keys (may be given again; default: Apptainer's ring)")->type_name("KEYFILE")->allow_extra_args(false);
  verb.add_option("--key-name", arguments.which, "Which key of a ring: fingerprint, key ID or a part of the user id")->type_name("NAME");
  verb.add_option("--passphrase-file", arguments.passphrase_file, "The first line is the key's passphrase")->type_name("FILE");
  verb.add_option("--passphrase-fd", arguments.passphrase_fd, "The passphrase is read from a descriptor")->type_name("N");
}

std::vector<sif::SigningKey> signing_keys(const KeyArguments& arguments, const Session&) {
  auto files = arguments.files;
  if (const auto named = environment("SIGN_KEY"); files.empty() && named) files = {*named};
  if (files.empty()) files = {(apptainer_folder() / "keys" / "pgp-secret").native()};
  std::vector<sif::SigningKey> keys;
  for (const auto& path : files) {
    const auto text = in_context([] { return std::string("signing key"); }, [&] {
      FileSource source(std::make_shared<File>(File::open_read(path)));
      return read_all(source, kMostKeyBytes, path);
    });
    keys.push_back({std::string(as_text(text)), path, arguments.which, arguments.index, [arguments](std::string_view name) { return passphrase(arguments, name); }});
  }
  return keys;
}

sif::TrustedKeys trusted_keys(const std::vector<std::string>& files) {
  sif::TrustedKeys keys;
  for (const auto& file : files) keys.add_file(file);
  if (files.empty()) {
    keys.add_ring(apptainer_folder() / "keys" / "pgp-public", "LOCAL");
    for (const char* folder : {"/etc/apptainer", "/usr/local/etc/apptainer", "/etc/singularity", "/usr/local/etc/singularity"}) {
      keys.add_ring(std::filesystem::path(folder) / "global-pgp-public", "GLOBAL");
    }
  }
  return keys;
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "secrets.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "credentials.h"
#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxFile = 1u << 20;
constexpr std::size_t kMaxKey = 64u << 10;

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string_view::npos; });
}

/// Where packages keep keys and tokens that are nobody's: tests, examples, documents.
bool is_sample(std::string_view path) {
  const auto whole = fmt::format("/{}", path);
  return contains_any(whole, {"/test/", "/tests/", "/testdata/", "/testing/", "/test-data/", "/example/", "/examples/",
                              "/fixtures/", "/usr/share/doc/", "/usr/share/man/", "/usr/share/perl", "/demos/",
                              "/demo/", "/docs/", "/man/man"}) ||
         whole.ends_with(".js.map") || whole.ends_with(".md") || whole.ends_with(".rst") ||
         whole.ends_with("_test.go") || whole.ends_with("_test.py") || name_of(path).starts_with("test_");
}

std::string with_line_ends(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto end = text.find("\\n");
    out += text.substr(0, end);
    if (end == std::string_view::npos) break;
    out += '\n';
    text.remove_prefix(end + 2);
  }
  return out;
}

/// The kind of a private key that is in a text as a whole: first line, three lines of base64 or more, last line. In
/// JSON the line ends are escaped.
std::optional<std::string> private_key(std::string_view text) {
  static constexpr std::string_view kBegin = "-----BEGIN ";
  static constexpr std::string_view kPrivate = "PRIVATE KEY";
  static constexpr std::string_view kEnd = "-----END ";
  static constexpr std::string_view kDashes = "-----";
  std::size_t last = 0;  // where the next last line of any kind is: a key has none of another in it
  std::size_t next = 0;  // where the next first line of any kind is: a key has none of these either
  for (std::size_t at = 0; (at = text.find(kBegin, at)) != std::string_view::npos; at += kBegin.size()) {
    const auto label = text.substr(at + kBegin.size(), 64);
    const auto end = label.find(kPrivate);
    if (end == std::string_view::npos || label.substr(0, end).find('\n') != std::string_view::npos) continue;
    const bool block = label.substr(end + kPrivate.size()).starts_with(" BLOCK");  // of PGP
    const auto kind = std::string(label.substr(0, end + kPrivate.size())) + (block ? " BLOCK" : "");
    if (!label.substr(kind.size()).starts_with(kDashes)) continue;
    const auto body_at = at + kBegin.size() + kind.size() + kDashes.size();
    if (last < body_at) last = text.find(kEnd, body_at);
    if (last == std::string_view::npos) return std::nullopt;
    // So no part of a text is in two bodies, however many first lines are before one last line.
    if (next < body_at) next = text.find(kBegin, body_at);
    if (next < last) continue;
    if (!text.substr(last + kEnd.size()).starts_with(kind + std::string(kDashes))) continue;
    const auto raw = text.substr(body_at, std::min(last - body_at, kMaxKey));
    if (raw.size() == kMaxKey || raw.find('\0') != std::string_view::npos) continue;
    const auto body = with_line_ends(raw);
    std::size_t lines = 0;
    for (auto rest = trimmed(body, " \t\r\n"); !rest.empty();) {
      const auto line = trimmed(rest.substr(0, rest.find('\n')), " \t\r");
      rest.remove_prefix(
          std::min(rest.size(), rest.find('\n') == std::string_view::npos ? rest.size() : rest.find('\n') + 1));
      if (line.size() >= 16 &&
          line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
              std::string_view::npos)
        ++lines;
    }
    // A key on an elliptic curve takes no more.
    if (lines >= 3 || (lines >= 1 && body.size() >= 60)) return kind;
  }
  return std::nullopt;
}

bool has_password_hash(std::string_view shadow, std::string& account) {
  while (!shadow.empty()) {
    const auto line = shadow.substr(0, shadow.find('\n'));
    shadow.remove_prefix(std::min(shadow.size(), line.size() + 1));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto hash = line.substr(colon + 1, line.find(':', colon + 1) - colon - 1);
    if (hash.empty() || hash[0] == '*' || hash[0] == '!' || hash == "x") continue;
    account = line.substr(0, colon);
    return true;
  }
  return false;
}

/// What a text says whatever the file is called.
struct FoundInText {
  std::optional<std::string> key;
  std::vector<std::string> tokens;
};

constexpr std::string_view kSettings[] = {".pem",  ".key",  ".env", ".conf", ".cfg", ".ini", ".json", ".yml",
                                          ".yaml", ".toml", ".sh",  ".txt",  ".xml", ".properties", ".crt"};

/// Where packages of distributions and languages put their files, which nobody who made the image has written.
bool is_of_packages(std::string_view path) {
  static constexpr std::string_view kOfSystem[] = {
      "usr/share/", "usr/lib/", "usr/lib32/", "usr/lib64/", "usr/libexec/", "usr/bin/", "usr/sbin/", "usr/include/",
      "usr/games/", "usr/src/linux", "usr/local/go/", "lib/", "lib32/", "lib64/", "bin/", "sbin/", "boot/", "dev/",
      "proc/", "sys/", "var/cache/", "var/db/", "var/lib/apk/", "var/lib/apt/", "var/lib/dpkg/", "var/lib/pacman/",
      "var/lib/rpm/", "nix/store/", "gnu/store/"};
  if (std::any_of(std::begin(kOfSystem), std::end(kOfSystem), [&](auto start) { return path.starts_with(start); }))
    return true;
  return contains_any(path, {"/site-packages/", "/dist-packages/", "/node_modules/", "/lib/python", "/lib64/python",
                             "/lib/perl5/", "/lib/ruby/", "/lib/R/", "/include/", "/share/doc/", "/conda-meta/",
                             "/pkgs/", "/gems/", "/go/pkg/mod/", "/.julia/"});
}

/// By its ending, a file that is read for nothing.
bool is_no_text(std::string_view name) {
  for (const std::string_view ending :
       {".a", ".avi", ".bin", ".bz2", ".class", ".dat", ".deb", ".dll", ".egg", ".gif", ".gz", ".h5", ".ico", ".jar",
        ".jpeg", ".jpg", ".mo", ".mp3", ".mp4", ".nc", ".npy", ".npz", ".o", ".otf", ".pb", ".pdf", ".png", ".pt",
        ".pyc", ".rds", ".rpm", ".safetensors", ".so", ".tar", ".tgz", ".tif", ".ttf", ".whl", ".woff", ".woff2",
        ".xz", ".zip", ".zst"}) {
    if (name.ends_with(ending)) return true;
  }
  return is_library_name(name);
}

bool is_host_key(std::string_view path) { return path.starts_with("etc/ssh/ssh_host_") && path.ends_with("_key"); }

/// Whether a file is called as secrets are, or is where they are.
bool has_secret_name(std::string_view path) {
  const auto name = name_of(path);
  if (name.starts_with('.') || name.starts_with("id_") || path == "etc/shadow" || is_host_key(path)) return true;
  if (is_credentials_file(path) || contains_any(path, {"/.ssh/", "/.aws/", "/.docker/", "/.kube/"})) return true;
  if (is_of_packages(path)) return false;
  if (std::any_of(std::begin(kSettings), std::end(kSettings), [&](auto ending) { return name.ends_with(ending); }))
    return true;
  return path.starts_with("root/") || path.starts_with("home/") || path.starts_with("run/secrets/");
}

}  // namespace

bool SecretFiles::take(std::uint64_t& left, std::uint64_t size) {
  if (size > left) return false;
  left -= size;
  return true;
}

bool SecretFiles::wants(std::string_view path, std::uint64_t size) {
  if (size == 0 || size > kMaxFile || is_sample(path)) return false;
  if (has_secret_name(path)) return take(left_named_, size);
  return !is_of_packages(path) && !is_no_text(name_of(path)) && take(left_, size);
}

void look_for_tokens(std::string_view text, const std::string& path, std::string_view where, Findings& out) {
  for (const auto& what : tokens_in(text)) out.add("token", path, fmt::format("{} is {}", where, what));
}

void look_at_environment(const std::vector<std::string>& environment, Findings& out) {
  for (const auto& entry : environment) {
    const auto name = std::string_view(entry).substr(0, entry.find('='));
    const auto value = std::string_view(entry).substr(std::min(entry.size(), name.size() + 1));
    // What tells itself is told as what it is.
    if (!is_secret_variable(name, value) || !tokens_in(value).empty()) continue;
    out.add("token", "", fmt::format("in the configuration the variable {} has a value", in_quotes(name)));
  }
}

void look_for_secrets(const std::vector<std::string>& paths, std::string_view text, Findings& out) {
  std::optional<FoundInText> found;
  for (const auto& path : paths) {
    const std::string shown = "/" + path;
    if (path == "etc/shadow") {
      if (std::string account; has_password_hash(text, account)) {
        out.add("password-hash", shown, fmt::format("the account {} has a password", in_quotes(account)));
      }
      continue;
    }
    if (text.starts_with("\x7f"
                         "ELF"))
      continue;
    if (!found) found = FoundInText{private_key(text), tokens_in(text)};
    if (found->key) {
      if (is_host_key(path)) {
        out.add("ssh-host-key", shown, "the key of an SSH host was made when the image was built");
      } else {
        out.add("private-key", shown, fmt::format("the file has a whole key ({})", *found->key));
      }
    }
    if (const auto what = credentials(path, text)) out.add("secret-file", shown, fmt::format("the file has {}", *what));
    for (const auto& what : found->tokens) out.add("token", shown, fmt::format("in the file is {}", what));
  }
}

void look_at_name(const std::string& path, const Inode& inode, Findings& out) {
  const auto name = name_of(path);
  if (inode.type == EntryType::directory && name == ".git") {
    out.add("git-directory", "/" + path, "a whole repository, with what was ever in it");
  }
  if (inode.type != EntryType::regular || inode.size == 0) return;
  for (const std::string_view history :
       {".bash_history", ".python_history", ".zsh_history", ".sh_history", ".ash_history", ".mysql_history",
        ".psql_history", ".sqlite_history", ".Rhistory", ".node_repl_history", ".irb_history", "fish_history",
        "repl_history.jl"}) {
    if (name == history) out.add("history", "/" + path, fmt::format("{} bytes of commands", inode.size));
  }
}

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#include "secrets.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxFile = 1u << 20;
constexpr std::size_t kMaxKey = 64u << 10;
constexpr std::size_t kShown = 8;  ///< characters of a secret

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string_view::npos; });
}

/// Where packages keep keys and tokens that are nobody's: tests, examples, documents.
bool is_sample(std::string_view path) {
  const auto whole = fmt::format("/{}", path);
  return contains_any(whole, {"/test/", "/tests/", "/testdata/", "/testing/", "/test-data/", "/example/", "/examples/",
                              "/fixtures/", "/usr/share/doc/", "/usr/share/man/", "/usr/share/perl", "/demos/",
                              "/demo/", "/docs/", "/man/man"}) ||
         whole.ends_with(".js.map") || whole.ends_with(".md") || whole.ends_with(".rst");
}

struct TokenKind {
  std::string_view prefix;
  std::string_view alphabet;
  std::size_t least;
  std::size_t most;
  std::string_view name;
};

constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kWord = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

constexpr TokenKind kTokens[] = {
    {"AKIA", kUpper, 16, 16, "an access key of AWS"},
    {"ASIA", kUpper, 16, 16, "an access key of AWS"},
    {"hf_", kAlphanumeric, 34, 64, "a token of Hugging Face"},
    {"ghp_", kAlphanumeric, 36, 36, "a token of GitHub"},
    {"gho_", kAlphanumeric, 36, 36, "a token of GitHub"},
    {"ghu_", kAlphanumeric, 36, 36, "a token of GitHub"},
    {"ghs_", kAlphanumeric, 36, 36, "a token of GitHub"},
    {"ghr_", kAlphanumeric, 36, 36, "a token of GitHub"},
    {"github_pat_", kWord, 60, 100, "a token of GitHub"},
    {"glpat-", kWord, 20, 64, "a token of GitLab"},
    {"npm_", kAlphanumeric, 36, 36, "a token of npm"},
    {"pypi-AgE", kWord, 50, 400, "a token of PyPI"},
    {"xoxb-", kWord, 24, 100, "a token of Slack"},
    {"xoxp-", kWord, 24, 100, "a token of Slack"},
    {"AIza", kWord, 35, 35, "an API key of Google"},
};

/// Values that documentation uses.
bool is_well_known(std::string_view token) {
  return token.ends_with("EXAMPLE") || token.find("xxxx") != std::string_view::npos ||
         token.find("XXXX") != std::string_view::npos || token.find("123456789") != std::string_view::npos;
}

bool is_word(char c) { return kAlphanumeric.find(c) != std::string_view::npos || c == '_'; }

/// The kind of a private key that is in a text as a whole: first line, three lines of base64 or more, last line.
std::optional<std::string> private_key(std::string_view text) {
  static constexpr std::string_view kBegin = "-----BEGIN ";
  static constexpr std::string_view kPrivate = "PRIVATE KEY-----";
  static constexpr std::string_view kEnd = "-----END ";
  std::size_t last = 0;  // where the next last line of any kind is: a key has none of another in it
  for (std::size_t at = 0; (at = text.find(kBegin, at)) != std::string_view::npos; at += kBegin.size()) {
    const auto label = text.substr(at + kBegin.size(), 64);
    const auto end = label.find(kPrivate);
    if (end == std::string_view::npos || label.substr(0, end).find('\n') != std::string_view::npos) continue;
    const auto kind = std::string(label.substr(0, end));
    const auto body_at = at + kBegin.size() + end + kPrivate.size();
    if (last < body_at) last = text.find(kEnd, body_at);
    if (last == std::string_view::npos) return std::nullopt;
    if (!text.substr(last + kEnd.size()).starts_with(kind + std::string(kPrivate))) continue;
    const auto body = text.substr(body_at, std::min(last - body_at, kMaxKey));
    if (body.size() == kMaxKey || body.find('\0') != std::string_view::npos) continue;
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
    if (lines >= 3 || (lines >= 1 && body.size() >= 60)) return kind + "PRIVATE KEY";
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

/// What a file of credentials holds, by its name; nothing where it holds none.
std::optional<std::string_view> credentials(std::string_view path, std::string_view text) {
  const auto name = name_of(path);
  const auto whole = fmt::format("/{}", path);
  const auto ends = [&](std::string_view ending) { return whole.ends_with(ending); };
  const auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  if (name == ".netrc" && has("password")) return "passwords of servers";
  if (name == ".git-credentials" && has("://")) return "passwords of git";
  if (ends("/.docker/config.json") && (has("\"auth\":") || has("\"identitytoken\":"))) return "a login of registries";
  if (name == ".npmrc" && (has("_authToken=") || has("_auth=")) && !has("=${")) return "a token of npm";
  if (name == ".pypirc" && has("password")) return "a password of PyPI";
  if (name == "pip.conf" && has("://") && has("@")) return "a password of a package index";
  if (ends("/.aws/credentials") && has("aws_secret_access_key")) return "a key of AWS";
  if (ends("/.kube/config") && (has("client-key-data") || has("token:"))) return "a login of Kubernetes";
  if (whole.find("/.config/gcloud/") != std::string::npos && has("\"refresh_token\"")) return "a login of Google Cloud";
  if ((ends("/.cache/huggingface/token") || ends("/.huggingface/token")) && !trimmed(text, " \n").empty())
    return "a token of Hugging Face";
  if (name == ".pgpass" && !trimmed(text, " \n").empty()) return "passwords of PostgreSQL";
  if (name == ".my.cnf" && has("password")) return "a password of MySQL";
  if (ends("/.git/config") && has("://") && has("@") && (has("https://") || has("http://"))) return "a password of git";
  return std::nullopt;
}

/// "a token of GitHub, ghp_1234…" of each kind that a text has.
std::vector<std::string> tokens_in(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& kind : kTokens) {
    for (std::size_t at = 0; (at = text.find(kind.prefix, at)) != std::string_view::npos; at += kind.prefix.size()) {
      if (at != 0 && is_word(text[at - 1])) continue;
      const auto rest = text.substr(at + kind.prefix.size());
      const auto length = std::min(rest.find_first_not_of(kind.alphabet), rest.size());
      if (length < kind.least || length > kind.most || (length < rest.size() && is_word(rest[length]))) continue;
      const auto token = text.substr(at, kind.prefix.size() + length);
      if (is_well_known(token)) continue;
      out.push_back(fmt::format("{}, {}…", kind.name, token.substr(0, kShown)));
      break;
    }
  }
  return out;
}

/// What a text says whatever the file is called.
struct FoundInText {
  std::optional<std::string> key;
  std::vector<std::string> tokens;
};

bool is_host_key(std::string_view path) { return path.starts_with("etc/ssh/ssh_host_") && path.ends_with("_key"); }

}  // namespace

bool may_hold_secrets(std::string_view path, std::uint64_t size) {
  if (size == 0 || size > kMaxFile || is_sample(path)) return false;
  const auto name = name_of(path);
  if (name.starts_with('.') || name.starts_with("id_") || path == "etc/shadow" || is_host_key(path)) return true;
  for (const std::string_view ending : {".pem", ".key", ".env", ".conf", ".cfg", ".ini", ".json", ".yml", ".yaml",
                                        ".toml", ".sh", ".txt", ".xml", ".properties", ".crt"}) {
    if (name.ends_with(ending))
      return !path.starts_with("usr/share/") && !path.starts_with("usr/lib/") &&
             !contains_any(path, {"/site-packages/", "/dist-packages/", "/node_modules/"});
  }
  return path.starts_with("root/") || path.starts_with("home/") || path.starts_with("run/secrets/") ||
         contains_any(fmt::format("/{}", path), {"/.ssh/", "/.aws/", "/.docker/", "/.kube/", "/.config/gcloud/",
                                                 "/.cache/huggingface/", "/.git/config"});
}

void look_for_tokens(std::string_view text, const std::string& path, std::string_view where, Findings& out) {
  for (const auto& what : tokens_in(text)) out.add("token", path, fmt::format("{} is {}", where, what));
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
  for (const std::string_view history : {".bash_history", ".python_history", ".zsh_history", ".sh_history",
                                         ".ash_history", ".mysql_history", ".psql_history"}) {
    if (name == history) out.add("history", "/" + path, fmt::format("{} bytes of commands", inode.size));
  }
}

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "texts.h"

namespace sifkit::check {

namespace {

constexpr std::size_t kShown = 8;           ///< characters of a secret
constexpr std::size_t kShortestSecret = 4;  ///< of a variable
constexpr std::size_t kMaxAuthority = 512;  ///< of a URL
constexpr std::size_t kShortestLogin = 20;  ///< of a token that stands alone in front of the '@'

bool contains(std::string_view text, std::string_view word) { return text.find(word) != std::string_view::npos; }

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

constexpr std::array<bool, 256> kWordCharacters = [] {
  std::array<bool, 256> out{};
  for (const char c : kAlphanumeric) out[static_cast<unsigned char>(c)] = true;
  out['_'] = true;
  return out;
}();

constexpr bool is_word(char c) { return kWordCharacters[static_cast<unsigned char>(c)]; }

/// By character: whether some token begins with it.
constexpr std::array<bool, 256> kStarts = [] {
  std::array<bool, 256> out{};
  for (const auto& kind : kTokens) out[static_cast<unsigned char>(kind.prefix[0])] = true;
  return out;
}();

/// What stands for a value that is not there: another variable, a word of documentation.
bool is_placeholder(std::string_view value) {
  static constexpr std::string_view kParts[] = {"${",       "{{",         "***",       "xxx",        "your_",
                                                "your-",    "example",    "changeme",  "change_me",  "change-me",
                                                "redacted", "placeholder"};
  static constexpr std::string_view kWords[] = {"true", "false", "yes",      "no",     "none",
                                                "null", "nil",   "password", "secret", "token"};
  if (value.empty() || value.starts_with('$') || value.starts_with('<')) return true;
  const auto lower = lower_case(value);
  return std::any_of(std::begin(kParts), std::end(kParts), [&](auto part) { return contains(lower, part); }) ||
         std::find(std::begin(kWords), std::end(kWords), lower) != std::end(kWords);
}

/// Whether a URL of HTTP or FTP has a password in front of its server: "https://user:password@server", or a token.
bool has_login_in_url(std::string_view text) {
  static constexpr std::string_view kBehindScheme = "://";
  for (std::size_t at = 0; (at = text.find(kBehindScheme, at)) != std::string_view::npos; at += kBehindScheme.size()) {
    const auto before = text.substr(0, at);
    if (!before.ends_with("http") && !before.ends_with("https") && !before.ends_with("ftp")) continue;
    auto authority = text.substr(at + kBehindScheme.size(), kMaxAuthority);
    authority = authority.substr(0, authority.find_first_of("/ \t\r\n\"'"));
    const auto sign = authority.rfind('@');
    if (sign == std::string_view::npos) continue;
    const auto login = authority.substr(0, sign);
    const auto colon = login.find(':');
    if (colon != std::string_view::npos ? !is_placeholder(login.substr(colon + 1))
                                        : login.size() >= kShortestLogin && !is_placeholder(login))
      return true;
  }
  return false;
}

/// conda's way: "https://server/t/TOKEN/channel".
bool has_conda_token(std::string_view text) {
  static constexpr std::string_view kBefore = "/t/";
  for (std::size_t at = 0; (at = text.find(kBefore, at)) != std::string_view::npos; at += kBefore.size()) {
    const auto rest = text.substr(at + kBefore.size(), kMaxAuthority);
    const auto token = rest.substr(0, rest.find_first_not_of(kWord));
    if (token.size() >= 8 && rest.substr(token.size()).starts_with('/') && !is_placeholder(token)) return true;
  }
  return has_login_in_url(text);
}

/// Lines NAME=VALUE, as a shell and Docker read them.
bool has_secret_variable(std::string_view text) {
  for (const auto& line : split(text, '\n')) {
    auto rest = trimmed(line, " \t\r");
    if (rest.starts_with("export ")) rest = trimmed(rest.substr(7));
    const auto equals = rest.find('=');
    if (rest.starts_with('#') || equals == std::string_view::npos) continue;
    if (is_secret_variable(trimmed(rest.substr(0, equals)), trimmed(rest.substr(equals + 1), " \t\"'"))) return true;
  }
  return false;
}

/// A line `Token: VALUE` or `Auth: VALUE`, as Apptainer writes them.
bool has_remote_login(std::string_view text) {
  for (const auto& line : split(text, '\n')) {
    const auto rest = trimmed(line, " \t\r-");
    for (const std::string_view key : {"Token:", "Auth:"}) {
      if (rest.starts_with(key) && !trimmed(rest.substr(key.size()), " \t\"'").empty()) return true;
    }
  }
  return false;
}

/// Whether there is something behind a word, and behind the signs between a name and its value: not `token:`, nor
/// `"auth":""`, nor `<password></password>`.
bool has_value(std::string_view line, std::string_view word) {
  for (std::size_t at = 0; (at = line.find(word, at)) != std::string_view::npos; at += word.size()) {
    auto value = line.substr(at + word.size());
    value.remove_prefix(std::min(value.find_first_not_of(" \t\r:="), value.size()));
    if (!value.empty() && !value.starts_with("\"\"") && !value.starts_with("''") && value != "\"" &&
        !value.starts_with("</"))
      return true;
  }
  return false;
}

/// The lines that are no comments, as most of these files have them.
std::vector<std::string> lines_that_count(std::string_view text) {
  auto lines = split(text, '\n');
  std::erase_if(lines, [](const auto& line) {
    const auto rest = trimmed(line, " \t\r");
    return rest.starts_with('#') || rest.starts_with(';');
  });
  return lines;
}

bool is_npm_login(std::string_view text) {
  const auto lines = lines_that_count(text);
  return !contains(text, "=${") && std::any_of(lines.begin(), lines.end(), [](const auto& line) {
    return has_value(line, "_authToken=") || has_value(line, "_auth=");
  });
}

/// Words `password VALUE`, which may be on two lines.
bool has_netrc_password(std::string_view text) {
  bool named = false;
  for (auto& line : lines_that_count(text)) {
    std::replace_if(line.begin(), line.end(), [](char c) { return c == '\t' || c == '\r'; }, ' ');
    for (const auto& word : split(line, ' ')) {
      if (named) return true;
      named = word == "password";
    }
  }
  return false;
}

/// A name and what a file of it has where it holds a secret.
struct CredentialRule {
  std::string_view place;  ///< "x": the name; "*x": its end; "/x": the end of the path; "/x/": a directory on the way
  std::string_view what;
  std::array<std::string_view, 3> words = {};     ///< one of them is in it, with a value; none: it is not blank
  bool (*holds)(std::string_view text) = nullptr;  ///< and this is so
};

constexpr std::string_view kRegistries = "a login of registries";
constexpr std::string_view kPgpKey = "a secret key of PGP";
constexpr CredentialRule kCredentials[] = {
    {".netrc", "passwords of servers", {}, has_netrc_password},
    {".git-credentials", "passwords of git", {"://"}},
    {"/.git/config", "a password of git", {}, has_login_in_url},
    {"/.docker/config.json", kRegistries, {"\"auth\":", "\"identitytoken\":"}},
    {"/.dockercfg", kRegistries, {"\"auth\":"}},
    {"/.apptainer/docker-config.json", kRegistries, {"\"auth\":", "\"identitytoken\":"}},
    {"/.singularity/docker-config.json", kRegistries, {"\"auth\":", "\"identitytoken\":"}},
    {"/containers/auth.json", kRegistries, {"\"auth\":", "\"identitytoken\":"}},
    {"/.apptainer/remote.yaml", "a login of libraries and registries", {}, has_remote_login},
    {"/.singularity/remote.yaml", "a login of libraries and registries", {}, has_remote_login},
    {"/.apptainer/keys/pgp-secret", kPgpKey},
    {"/.singularity/keys/pgp-secret", kPgpKey},
    {"/.singularity/sypgp/pgp-secret", kPgpKey},
    {"/.gnupg/private-keys-v1.d/", kPgpKey},
    {"/.gnupg/secring.gpg", kPgpKey},
    {"/etc/munge/munge.key", "the key that all nodes of a cluster share"},
    {"krb5.keytab", "keys of Kerberos"},
    {".npmrc", "a token of npm", {}, is_npm_login},
    {".pypirc", "a password of PyPI", {"password"}},
    {"pip.conf", "a password of a package index", {}, has_login_in_url},
    {".condarc", "a token of a conda channel", {}, has_conda_token},
    {"condarc", "a token of a conda channel", {}, has_conda_token},
    {"/.cargo/credentials.toml", "a token of Cargo", {"token"}},
    {"/.cargo/credentials", "a token of Cargo", {"token"}},
    {"/.m2/settings.xml", "a password of Maven", {"<password>", "<privateKey>"}},
    {"/etc/apt/auth.conf", "a password of a package repository", {}, has_netrc_password},
    {"/etc/apt/auth.conf.d/", "a password of a package repository", {}, has_netrc_password},
    {"/etc/apt/sources.list", "a password of a package repository", {}, has_login_in_url},
    {"/etc/apt/sources.list.d/", "a password of a package repository", {}, has_login_in_url},
    {"/etc/yum.repos.d/", "a password of a package repository", {}, has_login_in_url},
    {"/.aws/credentials", "a key of AWS", {"aws_secret_access_key"}},
    {"/.kube/config", "a login of Kubernetes", {"client-key-data", "token:"}},
    {"/.config/gcloud/", "a login of Google Cloud", {"\"refresh_token\""}},
    {"/.cache/huggingface/token", "a token of Hugging Face"},
    {"/.huggingface/token", "a token of Hugging Face"},
    {"rclone.conf", "a login of a cloud", {"pass = ", "secret_access_key = ", "token = "}},
    {".s3cfg", "a key of S3", {"secret_key = "}},
    {".wgetrc", "a password of servers", {"password"}},
    {".curlrc", "a password of servers", {"user =", "user \"", "-u "}},
    {"/etc/wireguard/", "a key of WireGuard", {"PrivateKey"}},
    {".pgpass", "passwords of PostgreSQL"},
    {".my.cnf", "a password of MySQL", {"password"}},
    {"*.env", "a password, a token or a key", {}, has_secret_variable},
};

bool is_at(const CredentialRule& rule, std::string_view whole) {
  if (rule.place.starts_with('*')) return whole.ends_with(rule.place.substr(1));
  if (!rule.place.starts_with('/')) return name_of(whole) == rule.place;
  return rule.place.ends_with('/') ? contains(whole, rule.place) : whole.ends_with(rule.place);
}

bool holds(const CredentialRule& rule, std::string_view text) {
  if (rule.holds != nullptr && !rule.holds(text)) return false;
  if (rule.words[0].empty()) return rule.holds != nullptr || !trimmed(text, " \t\r\n").empty();
  const auto lines = lines_that_count(text);
  return std::any_of(rule.words.begin(), rule.words.end(), [&](auto word) {
    return !word.empty() &&
           std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return has_value(line, word); });
  });
}

}  // namespace

bool is_credentials_file(std::string_view path) {
  const auto whole = fmt::format("/{}", path);
  return std::any_of(std::begin(kCredentials), std::end(kCredentials),
                     [&](const auto& rule) { return is_at(rule, whole); });
}

std::optional<std::string> credentials(std::string_view path, std::string_view text) {
  const auto whole = fmt::format("/{}", path);
  for (const auto& rule : kCredentials) {
    if (is_at(rule, whole) && holds(rule, text)) return std::string(rule.what);
  }
  return std::nullopt;
}

std::vector<std::string> tokens_in(std::string_view text) {
  std::array<std::string, std::size(kTokens)> found;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts = !in_word && kStarts[static_cast<unsigned char>(text[at])];
    in_word = kWordCharacters[static_cast<unsigned char>(text[at])];
    if (!starts) continue;
    const auto here = text.substr(at);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto& kind = kTokens[i];
      if (!found[i].empty() || !here.starts_with(kind.prefix)) continue;
      const auto rest = here.substr(kind.prefix.size(), kind.most + 1);
      const auto length = std::min(rest.find_first_not_of(kind.alphabet), rest.size());
      if (length < kind.least || length > kind.most || (length < rest.size() && is_word(rest[length]))) continue;
      const auto token = here.substr(0, kind.prefix.size() + length);
      if (!is_well_known(token)) found[i] = fmt::format("{}, {}…", kind.name, token.substr(0, kShown));
    }
  }
  std::vector<std::string> out;
  for (auto& what : found) {
    if (!what.empty()) out.push_back(std::move(what));
  }
  return out;
}

bool is_secret_variable(std::string_view name, std::string_view value) {
  const auto lower = lower_case(name);
  const bool password = lower.ends_with("password") || lower.ends_with("passwd") || lower.ends_with("passphrase");
  const bool token = lower.ends_with("token") || lower.ends_with("secret") || lower.ends_with("api_key") ||
                     lower.ends_with("apikey") || lower.ends_with("access_key") || lower.ends_with("private_key") ||
                     (contains(lower, "secret") && lower.ends_with("key"));
  if ((!password && !token) || value.size() < kShortestSecret || is_placeholder(value) || value.starts_with('/'))
    return false;
  // A number is none of an interface, but how many tokens there are.
  return password || value.find_first_not_of("0123456789.") != std::string_view::npos;
}

}  // namespace sifkit::check

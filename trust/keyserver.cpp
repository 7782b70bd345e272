// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/keyserver.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/net/http_client.h>
#include <sifkit/net/percent.h>
#include <sifkit/trust/pgp_key.h>

#include "key_blocks.h"

namespace sifkit::trust {

namespace {

constexpr std::chrono::seconds kConnectTimeout{15};
constexpr std::chrono::seconds kRequestTimeout{60};
constexpr unsigned kMaxRedirects = 3;
constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kMaxUserIds = 100;   ///< of one listed key
constexpr std::size_t kShownErrorBytes = 200;

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// The next piece of `text` up to `separator`, taken off it.
std::string_view cut(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto piece = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return piece;
}

std::string http_url(std::string_view url) {
  struct Scheme {
    std::string_view name, http, port;
  };
  static constexpr Scheme kSchemes[] = {{"hkps://", "https://", ":443"}, {"hkp://", "http://", ":11371"}, {"https://", "https://", ":443"}, {"http://", "http://", ":80"}};
  for (const auto& scheme : kSchemes) {
    if (!url.starts_with(scheme.name)) continue;
    std::string_view host = url.substr(scheme.name.size());
    while (host.ends_with('/')) host.remove_suffix(1);
    const bool odd = std::any_of(host.begin(), host.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '/' || c == '@' || c == '?' || c == '#' || c == '\\'; });
    if (host.empty() || odd) break;
    const bool has_port = host.find(':', host.starts_with('[') ? std::min(host.find(']'), host.size()) : 0) != std::string_view::npos;
    return fmt::format("{}{}{}", scheme.http, host, has_port ? "" : scheme.port);
  }
  throw Error(ErrorKind::usage, fmt::format("{} is not the address of a keyserver", in_quotes(url)), "it is like hkps://keys.openpgp.org, with a port if need be");
}

[[noreturn]] void refuse(int status, const std::string& url, const std::string& body) {
  std::string_view said(body);
  throw Error(net::error_kind_of(status), fmt::format("{}: status {}: {}", url, status, printable(cut(said, '\n'), kShownErrorBytes)));
}

ListedKey listed_key(std::string_view line) {
  ListedKey key;
  key.id = fingerprint_digits(cut(line, ':'));
  key.algorithm = whole_number<unsigned>(cut(line, ':')).value_or(0);
  key.bits = whole_number<unsigned>(cut(line, ':')).value_or(0);
  key.created = whole_number<std::int64_t>(cut(line, ':'));
  key.expires = whole_number<std::int64_t>(cut(line, ':'));
  key.flags = cut(line, ':');
  return key;
}

}  // namespace

Keyserver::Keyserver(std::string_view url, std::filesystem::path authorities, OperationContext operation)
    : url_(http_url(url)), authorities_(std::move(authorities)), operation_(std::move(operation)) {}

std::string Keyserver::request(const std::string& path, const std::string* form) const {
  net::HttpOptions options;
  options.name = url_;
  options.tls.authorities = authorities_;
  options.redirects = kMaxRedirects;
  options.connect_timeout = kConnectTimeout;
  options.total_timeout = kRequestTimeout;
  net::HttpRequest request{.url = url_ + path};
  if (form != nullptr) {
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = *form;
  }
  auto response = net::HttpClient(std::move(options), operation_).send(request);
  if (response.status() < 200 || response.status() > 299) refuse(response.status(), url_, response.error_text());
  return response.text(kMaxRingBytes);
}

std::vector<ListedKey> Keyserver::search(std::string_view text) const {
  const auto digits = fingerprint_digits(text);
  std::string body;
  try {
    body = request("/pks/lookup?op=index&options=mr&search=" + net::percent_encoded(digits.empty() ? std::string(text) : "0x" + digits), nullptr);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return {};
    throw;
  }
  std::vector<ListedKey> keys;
  std::size_t odd = 0;
  bool is_odd = false;  // the last one, whose user ids follow
  std::string_view rest(body);
  while (!rest.empty()) {
    std::string_view line = cut(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto kind = cut(line, ':');
    if (kind == "pub") {
      if (keys.size() + odd == kMaxListed) throw Error(ErrorKind::limit, fmt::format("{}: more than {} keys found", url_, kMaxListed), "search for something rarer");
      auto key = listed_key(line);
      is_odd = key.id.empty();
      odd += is_odd ? 1 : 0;
      if (!is_odd) keys.push_back(std::move(key));
    } else if (kind == "uid" && !is_odd && !keys.empty() && keys.back().user_ids.size() < kMaxUserIds) {
      keys.back().user_ids.push_back(unescaped(cut(line, ':')));
    } else if (kind != "uid" && kind != "info" && !kind.empty() && keys.empty() && odd == 0) {
      throw Error(ErrorKind::malformed, fmt::format("{}: expected a list of keys, found {}", url_, in_quotes(kind.substr(0, 40))));
    }
  }
  if (odd != 0) {
    operation_.logger->write(LogLevel::warning, fmt::format("{}: {} of the keys that the server lists {} no fingerprint or long key ID and {} not shown", url_, odd, odd == 1 ? "has" : "have", odd == 1 ? "is" : "are"));
  }
  return keys;
}

Bytes Keyserver::fetch(std::string_view fingerprint) const {
  const auto digits = require_fingerprint(fingerprint);
  const auto body = request("/pks/lookup?op=get&options=mr&search=0x" + digits, nullptr);
  auto blocks = split_keys(without_armor(as_bytes(body), url_), url_);
  if (blocks.size() != 1) throw Error(ErrorKind::integrity, fmt::format("{}: expected one key, the server gave {}", url_, blocks.size()));
  const auto& info = blocks.front().info;
  if (info.fingerprint != digits || info.part != KeyPart::public_key) {
    throw Error(ErrorKind::integrity, fmt::format("{}: asked for the public key {}, the server gave the {} key {}", url_, digits, to_string(info.part), info.fingerprint));
  }
  return std::move(blocks.front().bytes);
}

void Keyserver::submit(std::string_view armored_key) const {
  for (const auto& key : read_pgp_keys(as_bytes(armored_key), "the key to publish")) {
    if (key.part != KeyPart::public_key) throw Error(ErrorKind::usage, "a secret key is not published");
  }
  const std::string form = "keytext=" + net::percent_encoded(armored_key);
  request("/pks/add", &form);
}

}  // namespace sifkit::trust

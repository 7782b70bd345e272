// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/keyserver.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <sifkit/core/curl.h>
#include <sifkit/core/error.h>
#include <sifkit/trust/pgp_key.h>

#include "key_blocks.h"

namespace sifkit::trust {

namespace {

constexpr long kConnectSeconds = 15;
constexpr long kRequestSeconds = 60;
constexpr long kMostRedirects = 3;
constexpr std::size_t kMostListed = 1000;
constexpr std::size_t kMostUserIds = 100;   ///< of one listed key
constexpr std::size_t kShownErrorBytes = 200;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

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

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
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

struct Response {
  std::string body;
  bool too_long = false;
  CallbackFailure failure;
};

std::size_t take(char* bytes, std::size_t, std::size_t count, void* context) noexcept {
  auto& response = *static_cast<Response*>(context);
  return response.failure.guard<std::size_t>(CURL_WRITEFUNC_ERROR, [&]() -> std::size_t {
    response.too_long = response.body.size() + count > kMostRingBytes;
    if (response.too_long) return CURL_WRITEFUNC_ERROR;
    response.body.append(bytes, count);
    return count;
  });
}

int watch(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept { return static_cast<const OperationContext*>(context)->stop.stop_requested() ? 1 : 0; }

[[noreturn]] void refuse(long status, const std::string& url, const std::string& body) {
  const auto kind = status == 404 ? ErrorKind::not_found : status == 401 || status == 403 ? ErrorKind::denied : ErrorKind::network;
  std::string_view said(body);
  throw Error(kind, fmt::format("{}: status {}: {}", url, status, printable(cut(said, '\n'), kShownErrorBytes)));
}

ListedKey listed_key(std::string_view line) {
  ListedKey key;
  key.id = fingerprint_digits(cut(line, ':'));
  key.algorithm = number<unsigned>(cut(line, ':')).value_or(0);
  key.bits = number<unsigned>(cut(line, ':')).value_or(0);
  key.created = number<std::int64_t>(cut(line, ':'));
  key.expires = number<std::int64_t>(cut(line, ':'));
  key.flags = cut(line, ':');
  return key;
}

}  // namespace

Keyserver::Keyserver(std::string_view url, std::filesystem::path authorities, OperationContext operation)
    : url_(http_url(url)), authorities_(std::move(authorities)), operation_(std::move(operation)) {}

std::string Keyserver::request(const std::string& path, const std::string* form) const {
  operation_.check();
  const CurlHandle handle = new_curl_handle();
  CURL* curl = handle.get();
  Response response;
  HeaderBudget headers;
  char error_text[CURL_ERROR_SIZE] = {};
  const std::string target = url_ + path;
  set_option(curl, CURLOPT_URL, target.c_str());
  set_option(curl, CURLOPT_USERAGENT, "sifkit");
  set_option(curl, CURLOPT_NOSIGNAL, 1L);
  set_option(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set_option(curl, CURLOPT_TIMEOUT, kRequestSeconds);
  set_option(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(curl, CURLOPT_REDIR_PROTOCOLS_STR, url_.starts_with("https:") ? "https" : "http,https");
  set_option(curl, CURLOPT_MAXREDIRS, kMostRedirects);
  set_option(curl, CURLOPT_FOLLOWLOCATION, form == nullptr ? 1L : 0L);
  set_option(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!authorities_.empty()) {
    set_option(curl, CURLOPT_CAINFO, authorities_.c_str());
    set_option(curl, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  if (form != nullptr) {
    set_option(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(form->size()));
    set_option(curl, CURLOPT_POSTFIELDS, form->c_str());
  }
  set_option(curl, CURLOPT_ERRORBUFFER, error_text);
  headers.bound(curl);
  set_option(curl, CURLOPT_WRITEFUNCTION, &take);
  set_option(curl, CURLOPT_WRITEDATA, &response);
  set_option(curl, CURLOPT_NOPROGRESS, 0L);
  set_option(curl, CURLOPT_XFERINFOFUNCTION, &watch);
  set_option(curl, CURLOPT_XFERINFODATA, &operation_);
  CallbackFailure::expect_memory();
  const CURLcode result = curl_easy_perform(curl);
  response.failure.check(result);
  operation_.check();
  if (response.too_long) throw Error(ErrorKind::limit, fmt::format("{}: the answer is over the limit of {} bytes", url_, kMostRingBytes));
  if (headers.exceeded()) throw Error(ErrorKind::limit, fmt::format("{}: the headers of the answer are over the limit of {} bytes", url_, HeaderBudget::kMostBytes));
  if (result != CURLE_OK) throw Error(ErrorKind::network, fmt::format("{}: {}", url_, printable(error_text[0] != '\0' ? error_text : curl_easy_strerror(result))));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) refuse(status, url_, response.body);
  return std::move(response.body);
}

std::vector<ListedKey> Keyserver::search(std::string_view text) const {
  const auto digits = fingerprint_digits(text);
  std::string body;
  try {
    body = request("/pks/lookup?op=index&options=mr&search=" + escaped(digits.empty() ? std::string(text) : "0x" + digits), nullptr);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return {};
    throw;
  }
  std::vector<ListedKey> keys;
  std::string_view rest(body);
  while (!rest.empty()) {
    std::string_view line = cut(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto kind = cut(line, ':');
    if (kind == "pub") {
      if (keys.size() == kMostListed) throw Error(ErrorKind::limit, fmt::format("{}: more than {} keys found", url_, kMostListed), "search for something rarer");
      keys.push_back(listed_key(line));
      if (keys.back().id.empty()) throw Error(ErrorKind::malformed, fmt::format("{}: the server lists a key without a fingerprint or long key ID", url_));
    } else if (kind == "uid" && !keys.empty() && keys.back().user_ids.size() < kMostUserIds) {
      keys.back().user_ids.push_back(unescaped(cut(line, ':')));
    } else if (kind != "uid" && kind != "info" && !kind.empty() && keys.empty()) {
      throw Error(ErrorKind::malformed, fmt::format("{}: expected a list of keys, found {}", url_, in_quotes(kind.substr(0, 40))));
    }
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
  const std::string form = "keytext=" + escaped(armored_key);
  request("/pks/add", &form);
}

}  // namespace sifkit::trust

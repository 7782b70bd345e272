// SPDX-License-Identifier: Apache-2.0
#include "registry_auth.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/net/percent.h>
#include <sifkit/net/url.h>

#include "backoff.h"
#include "credentials.h"
#include "http_options.h"

namespace sifkit::oci {

namespace {

constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 20;  ///< of a token service's answer
constexpr std::chrono::seconds kMinTokenLife{60};             ///< what the protocol gives a token that says nothing
constexpr std::chrono::seconds kMaxTokenLife{86400};
constexpr std::chrono::seconds kRenewBefore{10};
constexpr unsigned kRedirects = 10;
constexpr unsigned kMaxChallenges = 3;   ///< of one request: for a token, for one with more rights, and one to spare
constexpr std::size_t kMaxScopes = 16;   ///< ours, and those that a registry has asked for
constexpr std::string_view kClientId = "sifkit";
constexpr std::string_view kBlank = "***";
constexpr std::size_t kMinSecret = 4;  ///< that is looked for alone

std::string basic(const RegistryCredentials& credentials) {
  return "Basic " + base64_encode(as_bytes(credentials.user + ":" + credentials.password));
}

/// A header line must stay one.
bool is_one_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > 0x1f && c != 0x7f; });
}

}  // namespace

RegistryAuth::RegistryAuth(const RegistryName& name, std::string base_url, std::string actions,
                           const SourceOptions& options, std::shared_ptr<net::HttpConnections> connections)
    : name_(name),
      base_url_(std::move(base_url)),
      options_(options.registry),
      silence_timeout_(options.service_timeout),
      operation_(options.operation),
      connections_(std::move(connections)) {
  if (!name.repository.empty()) scopes_.push_back(fmt::format("repository:{}:{}", name.repository, actions));
}

std::string RegistryAuth::header() {
  const std::lock_guard lock(mutex_);
  if (bearer_ && Clock::now() + kRenewBefore > expires_) fetch_token(*bearer_);
  return header_;
}

std::string RegistryAuth::origin_of_credentials() {
  const std::lock_guard lock(mutex_);
  return credentials_ && !credentials_->empty() ? credentials_->origin : "";
}

std::string RegistryAuth::without_secrets(std::string text) const {
  const std::lock_guard lock(mutex_);
  return blanked(std::move(text));
}

std::string RegistryAuth::blanked(std::string text) const {
  std::vector<std::string> secrets{header_.substr(std::min(header_.find(' '), header_.size()))};
  if (!secrets.front().empty()) secrets.front().erase(0, 1);
  if (credentials_ && !credentials_->password.empty()) {
    const auto pair = credentials_->user + ":" + credentials_->password;
    secrets.insert(secrets.end(), {base64_encode(as_bytes(pair)), pair});
  }
  if (credentials_) {
    for (const auto& secret : {credentials_->password, credentials_->identity_token, credentials_->registry_token}) {
      // A shorter one tells nothing where it stands alone, and is a part of any word.
      if (secret.size() >= kMinSecret) secrets.insert(secrets.end(), {secret, net::percent_encoded(secret)});
    }
  }
  return oci::without_secrets(std::move(text), secrets);
}

const RegistryCredentials& RegistryAuth::credentials() {
  if (!credentials_) credentials_ = find_credentials(name_, options_, operation_);
  return *credentials_;
}

bool RegistryAuth::answer(const net::HttpResponse& refused, const std::string& sent, unsigned round) {
  const std::lock_guard lock(mutex_);
  // Else a registry that always asks for something new would have us go on for ever.
  if (round >= kMaxChallenges)
    throw Error(ErrorKind::denied,
                fmt::format("{}: more than {} challenges for one request", name_.host, kMaxChallenges));
  if (sent != header_) return true;  // another thread has a newer one
  std::vector<Challenge> offered;
  for (const auto header : refused.headers("www-authenticate")) {
    for (auto& challenge : parse_challenges(header)) offered.push_back(std::move(challenge));
  }
  for (const auto& challenge : offered) {
    if (challenge.scheme == "bearer" && !challenge.value("realm").empty()) {
      const std::string scope(challenge.value("scope"));
      const bool more = challenge.value("error") == "insufficient_scope" && !scope.empty() &&
                        std::find(scopes_.begin(), scopes_.end(), scope) == scopes_.end();
      if (round != 0 && !more) return false;
      if (more && scopes_.size() == kMaxScopes)
        throw Error(ErrorKind::denied, fmt::format("{}: it asks for more than {} scopes", name_.host, kMaxScopes));
      if (more) scopes_.push_back(scope);
      fetch_token(challenge);
      return true;
    }
    if (challenge.scheme == "basic") {
      const auto& known = credentials();
      // One that cannot be answered does not hide what is offered behind it.
      if (known.user.empty() || known.password.empty() || !header_.empty()) continue;
      header_ = basic(known);
      return true;
    }
  }
  return false;
}

void RegistryAuth::check_realm(const std::string& realm) const {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::denied, fmt::format("{}: its token service is {}: {}", name_.host,
                                               in_quotes(net::url_without_secrets(realm)), why));
  };
  const auto url = net::Url::parse(realm);
  const auto registry = net::Url::parse(base_url_);
  if (!url || !registry || !url->user.empty()) refuse("expected a URL with https://");
  if (url->scheme != "https" && registry->scheme == "https") refuse("credentials are not sent without TLS");
  // Else a registry could have its clients ask what only they can reach.
  if (url->is_local() && !registry->is_local() && url->origin() != registry->origin())
    refuse("a registry elsewhere has none on this network");
}

net::HttpRequest RegistryAuth::token_request(const Challenge& challenge, bool exchange) {
  const auto& known = credentials();
  net::HttpRequest out;
  out.url = std::string(challenge.value("realm"));
  const auto service = net::percent_encoded(challenge.value("service"));
  if (exchange) {
    std::string scope;
    for (const auto& each : scopes_) scope += (scope.empty() ? "" : " ") + each;
    out.method = "POST";
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.body = fmt::format("grant_type=refresh_token&refresh_token={}&service={}&scope={}&client_id={}",
                           net::percent_encoded(known.identity_token), service, net::percent_encoded(scope), kClientId);
    return out;
  }
  char join = out.url.find('?') == std::string::npos ? '?' : '&';
  const auto add = [&](std::string_view key, const std::string& value) {
    out.url += fmt::format("{}{}={}", join, key, value);
    join = '&';
  };
  if (!service.empty()) add("service", service);
  for (const auto& scope : scopes_) add("scope", net::percent_encoded(scope, "/:,"));
  if (!known.user.empty() && !known.password.empty()) {
    add("account", net::percent_encoded(known.user));
    out.headers.emplace_back("Authorization", basic(known));
  }
  return out;
}

net::HttpResponse RegistryAuth::ask_token_service(const net::HttpRequest& request, const std::string& realm) {
  const auto url = *net::Url::parse(realm);
  net::HttpOptions options = http_options(url.host + (url.port.empty() ? "" : ":" + url.port), options_);
  options.name = fmt::format("{} (token service of {})", url.host, name_.host);
  options.redirects = kRedirects;
  options.silence_timeout = silence_timeout_;
  options.connections = connections_;
  Backoff backoff(options_, operation_);
  return send_patiently(net::HttpClient(options, operation_), request, backoff, known_);
}

void RegistryAuth::fetch_token(const Challenge& challenge) {
  const Challenge asked = challenge;  // it may be ours
  const std::string realm(asked.value("realm"));
  check_realm(realm);
  header_.clear();
  const auto& known = credentials();
  if (!known.registry_token.empty()) {
    header_ = "Bearer " + known.registry_token;
    return;
  }
  const bool exchange = !known.identity_token.empty();
  auto response = ask_token_service(token_request(asked, exchange), realm);
  if (exchange && (response.status() == 404 || response.status() == 405))
    response = ask_token_service(token_request(asked, false), realm);
  if (response.status() != 200) {
    const bool refused = response.status() == 400 || response.status() == 401 || response.status() == 403;
    const auto origin = known.empty() ? std::string() : fmt::format("the credentials are from {}", known.origin);
    const auto why = fmt::format("{}: status {}: {}", response.name(), response.status(),
                                 printable(blanked(message_of_registry(response.error_text()))));
    throw Error(refused ? ErrorKind::denied : ErrorKind::network, why,
                refused ? Hint(Advice::registry_login, name_.host, origin) : Hint());
  }
  const auto received = Clock::now();
  const auto body = response.text(kMaxTokenBytes);
  Json document;
  try {
    document = parse_json(body, response.name());
  } catch (const Error&) {
    // The text may be the token.
    throw Error(ErrorKind::network, fmt::format("{}: the answer is no JSON document", response.name()));
  }
  const JsonView view(document, fmt::format("{}: ", response.name()));
  std::string token = view.require_object()["token"].text_or("");
  if (token.empty()) token = view["access_token"].text_or("");
  if (token.empty() || !is_one_line(token))
    throw Error(ErrorKind::network, fmt::format("{}: the answer has no token", response.name()));
  const auto life = view["expires_in"].value().is_number_unsigned() ? view["expires_in"].unsigned_number() : 0;
  const auto seconds = static_cast<std::int64_t>(std::min<std::uint64_t>(life, kMaxTokenLife.count()));
  header_ = "Bearer " + token;
  expires_ = received + std::max(kMinTokenLife, std::chrono::seconds(seconds));
  bearer_ = asked;
}

std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
  for (const auto& secret : secrets) {
    if (secret.empty()) continue;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kBlank.size()))
      text.replace(at, secret.size(), kBlank);
  }
  return text;
}

std::string message_of_registry(std::string_view body) {
  const Json document = Json::parse(body, nullptr, false);
  if (document.is_object()) {
    std::string out;
    if (const auto errors = document.find("errors"); errors != document.end() && errors->is_array()) {
      for (const auto& error : *errors) {
        // "MANIFEST_UNKNOWN": people look for the words.
        std::string code = lower_case(member_text(error, "code"));
        std::replace(code.begin(), code.end(), '_', ' ');
        const auto message = member_text(error, "message");
        if (!out.empty() && !(code + message).empty()) out += "; ";
        out += equal_ignoring_case(code, message) || message.empty() ? code
               : code.empty()                                        ? message
                                                                     : code + ": " + message;
      }
    }
    for (const char* member : {"details", "message", "error_description", "error"}) {
      if (out.empty()) out = member_text(document, member);
    }
    return out.empty() ? "no message" : out;
  }
  const auto plain = trimmed(body, " \t\r\n");
  return plain.empty() || plain.starts_with('<') ? "no message" : std::string(plain);
}

}  // namespace sifkit::oci

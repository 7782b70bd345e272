// SPDX-License-Identifier: Apache-2.0
#include "registry_client.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

#include "http_options.h"

namespace sifkit::oci {

namespace {

/// Some registries know a manifest only if its type is asked for. Schema 1 is, to be refused by its name.
std::string accepted_types() {
  return fmt::format("{}, {}, {}, {}, application/vnd.docker.distribution.manifest.v1+prettyjws", kIndexType,
                     kManifestType, kDockerIndexType, kDockerManifestType);
}

std::string base_url_of(const RegistryName& name, const RegistryOptions& options) {
  return fmt::format("{}://{}/v2/{}", options.plain_http ? "http" : "https", name.address(), name.repository);
}

/// For what a host has to do with a registry's repository: with the certificates that are for this host.
net::HttpOptions options_for(const std::string& host, const RegistryName& name, const SourceOptions& options,
                             std::shared_ptr<net::HttpConnections> connections) {
  auto http = http_options(host, options.registry);
  http.connections = std::move(connections);
  http.name = name.host;
  http.silence_timeout = options.service_timeout;
  http.redirects = RegistryClient::kRedirects;
  http.hints.silent = {Advice::service_timeout, {}, "it may be busy"};
  http.hints.connect = fmt::format("is {} the address of a registry, and is it running?", host);
  http.hints.unresolved =
      fmt::format("is {} the name of a registry? where only a proxy knows it, the variable {} names one", host,
                  options.registry.plain_http ? "http_proxy" : "https_proxy");
  if (options.registry.plain_http) return http;
  http.hints.tls = {Advice::plain_http, name.host};
  http.hints.certificate = fmt::format("a certificate for the client and its key are X.cert and X.key in "
                                       "~/.config/containers/certs.d/{}", host);
  return http;
}

net::HttpClient client_for(const std::string& host, const RegistryName& name, const SourceOptions& options,
                           std::shared_ptr<net::HttpConnections> connections) {
  return net::HttpClient(options_for(host, name, options, std::move(connections)), options.operation);
}

/// The type of a document, if the header says one: servers of plain files do not.
std::string type_of(const net::HttpResponse& response) {
  const auto header = response.header("content-type").value_or("");
  const auto type = lower_case(trimmed(header.substr(0, header.find(';'))));
  return type.starts_with("application/vnd.") ? type : "";
}

bool has_algorithm(std::string_view text) {
  return text.starts_with("sha256:") || text.starts_with("sha384:") || text.starts_with("sha512:");
}

}  // namespace

RegistryClient::RegistryClient(const RegistryName& name, const SourceOptions& options, std::string actions)
    : name_(name),
      options_(options),
      base_url_(base_url_of(name, options.registry)),
      connections_(std::make_shared<net::HttpConnections>()),
      auth_(name, base_url_, std::move(actions), options, connections_),
      client_(client_for(name.host, name, options, connections_)) {}

net::HttpResponse RegistryClient::send(net::HttpRequest request, Backoff& backoff, bool elsewhere) {
  const auto origin = net::Url::parse(base_url_)->origin();
  if (!elsewhere && !net::Url::parse(request.url)) request.url = base_url_ + request.url;
  unsigned challenges = 0;
  unsigned redirects = 0;
  while (true) {
    const auto url = net::Url::parse(request.url);
    elsewhere = elsewhere || !url || !url->user.empty() || url->origin() != origin;
    net::HttpRequest current = request;
    // What is compressed once more on the way would be another blob, or another manifest.
    if (current.method == "GET") current.headers.emplace_back("Accept-Encoding", "identity");
    const std::string authorization = elsewhere ? "" : auth_.header();
    if (!authorization.empty()) current.headers.emplace_back("Authorization", authorization);
    options_.operation.logger->write(LogLevel::debug,
                                     fmt::format("{} {}", current.method, net::url_without_secrets(current.url)));
    const bool other = elsewhere && url;
    const auto host = other ? url->host + (url->port.empty() ? "" : ":" + url->port) : name_.host;
    auto response =
        send_patiently(other ? client_for(host, name_, options_, connections_) : client_, current, backoff, known_);
    // Those that read are followed by the client itself.
    const bool moved = response.status() == 307 || response.status() == 308;
    if (moved && request.method != "GET" && request.method != "HEAD" && ++redirects <= kRedirects) {
      request.url = location(response);
      continue;
    }
    if (response.status() != 401 || elsewhere) return response;
    // Whom a redirect has led to has no say in where credentials go.
    const auto asked = net::Url::parse(response.url());
    if (!asked || asked->origin() != origin || !auth_.answer(response, authorization, challenges++)) return response;
  }
}

void RegistryClient::abandon(const std::string& url) noexcept {
  static constexpr std::chrono::seconds kMost{1};
  try {
    const auto place = net::Url::parse(url);
    if (!place || place->origin() != net::Url::parse(base_url_)->origin()) return;
    auto http = options_for(name_.host, name_, options_, connections_);
    http.connect_timeout = kMost;
    http.total_timeout = kMost;
    const net::HttpClient client(http, {options_.operation.logger, &no_progress(), {}});
    const auto send = [&](const std::string& method, const std::string& to) {
      net::HttpRequest request{.url = to, .method = method};
      if (const auto authorization = auth_.header(); !authorization.empty())
        request.headers.emplace_back("Authorization", authorization);
      return client.send(request);
    };
    if (send("DELETE", url).status() / 100 == 2) return;
    // Where some of it has arrived the upload has another place, which is asked for.
    const auto now = send("GET", url);
    if (now.status() != 204) return;
    const auto moved = location(now);
    if (net::Url::parse(moved)->origin() == place->origin()) send("DELETE", moved);
  } catch (const std::exception&) {
    // A registry forgets it by itself some day.
  }
}

std::string RegistryClient::location(const net::HttpResponse& response) const {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::network, fmt::format("{}: status {}: {}", response.name(), response.status(), why));
  };
  const auto stated = response.header("location");
  if (!stated) refuse("it has no Location header");
  const std::string target = net::resolved_url(response.url(), *stated);
  const auto shown = in_quotes(net::url_without_secrets(target));
  const auto url = net::Url::parse(target);
  const auto registry = *net::Url::parse(base_url_);
  if (!url || !url->user.empty()) refuse(fmt::format("its Location {} is no URL", shown));
  if (url->scheme == "http" && registry.scheme == "https") {
    // A registry behind a proxy that does TLS for it may not know how it is called.
    if (!equal_ignoring_case(url->host, registry.host)) refuse(fmt::format("it points to {}, without TLS", shown));
    return registry.origin() + url->path;
  }
  if (url->is_local() && !registry.is_local() && url->origin() != registry.origin())
    refuse(fmt::format("it points to {}, on this network", shown));
  return target;
}

void RegistryClient::expect_digest(const net::HttpResponse& response, std::string_view what, const Digest& digest) {
  const auto stated = lower_case(response.header("docker-content-digest").value_or(""));
  if (!stated.starts_with(to_string(digest.algorithm())) || stated == digest.text()) return;
  throw Error(ErrorKind::integrity,
              fmt::format("{}: {}: expected {}, found {}", response.name(), what, digest.text(), in_quotes(stated)));
}

Error RegistryClient::failure(net::HttpResponse& response) {
  const int status = response.status();
  const auto kind = net::error_kind_of(status);
  const auto reason = message_of_registry(response.error_text());
  const auto message = fmt::format("{}: status {}: {}", response.name(), status,
                                   printable(auth_.without_secrets(reason), 1024));
  const auto asked = net::Url::parse(response.url());
  if (kind == ErrorKind::denied && (!asked || asked->origin() != net::Url::parse(base_url_)->origin()))
    return {kind, message, fmt::format("it was asked without credentials: those of {} are for {} alone", name_.host,
                                       name_.host)};
  if (kind == ErrorKind::denied) {
    const auto origin = auth_.origin_of_credentials();
    const auto words = origin.empty() ? std::string("the repository may be private, or not exist")
                                      : fmt::format("the credentials are from {}", origin);
    return {kind, message, {Advice::registry_login, name_.host, words}};
  }
  if (status == 429) {
    const auto after = retry_after(response);
    const auto words = after ? fmt::format("it may be asked again in {} s", after->count())
                             : std::string("wait; with an account there are more requests");
    return {kind, message, {Advice::registry_login, name_.host, words}};
  }
  if (kind == ErrorKind::not_found && reason.starts_with("name unknown"))
    return {kind, message, "there is no such repository, or it is private"};
  return {kind, message};
}

ManifestDocument RegistryClient::fetch_manifest(const std::string& reference, Backoff& backoff) {
  auto response = send({.url = "/manifests/" + reference, .headers = {{"Accept", accepted_types()}}}, backoff);
  const bool by_digest = reference.find(':') != std::string::npos;
  if (response.status() != 200) {
    auto error = failure(response);
    if (error.kind() == ErrorKind::not_found && error.hint().empty() && !by_digest)
      error.set_hint(fmt::format("'sifkit images --tags docker://{}' lists its tags", name_.without_reference()));
    throw error;
  }
  ManifestDocument out;
  out.media_type = type_of(response);
  const auto stated = lower_case(response.header("docker-content-digest").value_or(""));
  out.text = response.text(options_.limits.json_bytes);
  if (const auto encoding = content_encoding_of(response); !encoding.empty() && !trimmed(out.text).starts_with('{'))
    throw encoded_answer(fmt::format("{}: manifest", response.name()), encoding);
  out.digest = digest_of(as_bytes(out.text));
  if (by_digest || has_algorithm(stated)) {
    const auto expected = Digest::parse(by_digest ? reference : stated, "Docker-Content-Digest");
    const auto found = digest_of(as_bytes(out.text), expected.algorithm());
    if (found != expected) {
      throw Error(ErrorKind::integrity,
                  fmt::format("{}: manifest: expected {}, found {}", response.name(), expected.text(), found.text()));
    }
    if (by_digest) out.digest = found;
  }
  return out;
}

ManifestDocument RegistryClient::manifest(const std::string& reference) {
  auto backoff = new_backoff();
  bool damaged = false;
  while (true) {
    try {
      return fetch_manifest(reference, backoff);
    } catch (const net::TransientError& error) {
      const Error why = error;
      if (!backoff.wait(why.what())) throw;
    } catch (const Error& error) {
      // A cache between the two may have kept a part of it only; once more tells.
      if (error.kind() != ErrorKind::integrity || std::exchange(damaged, true)) throw;
    }
  }
}

}  // namespace sifkit::oci

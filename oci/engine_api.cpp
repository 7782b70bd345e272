// SPDX-License-Identifier: Apache-2.0
#include "engine_api.h"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/net/percent.h>

namespace sifkit::oci {

namespace {

net::HttpOptions http_options(const EngineAddress& address, std::chrono::seconds silence_timeout) {
  net::HttpOptions options;
  options.name = address.where;
  options.unix_socket = address.socket;
  options.proxy = net::Proxy::none;
  options.silence_timeout = silence_timeout;
  options.hints.connect = {Advice::service_address, {}, "is the service running?"};
  options.hints.denied = "your account may not use this socket; 'docker save' by someone who may, then docker-archive:";
  options.hints.silent = {Advice::service_timeout, {}, "it may be busy"};
  if (!address.secure()) return options;
  const auto file = [&](const char* name) {
    auto path = address.certificates / name;
    return ::access(path.c_str(), F_OK) == 0 ? path : std::filesystem::path();
  };
  options.tls = {.authorities = file("ca.pem"),
                 .more_authorities = {},
                 .certificate = file("cert.pem"),
                 .key = file("key.pem"),
                 .verified = address.verified};
  options.hints.other = fmt::format("the certificates for it are ca.pem, cert.pem and key.pem in {}",
                                    in_quotes(address.certificates.native()));
  return options;
}

/// What the service says of an error, in its own words.
std::string message_of(const std::string& body) {
  const auto message = member_text(Json::parse(body, nullptr, false), "message");
  if (!message.empty()) return message;
  return body.empty() ? "no message" : body;
}

}  // namespace

EngineApi::EngineApi(Transport transport, const SourceOptions& options)
    : address_(find_engine(transport, options)),
      operation_(options.operation),
      client_(http_options(address_, options.service_timeout), operation_) {
  if (!address_.verified) operation_.logger->write(LogLevel::warning, fmt::format("{}: who answers there is not verified", address_.where));
}

std::string EngineApi::escaped(std::string_view text) { return net::percent_encoded(text, "/:@"); }

std::unique_ptr<Source> EngineApi::stream(const std::string& path) {
  operation_.logger->write(LogLevel::debug, fmt::format("{}: GET {}", address_.where, path));
  auto response = client_.send({.url = address_.base_url + path});
  const int code = response.status();
  if (code == 200) return response.take_body();
  const auto elsewhere = response.header("location");
  throw Error(net::error_kind_of(code), fmt::format("{}: status {}: {}", address_.where, code,
                                elsewhere ? fmt::format("it points to {}, which is not followed", in_quotes(*elsewhere))
                                          : printable(message_of(response.error_text()))));
}

Json EngineApi::get(const std::string& path, const Limits& limits) {
  const auto body = read_all(*stream(path), limits.json_bytes, path);
  return parse_json(as_text(body), path, limits);
}

void EngineApi::load(net::HttpBody archive) {
  static constexpr std::size_t kMaxAnswer = std::size_t{1} << 20;
  static constexpr const char* kPath = "/images/load?quiet=1";
  operation_.logger->write(LogLevel::debug, fmt::format("{}: POST {}", address_.where, kPath));
  auto response = client_.send({.url = address_.base_url + kPath,
                                .method = "POST",
                                .headers = {{"Content-Type", "application/x-tar"}},
                                .streamed = std::move(archive)});
  if (response.status() != 200) {
    throw Error(net::error_kind_of(response.status()), fmt::format("{}: status {}: {}", address_.where, response.status(),
                                                                   printable(message_of(response.error_text()))));
  }
  // What goes wrong later is one of the documents that follow each other, a line each.
  const auto body = response.text(kMaxAnswer);
  for (std::string_view rest = body; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (const auto error = member_text(Json::parse(line, nullptr, false), "error"); !error.empty())
      throw Error(ErrorKind::network, fmt::format("{}: {}", address_.where, printable(error)));
  }
}

}  // namespace sifkit::oci

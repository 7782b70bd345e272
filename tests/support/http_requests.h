// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/net/http_client.h>

#include "catch.h"
#include "engine_server.h"
#include "environment.h"
#include "errors.h"

namespace sifkit::testing {

/// No proxy of the machine stands before the servers of a test.
inline std::vector<Environment::Setting> no_proxies(std::vector<Environment::Setting> settings = {}) {
  for (const char* name :
       {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
    settings.emplace_back(name, std::nullopt);
  std::reverse(settings.begin(), settings.end());
  return settings;
}

inline std::string url_of(const EngineServer& server, const std::string& path = "/") {
  return "http://" + server.place() + path;
}

inline std::string moved(const std::string& to, int status = 302) {
  return fmt::format("HTTP/1.1 {} Moved\r\nLocation: {}\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone", status,
                     to);
}

inline Error failure_of(const net::HttpOptions& options, const net::HttpRequest& request,
                        const OperationContext& operation = {}) {
  const auto error = error_of([&] { net::HttpClient(options, operation).send(request).text(1 << 20); });
  REQUIRE(error);
  return *error;
}

}  // namespace sifkit::testing

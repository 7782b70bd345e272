// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <sifkit/core/json.h>
#include <sifkit/core/stream.h>
#include <sifkit/net/http_client.h>
#include <sifkit/oci/image.h>

#include "engine_address.h"

namespace sifkit::oci {

/// Talks to a service that speaks the Docker Engine API, over a unix socket or TCP. No program of Docker's is needed.
class EngineApi {
 public:
  /// With the service that `find_engine` finds.
  EngineApi(Transport transport, const SourceOptions& options);

  /// A JSON document. Throws not_found for 404 (with the service's own words), denied, network.
  Json get(const std::string& path, const Limits& limits);
  /// A body of any size, as it comes; errors as `get`. The source may be read on another thread.
  std::unique_ptr<Source> stream(const std::string& path);

  /// Has the service take the images of an archive. Throws what it says against that.
  void load(net::HttpBody archive);

  /// Where it talks to, for messages.
  const std::string& where() const noexcept { return address_.where; }

  /// For one component of a path.
  static std::string escaped(std::string_view text);

 private:
  EngineAddress address_;
  OperationContext operation_;
  net::HttpClient client_;
};

}  // namespace sifkit::oci

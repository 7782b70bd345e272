// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/net/http_client.h>
#include <sifkit/oci/registry.h>

namespace sifkit::oci {

/// How a host ("name", "name:port") is reached: its certificates are those that podman and Docker keep for it.
net::HttpOptions http_options(const std::string& host, const RegistryOptions& options);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/net/http_client.h>
#include <sifkit/oci/registry.h>

namespace sifkit::oci {

/// How a host ("name", "name:port") is reached: its certificates are those that podman and Docker keep for it.
net::HttpOptions http_options(const std::string& host, const RegistryOptions& options);

/// What an answer's Content-Encoding says was done to the bytes on the way; empty where they are as they are kept.
std::string content_encoding_of(const net::HttpResponse& response);
/// An answer that is encoded although that was not asked for. `name` is what was asked for.
Error encoded_answer(std::string_view name, std::string_view encoding);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sifkit::net {

/// A proxy as a variable of the environment names it.
struct ProxySetting {
  std::string address;   ///< its password included; empty: none
  std::string variable;  ///< "HTTPS_PROXY"

  /// Its address for messages: without the part of the user.
  std::string shown() const;
};

/// The proxy for a request to `url` by the variables http_proxy, https_proxy, all_proxy and no_proxy, in upper or lower
/// case; empty for none. The rules are those of Go's programs, which people who fetch images know: loopback addresses
/// need no proxy, and no_proxy lists hosts (their subdomains are meant, too), `.domain`, `host:port`, addresses,
/// networks (`10.0.0.0/8`) and `*`. libcurl has other ones. Throws usage for one that is no proxy's address, in words
/// that hold nothing of its password; libcurl's would.
ProxySetting proxy_setting_for(std::string_view url);

/// Its address alone.
std::string proxy_for(std::string_view url);

/// Whether a message has the user's part of that proxy in it, or its password, as it is written or decoded.
bool has_secrets_of(std::string_view proxy, std::string_view message);

}  // namespace sifkit::net

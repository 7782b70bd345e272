// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sifkit::net {

/// The proxy for a request to `url` by the variables http_proxy, https_proxy, all_proxy and no_proxy, in upper or lower
/// case; empty for none. The rules are those of Go's programs, which people who fetch images know: loopback addresses
/// need no proxy, and no_proxy lists hosts (their subdomains are meant, too), `.domain`, `host:port`, addresses,
/// networks (`10.0.0.0/8`) and `*`. libcurl has other ones.
std::string proxy_for(std::string_view url);

}  // namespace sifkit::net

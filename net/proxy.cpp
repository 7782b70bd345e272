// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>
#include <optional>

#include <arpa/inet.h>

#include <sifkit/core/resources.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

namespace sifkit::net {

namespace {

/// An address of version 4 or 6, the first written as part of the second.
struct Address {
  std::array<unsigned char, 16> bytes{};
  bool version4 = false;
};

std::optional<Address> address_of(std::string_view text) {
  const std::string copy(text);
  Address out;
  if (::inet_pton(AF_INET, copy.c_str(), out.bytes.data() + 12) == 1) {
    out.bytes[10] = out.bytes[11] = 0xff;
    out.version4 = true;
    return out;
  }
  if (::inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

bool is_loopback(std::string_view host) {
  if (equal_ignoring_case(host, "localhost")) return true;
  const auto address = address_of(host);
  if (!address) return false;
  if (address->version4) return address->bytes[12] == 127;
  return std::all_of(address->bytes.begin(), address->bytes.end() - 1, [](unsigned char b) { return b == 0; }) &&
         address->bytes.back() == 1;
}

/// Whether `host` lies in a network such as "10.0.0.0/8"; nothing where `text` is none.
std::optional<bool> in_network(std::string_view text, const std::optional<Address>& host) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto network = address_of(text.substr(0, slash));
  const auto stated = whole_number<unsigned>(text.substr(slash + 1));
  if (!network || !stated) return std::nullopt;
  const unsigned length = *stated + (network->version4 ? 96 : 0);
  if (length > 128 || !host || host->version4 != network->version4) return false;
  for (unsigned bit = 0; bit < length; ++bit) {
    const unsigned mask = 0x80u >> bit % 8;
    if (((host->bytes[bit / 8] ^ network->bytes[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

bool excluded_by(std::string entry, const Url& url) {
  const std::string host = lower_case(url.host);
  const auto address = address_of(host);
  entry = lower_case(trimmed(entry));
  if (entry.empty()) return false;
  if (entry == "*") return true;
  if (const auto inside = in_network(entry, address)) return *inside;
  const auto bracket = entry.rfind(']');
  const auto colon = entry.rfind(':');
  const bool has_port = colon != std::string::npos && (entry.find(':') == colon || bracket == colon - 1);
  if (has_port) {
    if (entry.substr(colon + 1) != url.port_or_default()) return false;
    entry.resize(colon);
  }
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (const auto listed = address_of(entry)) return address && address->bytes == listed->bytes;
  if (entry.starts_with("*.")) entry.erase(0, 1);
  if (entry.starts_with('.')) return host.ends_with(entry);
  return host == entry || host.ends_with("." + entry);
}

}  // namespace

std::string proxy_for(std::string_view text) {
  const auto url = Url::parse(text);
  if (!url || is_loopback(url->host)) return {};
  std::string proxy =
      url->scheme == "https" ? first_environment_variable({"HTTPS_PROXY", "https_proxy"})
                             : first_environment_variable({"HTTP_PROXY", "http_proxy"});
  if (proxy.empty()) proxy = first_environment_variable({"ALL_PROXY", "all_proxy"});
  if (proxy.empty()) return {};
  const std::string list = first_environment_variable({"NO_PROXY", "no_proxy"});
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    if (excluded_by(list.substr(at, end - at), *url)) return {};
    at = end + 1;
  }
  return proxy;
}

}  // namespace sifkit::net

// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <utility>

#include <arpa/inet.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
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

constexpr std::string_view kSchemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};
constexpr unsigned kMaxPort = 65535;

/// What stands before and behind the "://" of a proxy's address, which may have no scheme.
std::pair<std::string_view, std::string_view> cut_at_scheme(std::string_view proxy) {
  const auto end = proxy.find("://");
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const auto scheme = proxy.substr(0, std::min(end, proxy.size()));
  const bool stated = end != std::string_view::npos && scheme.find_first_not_of(kPlain) == std::string_view::npos;
  return stated ? std::pair(scheme, proxy.substr(end + 3)) : std::pair(std::string_view("http"), proxy);
}

/// The part of the user in the address of a proxy: up to the last `@`, as a password that lacks its escapes may hold
/// anything.
std::string_view user_of(std::string_view proxy) {
  const auto rest = cut_at_scheme(proxy).second;
  const auto at = rest.rfind('@');
  return at == std::string_view::npos ? std::string_view() : rest.substr(0, at);
}

bool is_proxy(std::string_view proxy) {
  const auto [scheme, rest] = cut_at_scheme(proxy);
  const auto known = lower_case(scheme);
  if (std::find(std::begin(kSchemes), std::end(kSchemes), known) == std::end(kSchemes)) return false;
  const auto authority = rest.substr(0, rest.find_first_of("/?#\\"));
  if (rest.find('@', authority.size()) != std::string_view::npos) return false;  // a password that is not escaped
  const auto place = authority.substr(authority.rfind('@') + 1);
  const auto bracket = place.rfind(']');
  const auto colon = place.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  const auto host = place.substr(0, has_port ? colon : place.size());
  if (host.empty() || (host.find(':') != std::string_view::npos && !host.starts_with('['))) return false;
  if (!has_port || colon + 1 == place.size()) return true;
  const auto port = whole_number<unsigned>(place.substr(colon + 1));
  return port && *port <= kMaxPort;
}

std::string without_user(std::string_view proxy) {
  const auto [scheme, rest] = cut_at_scheme(proxy);
  const bool whole = rest.data() == proxy.data();
  const auto place = rest.substr(rest.rfind('@') + 1);
  return (whole ? "" : std::string(scheme) + "://") + std::string(place);
}

[[noreturn]] void refuse(std::string_view proxy) {
  throw Error(ErrorKind::usage,
              fmt::format("proxy {}: expected http://[USER:PASSWORD@]HOST[:PORT]", in_quotes(without_user(proxy))),
              "the variables http_proxy, https_proxy and all_proxy name it; in a password all but letters and digits "
              "is escaped, as in %40");
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const auto* const digits = text.data() + i + 1;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2;
    out += escape ? static_cast<char>(value) : text[i];
    if (escape) i += 2;
  }
  return out;
}

}  // namespace

bool has_secrets_of(std::string_view proxy, std::string_view message) {
  const auto user = user_of(proxy);
  if (user.empty()) return false;
  const auto colon = user.find(':');
  const auto password = colon == std::string_view::npos ? user : user.substr(colon + 1);
  const auto has = [&](std::string_view text) { return !text.empty() && message.find(text) != std::string_view::npos; };
  return has(user) || has(password) || has(decoded(password));
}

std::string ProxySetting::shown() const { return without_user(address); }

std::string proxy_for(std::string_view url) { return proxy_setting_for(url).address; }

ProxySetting proxy_setting_for(std::string_view text) {
  const auto url = Url::parse(text);
  if (!url || is_loopback(url->host)) return {};
  const bool tls = url->scheme == "https";
  ProxySetting out;
  for (const char* name :
       {tls ? "HTTPS_PROXY" : "HTTP_PROXY", tls ? "https_proxy" : "http_proxy", "ALL_PROXY", "all_proxy"}) {
    if (!out.address.empty()) break;
    out = {environment_variable(name), name};
  }
  if (out.address.empty()) return {};
  const std::string list = first_environment_variable({"NO_PROXY", "no_proxy"});
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    if (excluded_by(list.substr(at, end - at), *url)) return {};
    at = end + 1;
  }
  if (!is_proxy(out.address)) refuse(out.address);
  return out;
}

}  // namespace sifkit::net

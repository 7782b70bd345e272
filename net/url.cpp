// SPDX-License-Identifier: Apache-2.0
#include <sifkit/net/url.h>

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fmt/format.h>

#include <sifkit/core/text.h>

namespace sifkit::net {

namespace {

bool is_local_version4(std::uint32_t address) {
  const auto in = [&](std::uint32_t network, unsigned length) { return (address ^ network) >> (32 - length) == 0; };
  return in(0x7f000000, 8) || in(0x0a000000, 8) || in(0xac100000, 12) || in(0xc0a80000, 16) || in(0xa9fe0000, 16) ||
         in(0, 8);
}

/// Whether libcurl may ask another host than the one that is written: it decodes `%31`, and IDNA makes a plain digit of
/// a wide one.
bool has_other_spellings(std::string_view host) {
  return std::any_of(host.begin(), host.end(), [](char c) { return c == '%' || static_cast<unsigned char>(c) > 0x7e; });
}

}  // namespace

std::optional<Url> Url::parse(std::string_view text) {
  Url out;
  const auto end_of_scheme = text.find("://");
  if (end_of_scheme == std::string_view::npos) return std::nullopt;
  out.scheme = lower_case(text.substr(0, end_of_scheme));
  if (out.scheme != "http" && out.scheme != "https") return std::nullopt;
  text.remove_prefix(end_of_scheme + 3);
  const auto end = std::min(text.find_first_of("/?#\\"), text.size());
  auto authority = text.substr(0, end);
  out.path = text.substr(end);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    out.user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    out.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (out.port.find_first_not_of("0123456789") != std::string::npos || out.port.size() > 5) return std::nullopt;
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return std::nullopt;
  out.host = authority;
  return out;
}

std::string Url::port_or_default() const { return !port.empty() ? port : scheme == "https" ? "443" : "80"; }

std::string Url::origin() const {
  const auto name = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  return fmt::format("{}://{}:{}", scheme, lower_case(name), port_or_default());
}

bool Url::is_local() const {
  std::string name = lower_case(host);
  if (name.ends_with('.')) name.pop_back();
  if (name == "localhost" || name.ends_with(".localhost")) return true;  // RFC 6761, section 6.3
  // All that resolvers take for one: 127.1, 0x7f.1, 2130706433.
  in_addr version4{};
  if (::inet_aton(name.c_str(), &version4) == 1) return is_local_version4(ntohl(version4.s_addr));
  if (name.find(':') == std::string::npos) return has_other_spellings(name);
  in6_addr version6{};
  if (::inet_pton(AF_INET6, name.substr(0, name.find('%')).c_str(), &version6) != 1) return true;
  if (IN6_IS_ADDR_V4MAPPED(&version6)) {
    const auto* const last = version6.s6_addr + 12;
    return is_local_version4(std::uint32_t{last[0]} << 24 | std::uint32_t{last[1]} << 16 | std::uint32_t{last[2]} << 8 |
                             last[3]);
  }
  return IN6_IS_ADDR_LOOPBACK(&version6) || IN6_IS_ADDR_UNSPECIFIED(&version6) || IN6_IS_ADDR_LINKLOCAL(&version6) ||
         (version6.s6_addr[0] & 0xfe) == 0xfc;
}

namespace {

/// A path without its parts `.` and `..` (RFC 3986, section 5.2.4): not every server takes them out itself.
std::string without_dots(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    const auto part = path.substr(at, end - at);  // with the slash before it
    if (part == "/..") out.resize(std::min(out.rfind('/'), out.size()));
    if (part != "/." && part != "/..") {
      out += part;
    } else if (end == path.size()) {
      out += '/';
    }
    at = end;
  }
  return out;
}

/// The same of a path with a query or a fragment behind it, which may hold anything.
std::string plain_path(std::string_view text) {
  const auto end = std::min(text.find_first_of("?#"), text.size());
  return without_dots(text.substr(0, end)).append(text.substr(end));
}

}  // namespace

std::string resolved_url(std::string_view base, std::string_view reference) {
  const auto scheme = base.find("://");
  const auto colon = reference.find(':');
  if (scheme == std::string_view::npos || colon < reference.find_first_of("/?#")) return std::string(reference);
  if (reference.starts_with("//")) return std::string(base.substr(0, scheme + 1)).append(reference);
  const auto root = std::min(base.find_first_of("/?#", scheme + 3), base.size());
  if (reference.starts_with('/')) return std::string(base.substr(0, root)).append(plain_path(reference));
  const auto path = base.substr(0, base.find_first_of("?#"));
  if (reference.empty() || reference.starts_with('?')) return std::string(path).append(reference);
  const auto directory = path.size() > root ? std::string(path.substr(0, path.rfind('/') + 1)) : std::string(path) + "/";
  return directory.substr(0, root) + plain_path(directory.substr(root) + std::string(reference));
}

namespace {

/// ALGORITHM:HEX, as it stands behind the name of an image.
bool is_digest(std::string_view text) {
  static constexpr std::size_t kShortest = 32;
  const auto hex = text.substr(std::min(text.find(':'), text.size()));
  return hex.size() > kShortest && hex.find_first_not_of("0123456789abcdefABCDEF", 1) == std::string_view::npos;
}

}  // namespace

std::string url_without_secrets(std::string_view url) {
  const auto scheme = url.find("://");
  std::string out(url.substr(0, url.find_first_of("?#")));
  if (scheme == std::string_view::npos) {
    const auto at = out.substr(0, out.find('/')).rfind('@');
    if (at != std::string::npos && !is_digest(std::string_view(out).substr(at + 1))) out.erase(0, at + 1);
    return out;
  }
  const auto end = std::min(out.find('/', scheme + 3), out.size());
  const auto at = out.rfind('@', end == 0 ? 0 : end - 1);
  if (at != std::string::npos && at > scheme) out.erase(scheme + 3, at - scheme - 2);
  return out;
}

}  // namespace sifkit::net

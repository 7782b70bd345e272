// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit::net {

/// The parts of an http or https URL that decide who is asked.
struct Url {
  std::string scheme;  ///< lower case
  std::string user;    ///< what stands before an `@`, as it is written
  std::string host;    ///< without the brackets of an IPv6 address
  std::string port;    ///< empty where none is given
  std::string path;    ///< the rest, query included

  /// Nothing for what is no such URL.
  SIFKIT_API static std::optional<Url> parse(std::string_view text);

  SIFKIT_API std::string port_or_default() const;
  /// "https://host:port", which is what credentials are meant for.
  SIFKIT_API std::string origin() const;
  /// An address of a private, link-local or loopback network, however it is written, or a name in "localhost". So is
  /// what cannot be told, for want of a plain spelling. Other names are not looked up.
  SIFKIT_API bool is_local() const;
};

/// The URL that a reference (a Location header) means where `base` has answered (RFC 3986, section 5). A whole
/// URL is left as it is.
SIFKIT_API std::string resolved_url(std::string_view base, std::string_view reference);

/// A URL for a message: without the query, which may have a signature that works as a password, and without a user. Of a text
/// without a scheme goes what stands before an `@`, unless a digest is behind that.
SIFKIT_API std::string url_without_secrets(std::string_view url);

}  // namespace sifkit::net

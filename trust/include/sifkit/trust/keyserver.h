// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>

namespace sifkit::trust {

/// One key as a keyserver lists it. Nothing in it has been checked by anybody.
struct ListedKey {
  std::string id;                       ///< fingerprint or key ID, upper-case hex
  unsigned algorithm = 0;               ///< OpenPGP's number; 0: not said
  unsigned bits = 0;
  std::optional<std::int64_t> created;  ///< seconds since 1970
  std::optional<std::int64_t> expires;
  std::string flags;                    ///< of the letters r (revoked), d (disabled), e (expired)
  std::vector<std::string> user_ids;
};

/// A server of OpenPGP keys that speaks HKP (draft-shaw-openpgp-hkp-00, draft-gallagher-openpgp-hkp). Every call is one
/// request, bounded in time (60 s), bytes (16 MiB) and redirects (3, never from HTTPS to HTTP). Nothing else in this
/// library talks to one. Any thread.
class SIFKIT_API Keyserver {
 public:
  static constexpr std::string_view kDefaultUrl = "https://keys.openpgp.org";

  /// `url` is hkps://, hkp://, https:// or http://, host, and perhaps a port. `authorities` (may be empty) is a PEM file
  /// to check the server's certificate against instead of the system's. Throws usage for other URLs.
  explicit Keyserver(std::string_view url = kDefaultUrl, std::filesystem::path authorities = {}, OperationContext operation = {});

  /// The server as it is asked: "https://keys.openpgp.org:443".
  const std::string& url() const noexcept { return url_; }

  /// Keys that the server finds for a name, an email, a fingerprint or a key ID; at most 1000. Nothing found is an empty
  /// list. Throws network, denied or malformed.
  std::vector<ListedKey> search(std::string_view text) const;

  /// The public key with this fingerprint (40 hex digits), in binary form. Anything else that the server gives is
  /// ErrorKind::integrity. Throws not_found too.
  Bytes fetch(std::string_view fingerprint) const;

  /// Publishes a public key, given in its armored form. There is no way back: servers forget nothing.
  void submit(std::string_view armored_key) const;

 private:
  std::string request(const std::string& path, const std::string* form) const;

  std::string url_;
  std::filesystem::path authorities_;
  OperationContext operation_;
};

}  // namespace sifkit::trust

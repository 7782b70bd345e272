// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/trust/passphrase.h>
#include <sifkit/trust/verify_policy.h>

#include "ossl.h"

namespace sifkit::trust {

inline constexpr std::string_view kKeyIdStart = "SHA256:";

/// A key of a kind that DSSE signatures use here: RSA 2048 to 8192 bits, ECDSA P-256, P-384 or P-521, Ed25519.
class AsymmetricKey {
 public:
  explicit AsymmetricKey(OsslKey key);

  EVP_PKEY* get() const noexcept { return key_.get(); }
  /// "ED25519", "ECDSA P-256", "RSA 4096".
  const std::string& algorithm() const noexcept { return algorithm_; }
  KeySize size() const noexcept { return size_; }
  /// `SHA256:` and the unpadded base64 of the SHA-256 of the key's SSH wire form.
  const std::string& key_id() const noexcept { return key_id_; }

  /// RSA PKCS#1 v1.5, ECDSA in DER, both over SHA-256; Ed25519 pure.
  Bytes sign(ByteView message) const;
  /// ECDSA is also read as r and s side by side.
  bool verify(ByteView message, ByteView signature) const;

 private:
  OsslKey key_;
  std::string algorithm_;
  KeySize size_;
  std::string key_id_;
};

/// Of any key; of the family `other` where its size says nothing.
KeySize size_of(const EVP_PKEY* key);

/// A block of PEM, from its begin line to its end line.
struct PemBlock {
  std::string_view label;
  std::string_view text;
};

/// Takes the next block off the front of `text`, with all that stands before it, which is for people (RFC 7468, section
/// 2). Nothing where there is none. Throws malformed for one whose begin line is damaged or that has no end.
std::optional<PemBlock> take_pem_block(std::string_view& text);

/// Whether a key file's text is PEM, and not OpenPGP armor or binary.
bool is_pem(std::string_view text) noexcept;

/// One PEM block, with any text around it. A private key here, a certificate or an unknown block is refused by name.
/// `what` names the file in errors.
AsymmetricKey read_public_pem(std::string_view text, std::string_view what);

/// PKCS#8 (encrypted or not), PKCS#1 and SEC 1 blocks, and the older PEM encryption; one block, with any text around it
/// and the curve's parameters, which OpenSSL writes before a key. `passphrase` is asked only for an encrypted key.
AsymmetricKey read_private_pem(std::string_view text, std::string_view what, const PassphraseSource& passphrase);

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>

#include "ossl.h"

namespace sifkit::trust {

/// The digest algorithms that signed metadata may name. Nothing weaker than SHA-224 has a value here, so that a digest
/// made with MD5 or SHA-1 cannot even be represented (CVE-2022-39237).
enum class SignedHash : std::uint8_t { sha224, sha256, sha384, sha512, sha512_224, sha512_256 };

std::string_view to_string(SignedHash hash) noexcept;

/// A digest in signed metadata, `algorithm:hex` in text. Its alphabet is not OCI's: "sha512_256" is a name here.
struct SignedDigest {
  SignedHash hash = SignedHash::sha256;
  Bytes value;

  std::string text() const;
  /// Upper-case hex is accepted, as Go does. `what` names the member in errors.
  static SignedDigest parse(std::string_view text, std::string_view what);

  friend bool operator==(const SignedDigest&, const SignedDigest&) = default;
};

/// One hash computation.
class SignedHasher {
 public:
  explicit SignedHasher(SignedHash hash);

  void update(ByteView bytes);
  SignedDigest finish();

 private:
  SignedHash hash_;
  OsslDigestContext context_;
};

SignedDigest signed_digest_of(SignedHash hash, ByteView bytes);

/// What is signed about one object.
struct ObjectMetadata {
  std::uint32_t relative_id = 0;  ///< ID less the smallest ID of the group
  SignedDigest descriptor;        ///< of the 557 bytes
  SignedDigest data;
};

/// The JSON document inside a signature.
struct ImageMetadata {
  SignedDigest header;  ///< of the 61 bytes
  std::vector<ObjectMetadata> objects;
};

/// The canonical text: one line, fixed order, no final newline.
std::string write_metadata(const ImageMetadata& metadata);

/// Strict: version 1, these members and no others, no duplicate members or relative IDs, IDs ascending or not, digests
/// of allowed algorithms only, at least one object, nothing after the document.
ImageMetadata parse_metadata(std::string_view text);

}  // namespace sifkit::trust

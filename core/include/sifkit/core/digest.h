// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>

namespace sifkit {

/// The digest algorithms this library can compute (OCI image-spec, descriptor.md "Registered Algorithms").
enum class DigestAlgorithm : std::uint8_t { sha256, sha384, sha512 };

SIFKIT_API std::string_view to_string(DigestAlgorithm algorithm) noexcept;

/// A checked digest: `algorithm:lower-case hex` of the right length. Nothing that failed `parse` can become one, so a
/// Digest is safe to use in a path or a URL.
class SIFKIT_API Digest {
 public:
  /// The digest of no bytes under sha256; a placeholder until a real value is assigned.
  Digest();
  Digest(DigestAlgorithm algorithm, std::string hex);

  /// Throws malformed for a text that breaks the grammar, unsupported for an algorithm that cannot be verified here.
  /// `what` names the field in the error, for example "config digest".
  static Digest parse(std::string_view text, std::string_view what = "digest");

  DigestAlgorithm algorithm() const noexcept { return algorithm_; }
  const std::string& hex() const noexcept { return hex_; }

  /// "sha256:…"
  std::string text() const;

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  DigestAlgorithm algorithm_;
  std::string hex_;
};

/// Computes a digest piece by piece. Movable; not thread safe.
class SIFKIT_API Hasher {
 public:
  explicit Hasher(DigestAlgorithm algorithm = DigestAlgorithm::sha256);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(ByteView bytes);

  /// Ends the computation; the hasher cannot be used afterwards.
  Digest finish();

  /// `finish`, as raw bytes.
  Bytes finish_raw();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The digest of a buffer.
SIFKIT_API Digest digest_of(ByteView bytes, DigestAlgorithm algorithm = DigestAlgorithm::sha256);

/// Lower-case hex.
SIFKIT_API std::string to_hex(ByteView bytes);
/// The same in upper case, as OpenPGP fingerprints are written.
SIFKIT_API std::string to_upper_hex(ByteView bytes);

/// The bytes of pairs of hex digits, upper or lower case; nothing for any other text.
SIFKIT_API std::optional<Bytes> from_hex(std::string_view hex);

}  // namespace sifkit

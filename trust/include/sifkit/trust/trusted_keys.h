// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <sifkit/core/export.h>

namespace sifkit::trust {

/// An X.509 certificate for signing code, and what its chain is made of. PEM files.
struct CertificateFiles {
  std::filesystem::path certificate;    ///< the first block; more blocks are intermediates
  std::filesystem::path intermediates;  ///< empty: none
  std::filesystem::path roots;          ///< empty: those of the system
  bool ocsp = false;                    ///< ask each certificate's OCSP responder whether it is revoked now (network)
};

/// Keys to verify with, and the validation time as of which they and their signatures are judged. Movable; not thread safe.
class SIFKIT_API TrustedKeys {
 public:
  /// `at`: seconds since 1970, 1 to 2^32 - 1, else ErrorKind::usage; absent: now, whenever that is. A key that was given up
  /// later counts unless its revocation says, or does not exclude, that it was stolen.
  explicit TrustedKeys(std::optional<std::int64_t> at = std::nullopt);
  ~TrustedKeys();
  TrustedKeys(TrustedKeys&&) noexcept;
  TrustedKeys& operator=(TrustedKeys&&) noexcept;

  /// A PEM public key, or OpenPGP keys, armored or binary, told by content.
  void add_file(const std::filesystem::path& path);
  /// A ring of OpenPGP keys under a name ("LOCAL"); a file that is not there is no error. Throws denied for one that
  /// others than its owner may write: whoever can write a ring decides what is trusted.
  void add_ring(const std::filesystem::path& path, std::string name);
  /// The key of a certificate. Throws untrusted unless its chain leads to a root, every certificate of it is valid at the
  /// validation time, code signing is among its uses and, if asked for, no responder says otherwise.
  void add_certificate(const CertificateFiles& files);

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#include "trusted_keys_impl.h"

#include <limits>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>

#include "certificate.h"
#include "key_blocks.h"
#include "key_files.h"

namespace sifkit::trust {

namespace {

Bytes read_key_file(const std::filesystem::path& path) {
  Bytes bytes = read_all(*open_source(path), kMaxRingBytes, path.native());
  if (bytes.empty()) throw Error(ErrorKind::malformed, in_quotes(path.native()) + " is empty; a key was expected");
  return bytes;
}

}  // namespace

TrustedKeys::TrustedKeys(std::optional<std::int64_t> at) : impl_(std::make_unique<Impl>()) {
  // Keys and OpenPGP signatures hold their times as 32 bits.
  if (at && (*at < 1 || *at > std::numeric_limits<std::uint32_t>::max())) {
    throw Error(ErrorKind::usage, fmt::format("the time {} is outside of 1970 to 2106, where keys have theirs", *at));
  }
  impl_->at = at;
}
TrustedKeys::~TrustedKeys() = default;
TrustedKeys::TrustedKeys(TrustedKeys&&) noexcept = default;
TrustedKeys& TrustedKeys::operator=(TrustedKeys&&) noexcept = default;

void TrustedKeys::add_file(const std::filesystem::path& path) {
  const Bytes bytes = read_key_file(path);
  const auto text = as_text(bytes);
  if (is_pem(text)) {
    auto key = read_public_pem(text, path.native());
    const auto size = key.size();
    impl_->asymmetric.push_back({std::move(key), path.native(), {}, {}, false, {size}});
  } else {
    impl_->rings.emplace_back(bytes, path.native(), impl_->at);
  }
}

void TrustedKeys::add_ring(const std::filesystem::path& path, std::string name) {
  // Of a ring that cannot be looked at nobody knows whether it says that a key is revoked.
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown) && !unknown) return;
  impl_->rings.emplace_back(read_guarded(path, KeyPart::public_key), std::move(name), impl_->at);
}

void TrustedKeys::add_certificate(const CertificateFiles& files) { impl_->asymmetric.push_back(checked_certificate(files, impl_->at)); }

}  // namespace sifkit::trust

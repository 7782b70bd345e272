// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/trust/verify.h>

namespace sifkit::trust {

/// What a signature object is, as far as its bytes can be read.
enum class SignatureKind : std::uint8_t { metadata, legacy, unknown };

/// A signature object, read and checked as far as its own bytes go.
struct SignedText {
  SignatureReport report;  ///< `valid`: the text comes from a trusted key; the image is still to be compared with it
  std::string text;        ///< what is signed; empty unless valid
  SignatureKind kind = SignatureKind::unknown;  ///< whatever the verdict
  bool has_armor_headers = false;               ///< bytes that nothing signs
};

/// Whether a clear-signed text is that of a legacy signature.
bool is_legacy_text(std::string_view text) noexcept;
/// Whether a signature object is one, as far as it can be read.
bool is_legacy_signature(const sif::Image& image, const sif::Descriptor& object, const Limits& limits);

/// Never throws for what is wrong with the signature: that is its verdict.
SignedText check_signature(const sif::Image& image, const sif::Descriptor& object, const TrustedKeys::Impl& keys, const Limits& limits);

}  // namespace sifkit::trust

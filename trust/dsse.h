// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>

#include "pem.h"

namespace sifkit::trust {

inline constexpr std::string_view kDssePayloadType = "application/vnd.sylabs.sif-metadata+json";

/// A Dead Simple Signing Envelope.
struct DsseEnvelope {
  struct Signature {
    std::string key_id;  ///< a hint, may be empty
    Bytes value;
  };
  std::string payload_type;
  std::string payload;  ///< decoded
  std::vector<Signature> signatures;
};

/// Whether the data starts like a JSON object (leading white space aside), which a clear-signed message never does.
bool looks_like_envelope(std::string_view data) noexcept;

/// Strict: our payload type, these members and no others, none twice, standard base64, 1 to `max_signatures`
/// signatures, nothing after the envelope but white space.
DsseEnvelope parse_envelope(std::string_view data, std::size_t max_signatures);

/// The bytes that are signed.
Bytes pre_authentication_encoding(std::string_view payload_type, std::string_view payload);

/// An envelope with one signature a key, in the byte form of Singularity and Apptainer: compact, no final newline.
std::string write_envelope(std::string_view payload, std::span<const AsymmetricKey> keys);

}  // namespace sifkit::trust

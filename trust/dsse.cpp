// SPDX-License-Identifier: Apache-2.0
#include "dsse.h"

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit::trust {

namespace {

Bytes decoded(const JsonView& member) {
  auto bytes = base64_decode(member.text());
  if (!bytes) member.fail("standard base64 with padding");
  return std::move(*bytes);
}

}  // namespace

bool looks_like_envelope(std::string_view data) noexcept {
  const auto start = data.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && data[start] == '{';
}

DsseEnvelope parse_envelope(std::string_view data, std::size_t max_signatures) {
  const Json document = parse_json(data, "DSSE envelope");
  const JsonView root(document, "DSSE envelope");
  root.refuse_other_members({"payloadType", "payload", "signatures"});

  DsseEnvelope envelope;
  envelope.payload_type = root["payloadType"].text();
  if (envelope.payload_type != kDssePayloadType) {
    throw Error(ErrorKind::malformed, fmt::format("DSSE envelope: expected payload type '{}', got {}",
                                                  kDssePayloadType, in_quotes(envelope.payload_type)));
  }
  envelope.payload = as_text(decoded(root["payload"]));
  const auto signatures = root["signatures"];
  signatures.require_array();
  if (signatures.size() == 0) throw Error(ErrorKind::malformed, "DSSE envelope: there is no signature in it");
  if (signatures.size() > max_signatures) {
    throw Error(ErrorKind::limit, fmt::format("DSSE envelope: {} signatures are over the limit of {}",
                                              signatures.size(), max_signatures));
  }
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    const auto entry = signatures.at(i);
    entry.refuse_other_members({"keyid", "sig"});
    envelope.signatures.push_back({entry["keyid"].text_or({}), decoded(entry["sig"])});
  }
  return envelope;
}

Bytes pre_authentication_encoding(std::string_view payload_type, std::string_view payload) {
  const auto text =
      fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

std::string write_envelope(std::string_view payload, std::span<const AsymmetricKey> keys) {
  const auto message = pre_authentication_encoding(kDssePayloadType, payload);
  auto out = fmt::format(R"({{"payloadType":"{}","payload":"{}","signatures":[)", kDssePayloadType,
                         base64_encode(as_bytes(payload)));
  for (const auto& key : keys) {
    if (&key != keys.data()) out += ',';
    out += fmt::format(R"({{"keyid":"{}","sig":"{}"}})", key.key_id(), base64_encode(key.sign(message)));
  }
  return out + "]}";
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "clearsign.h"
#include "dsse.h"
#include "pgp.h"
#include "pgp_packet.h"
#include "pgp_signer.h"

#include "support/sign_fixture.h"

namespace sifkit::testing {

/// An image with one group, whose signature object a test writes by itself.
struct ForgedSignatureFixture : SignFixture {
  std::string unsigned_image;
  std::string payload;

  ForgedSignatureFixture() {
    unsigned_image = read_file(directory / "image.sif");
    sign(key("ed25519.pem"), {.groups = {1}});
    const sif::Image image = sif::Image::open(directory / "image.sif");
    payload = trust::parse_envelope(as_text(image.read_data(image.object(4), 1u << 20)), 1).payload;
  }

  trust::AsymmetricKey asymmetric(const std::string& name) const { return trust::read_private_pem(read_file(directory / (name + ".pem")), name, nullptr); }

  std::string envelope(const std::string& signed_payload) const {
    const trust::AsymmetricKey signer = asymmetric("ed25519");
    return trust::write_envelope(signed_payload, {&signer, 1});
  }

  /// The verdict of the only signature, whose bytes are `text`; `at` as in TrustedKeys.
  trust::SignatureReport verdict_of(const std::string& text, const std::vector<std::string>& keys, const sif::SignatureInfo& info = {sif::HashType::sha256, {}},
                             std::optional<std::int64_t> at = std::nullopt) const {
    write_file(directory / "image.sif", unsigned_image + text);
    const File file = File::open_read_write(directory / "image.sif");
    sif::Descriptor object;
    object.type = sif::DataType::signature;
    object.used = true;
    object.id = 4;
    object.raw_group = sif::kGroupMask;
    object.raw_link = 1 | sif::kGroupMask;
    object.offset = static_cast<std::int64_t>(unsigned_image.size());
    object.size = static_cast<std::int64_t>(text.size());
    object.extra = sif::encode_extra(info);
    file.write_at(sif::kDescriptorsOffset + 3 * sif::kDescriptorSize, object.encode());
    const auto report = verified(keys, {.groups = {1}}, at);
    REQUIRE(report.signatures.size() == 1);
    CHECK(report.failure.has_value() == (report.signatures[0].verdict != trust::Verdict::valid));
    CHECK((report.failure || !report.covered.empty()));
    return report.signatures[0];
  }

  trust::Verdict envelope_verdict(const std::string& text) const { return verdict_of(text, {"ed25519.pub"}).verdict; }
  trust::Verdict payload_verdict(const std::string& text) const { return envelope_verdict(envelope(text)); }

  /// Signs by librnp, which takes keys and hashes that ours refuses.
  std::string foreign_clear_sign(const std::string& name, const char* hash, sif::SignatureInfo& info) const {
    rnp_ffi_t ffi = nullptr;
    rnp_input_t keys = nullptr;
    rnp_input_t text = nullptr;
    rnp_output_t output = nullptr;
    rnp_op_sign_t op = nullptr;
    rnp_identifier_iterator_t iterator = nullptr;
    const char* fingerprint = nullptr;
    rnp_key_handle_t key = nullptr;
    REQUIRE(rnp_ffi_create(&ffi, "GPG", "GPG") == RNP_SUCCESS);
    REQUIRE(rnp_input_from_path(&keys, at(name + ".asc").c_str()) == RNP_SUCCESS);
    REQUIRE(rnp_load_keys(ffi, "GPG", keys, RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PUBLIC_KEYS) == RNP_SUCCESS);
    REQUIRE(rnp_identifier_iterator_create(ffi, &iterator, "fingerprint") == RNP_SUCCESS);
    REQUIRE(rnp_identifier_iterator_next(iterator, &fingerprint) == RNP_SUCCESS);
    REQUIRE(rnp_locate_key(ffi, "fingerprint", fingerprint, &key) == RNP_SUCCESS);
    REQUIRE(rnp_input_from_memory(&text, reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size(), false) == RNP_SUCCESS);
    REQUIRE(rnp_output_to_memory(&output, 0) == RNP_SUCCESS);
    REQUIRE(rnp_op_sign_cleartext_create(&op, ffi, text, output) == RNP_SUCCESS);
    REQUIRE(rnp_op_sign_set_hash(op, hash) == RNP_SUCCESS);
    REQUIRE(rnp_op_sign_add_signature(op, key, nullptr) == RNP_SUCCESS);
    REQUIRE(rnp_op_sign_execute(op) == RNP_SUCCESS);
    std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    REQUIRE(rnp_output_memory_get_buf(output, &bytes, &size, false) == RNP_SUCCESS);
    std::string out(reinterpret_cast<const char*>(bytes), size);
    const auto raw = from_hex(fingerprint);
    REQUIRE(raw);
    std::copy(raw->begin(), raw->end(), info.fingerprint.begin());
    rnp_op_sign_destroy(op);
    rnp_output_destroy(output);
    rnp_input_destroy(text);
    rnp_input_destroy(keys);
    rnp_key_handle_destroy(key);
    rnp_identifier_iterator_destroy(iterator);
    rnp_ffi_destroy(ffi);
    return out;
  }
};

/// A fixture with a clear-signed message by an OpenPGP key.
struct ForgedPgpFixture : ForgedSignatureFixture {
  sif::SignatureInfo info{sif::HashType::sha256, {}};
  std::string message;
  trust::PgpSecretKey secret;

  ForgedPgpFixture() {
    make_pgp("ada");
    secret = trust::PgpKeyring(as_bytes(read_file(directory / "ada.asc")), "ada").unlock({}, nullptr);
    std::copy(secret.fingerprint.begin(), secret.fingerprint.end(), info.fingerprint.begin());
    message = signed_at(payload, static_cast<std::uint32_t>(std::time(nullptr)));
  }

  std::string signed_at(const std::string& text, std::uint32_t created) const { return trust::clear_sign(text, secret.packet, secret.fingerprint, created); }
  trust::Verdict message_verdict(const std::string& text) const { return verdict_of(text, {"ada.pub"}, info).verdict; }

  /// The message with a byte of its signature packet replaced.
  std::string with_packet_byte(std::size_t at, unsigned value) const {
    trust::ClearSigned parts = trust::parse_clear_signed(message);
    parts.packets.at(at) = static_cast<std::byte>(value);
    return trust::write_clear_signed(parts.text, "SHA256", parts.packets);
  }
};

}  // namespace sifkit::testing

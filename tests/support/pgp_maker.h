// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include <sifkit/core/digest.h>

#include "clearsign.h"
#include "ossl.h"
#include "pgp_crypto.h"
#include "pgp_key_packet.h"
#include "pgp_key_signature.h"
#include "pgp_signer.h"

#include "support/catch.h"

namespace sifkit::testing {

inline Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Bytes big_endian(std::uint32_t value, std::size_t width) {
  Bytes out;
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
  return out;
}

inline Bytes bytes_of(std::string_view text) { return {as_bytes(text).begin(), as_bytes(text).end()}; }

/// A packet of the new format.
inline Bytes pgp_packet(unsigned tag, const Bytes& body) {
  return joined(
      {big_endian(0xc0 | tag, 1), big_endian(0xff, 1), big_endian(static_cast<std::uint32_t>(body.size()), 4), body});
}

/// What a signature over a key says.
struct KeySignatureForm {
  std::uint32_t created = 0;
  std::uint32_t lifetime = 0;
  std::uint32_t key_lifetime = 0;
  std::optional<unsigned> flags;
  trust::PgpHash hash = trust::PgpHash::sha256;
  bool primary = false;
  std::string revoker;             ///< fingerprint
  std::optional<unsigned> reason;  ///< of a revocation
  unsigned critical = 0;           ///< type of a critical subpacket
  Bytes back;                      ///< body of the signature by the subkey
};

/// An Ed25519 key whose packets and signatures a test writes by itself.
class PgpMaker {
 public:
  explicit PgpMaker(std::uint32_t created) : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
    REQUIRE(key_);
    packet_.algorithm = 22;
    packet_.created = created;
    packet_.curve_oid = bytes_of("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01");
    packet_.secret.resize(32);
    packet_.point.resize(33);
    packet_.point[0] = std::byte{0x40};
    std::size_t size = 32;
    REQUIRE(EVP_PKEY_get_raw_private_key(key_.get(), reinterpret_cast<unsigned char*>(packet_.secret.data()), &size) ==
            1);
    REQUIRE(EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(packet_.point.data()) + 1,
                                        &size) == 1);
    public_part_ = joined({big_endian(4, 1), big_endian(created, 4), big_endian(22, 1), big_endian(9, 1),
                           packet_.curve_oid, trust::pgp_mpi(packet_.point)});
    fingerprint_ = trust::key_fingerprint(public_part_);
  }

  const Bytes& raw_fingerprint() const { return fingerprint_; }
  std::string fingerprint() const { return to_upper_hex(fingerprint_); }
  std::uint32_t created() const { return packet_.created; }

  Bytes public_packet(unsigned tag = trust::kPublicKeyTag) const { return pgp_packet(tag, public_part_); }

  Bytes secret_packet(unsigned tag) const {
    const auto secret = trust::pgp_mpi(packet_.secret);
    std::uint32_t sum = 0;
    for (const auto b : secret) sum += std::to_integer<std::uint32_t>(b);
    return pgp_packet(tag, joined({public_part_, big_endian(0, 1), secret, big_endian(sum & 0xffff, 2)}));
  }

  /// As GnuPG writes a secret key whose secret is elsewhere.
  Bytes stub_packet() const {
    return pgp_packet(trust::kSecretKeyTag, joined({public_part_, bytes_of(std::string("\xff\0\x65\0GNU\1", 8))}));
  }

  Bytes hashed() const {
    return joined({big_endian(0x99, 1), big_endian(static_cast<std::uint32_t>(public_part_.size()), 2), public_part_});
  }

  /// The body of a signature packet.
  Bytes signature_body(unsigned type, const Bytes& covered, const KeySignatureForm& form) const {
    Bytes area =
        joined({subpacket(2, big_endian(form.created, 4)), subpacket(33, joined({big_endian(4, 1), fingerprint_}))});
    const auto add = [&area](const Bytes& more) { area.insert(area.end(), more.begin(), more.end()); };
    if (form.lifetime != 0) add(subpacket(3, big_endian(form.lifetime, 4)));
    if (form.key_lifetime != 0) add(subpacket(9, big_endian(form.key_lifetime, 4)));
    if (form.flags) add(subpacket(27, big_endian(*form.flags, 1)));
    if (form.primary) add(subpacket(25, big_endian(1, 1)));
    if (!form.revoker.empty())
      add(subpacket(12, joined({big_endian(0x80, 1), big_endian(22, 1), from_hex(form.revoker).value()})));
    if (form.reason) add(subpacket(29, joined({big_endian(*form.reason, 1), bytes_of("in a letter")})));
    if (form.critical != 0) add(subpacket(0x80 | form.critical, big_endian(0, 1)));
    const Bytes hashed = joined({big_endian(4, 1), big_endian(type, 1), big_endian(22, 1),
                                 big_endian(static_cast<std::uint32_t>(form.hash), 1),
                                 big_endian(static_cast<std::uint32_t>(area.size()), 2), area});
    const EVP_MD* function =
        form.hash == trust::PgpHash::md5 ? EVP_md5() : trust::pgp_hash_function(static_cast<std::uint8_t>(form.hash));
    const Bytes digest = trust::pgp_digest(function, {covered, hashed, trust::pgp_trailer(hashed.size())});
    const trust::OsslDigestContext context(EVP_MD_CTX_new());
    Bytes pair(64);
    std::size_t size = pair.size();
    REQUIRE(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(pair.data()), &size,
                           reinterpret_cast<const unsigned char*>(digest.data()), digest.size()) == 1);
    const Bytes unhashed = form.back.empty() ? Bytes() : subpacket(32, form.back);
    return joined({hashed,
                   big_endian(static_cast<std::uint32_t>(unhashed.size()), 2),
                   unhashed,
                   {digest[0], digest[1]},
                   trust::pgp_mpi(ByteView(pair).first(32)),
                   trust::pgp_mpi(ByteView(pair).last(32))});
  }

  Bytes signature(unsigned type, const Bytes& covered, const KeySignatureForm& form) const {
    return pgp_packet(trust::kSignatureTag, signature_body(type, covered, form));
  }

  static Bytes hashed_user_id(const std::string& text) {
    return joined({big_endian(0xb4, 1), big_endian(static_cast<std::uint32_t>(text.size()), 4), bytes_of(text)});
  }

  /// A user id of `target` and what this key signs onto it; without `target` of this key itself.
  Bytes certification(const std::string& user, const KeySignatureForm& form, const PgpMaker* target = nullptr,
                      unsigned type = trust::kPositiveCertification) const {
    return signature(type, joined({(target == nullptr ? *this : *target).hashed(), hashed_user_id(user)}), form);
  }
  static Bytes user_id(const std::string& text) { return pgp_packet(trust::kUserIdTag, bytes_of(text)); }

  /// The signature that binds a subkey for signing, which signs back.
  Bytes binding(const PgpMaker& subkey, KeySignatureForm form) const {
    const Bytes covered = joined({hashed(), subkey.hashed()});
    form.flags = trust::kMaySign;
    form.back = subkey.signature_body(trust::kPrimaryBinding, covered, {.created = form.created});
    return signature(trust::kSubkeyBinding, covered, form);
  }

  trust::ClearSigned signs(const std::string& text, std::uint32_t created) const {
    return trust::parse_clear_signed(trust::clear_sign(text, packet_, fingerprint_, created));
  }

 private:
  static Bytes subpacket(unsigned type, const Bytes& value) {
    const auto size = static_cast<std::uint32_t>(value.size() + 1);
    return joined({size < 192 ? big_endian(size, 1) : joined({big_endian(0xff, 1), big_endian(size, 4)}),
                   big_endian(type, 1), value});
  }

  trust::OsslKey key_;
  trust::PgpKeyPacket packet_;
  Bytes public_part_;
  Bytes fingerprint_;
};

}  // namespace sifkit::testing

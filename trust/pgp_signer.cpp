// SPDX-License-Identifier: Apache-2.0
#include "pgp_signer.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "clearsign.h"
#include "ossl.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kSigning = "sign with an OpenPGP key";
constexpr int kLeastRsaBits = 2048;
constexpr std::size_t kEd25519Bytes = 32;

struct Curve {
  Bytes oid;
  const char* openssl;
  PgpHash hash;
};

Bytes bytes(std::initializer_list<unsigned> values) {
  Bytes out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

const Curve* curve_of(const Bytes& oid) {
  static const std::array<Curve, 3> curves{{{bytes({0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}), "prime256v1", PgpHash::sha256},
                                            {bytes({0x2b, 0x81, 0x04, 0x00, 0x22}), "secp384r1", PgpHash::sha384},
                                            {bytes({0x2b, 0x81, 0x04, 0x00, 0x23}), "secp521r1", PgpHash::sha512}}};
  const auto* const found = std::find_if(curves.begin(), curves.end(), [&](const Curve& curve) { return curve.oid == oid; });
  return found == curves.end() ? nullptr : found;
}

bool is_ed25519(const Bytes& oid) {
  static const Bytes known = bytes({0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01});
  return oid == known;
}

[[noreturn]] void unusable(std::string_view why) { throw Error(ErrorKind::unsupported, fmt::format("OpenPGP key: {}", why)); }

OsslNumber number(ByteView big_endian) {
  OsslNumber out(BN_bin2bn(octets(big_endian), int_size(big_endian.size()), nullptr));
  check_crypto(out != nullptr, kSigning);
  return out;
}

OsslKey key_of(const char* type, OSSL_PARAM_BLD* builder) {
  const OsslParams params(OSSL_PARAM_BLD_to_param(builder));
  const OsslKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 || EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1) {
    unusable(crypto_reason());
  }
  return OsslKey(key);
}

OsslKey rsa_key(const PgpKeyPacket& packet) {
  const auto n = number(packet.modulus);
  const auto e = number(packet.exponent);
  const auto d = number(packet.secret);
  if (BN_num_bits(n.get()) < kLeastRsaBits) unusable(fmt::format("RSA of {} bits is too weak (expected {} or more)", BN_num_bits(n.get()), kLeastRsaBits));
  const OsslParamBuilder builder(OSSL_PARAM_BLD_new());
  check_crypto(builder != nullptr && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                   OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1 &&
                   OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get()) == 1,
               kSigning);
  return key_of("RSA", builder.get());
}

OsslKey ecdsa_key(const PgpKeyPacket& packet, const Curve& curve) {
  const auto secret = number(packet.secret);
  const OsslParamBuilder builder(OSSL_PARAM_BLD_new());
  check_crypto(builder != nullptr && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.openssl, 0) == 1 &&
                   OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, packet.point.data(), packet.point.size()) == 1 &&
                   OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get()) == 1,
               kSigning);
  return key_of("EC", builder.get());
}

OsslKey ed25519_key(const PgpKeyPacket& packet) {
  if (packet.secret.size() > kEd25519Bytes) unusable("an Ed25519 secret of more than 32 bytes");
  Bytes seed(kEd25519Bytes - packet.secret.size());
  seed.insert(seed.end(), packet.secret.begin(), packet.secret.end());
  const Wiper wiper(seed);
  OsslKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(seed), seed.size()));
  if (!key) unusable(crypto_reason());
  return key;
}

Bytes digest_of(PgpHash hash, ByteView message) {
  const EVP_MD* md = hash == PgpHash::sha512 ? EVP_sha512() : hash == PgpHash::sha384 ? EVP_sha384() : EVP_sha256();
  Bytes digest(static_cast<std::size_t>(EVP_MD_get_size(md)));
  check_crypto(EVP_Digest(message.data(), message.size(), octets(digest), nullptr, md, nullptr) == 1, kSigning);
  return digest;
}

void append(Bytes& out, ByteView more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes sign_digest(EVP_PKEY* key, ByteView digest, const EVP_MD* pkcs1_hash) {
  const OsslKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  check_crypto(context != nullptr && EVP_PKEY_sign_init(context.get()) == 1, kSigning);
  if (pkcs1_hash != nullptr) {
    check_crypto(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 && EVP_PKEY_CTX_set_signature_md(context.get(), pkcs1_hash) == 1, kSigning);
  }
  std::size_t size = 0;
  check_crypto(EVP_PKEY_sign(context.get(), nullptr, &size, octets(digest), digest.size()) == 1, kSigning);
  Bytes out(size);
  if (EVP_PKEY_sign(context.get(), octets(out), &size, octets(digest), digest.size()) != 1) unusable(crypto_reason());
  out.resize(size);
  return out;
}

Bytes rsa_numbers(EVP_PKEY* key, ByteView digest) { return pgp_mpi(sign_digest(key, digest, EVP_sha256())); }

Bytes ecdsa_numbers(EVP_PKEY* key, ByteView digest) {
  const Bytes der = sign_digest(key, digest, nullptr);
  const unsigned char* at = octets(der);
  const OsslEcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  check_crypto(signature != nullptr, kSigning);
  Bytes out;
  for (const BIGNUM* part : {ECDSA_SIG_get0_r(signature.get()), ECDSA_SIG_get0_s(signature.get())}) {
    Bytes raw(static_cast<std::size_t>(BN_num_bytes(part)));
    BN_bn2bin(part, octets(raw));
    append(out, pgp_mpi(raw));
  }
  return out;
}

/// OpenPGP signs the hash with Ed25519, not the message.
Bytes eddsa_numbers(EVP_PKEY* key, ByteView digest) {
  const OsslDigestContext context(EVP_MD_CTX_new());
  Bytes pair(2 * kEd25519Bytes);
  std::size_t size = pair.size();
  check_crypto(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
                   EVP_DigestSign(context.get(), octets(pair), &size, octets(digest), digest.size()) == 1,
               kSigning);
  Bytes out = pgp_mpi(ByteView(pair).first(kEd25519Bytes));
  append(out, pgp_mpi(ByteView(pair).last(kEd25519Bytes)));
  return out;
}

}  // namespace

std::string clear_sign(std::string_view text, const PgpKeyPacket& key, ByteView fingerprint, std::uint32_t created, bool salted) {
  prepare_crypto();
  PgpSignatureTemplate form;
  form.algorithm = static_cast<PgpAlgorithm>(key.algorithm);
  form.created = created;
  form.fingerprint.assign(fingerprint.begin(), fingerprint.end());
  OsslKey secret;
  Bytes (*numbers)(EVP_PKEY*, ByteView) = nullptr;
  if (form.algorithm == PgpAlgorithm::rsa) {
    secret = rsa_key(key);
    numbers = rsa_numbers;
  } else if (const Curve* curve = curve_of(key.curve_oid); form.algorithm == PgpAlgorithm::ecdsa && curve != nullptr) {
    secret = ecdsa_key(key, *curve);
    form.hash = curve->hash;
    numbers = ecdsa_numbers;
  } else if (form.algorithm == PgpAlgorithm::eddsa && is_ed25519(key.curve_oid)) {
    secret = ed25519_key(key);
    numbers = eddsa_numbers;
  } else {
    unusable("this curve does not sign images (P-256, P-384, P-521 and Ed25519 do)");
  }
  if (salted) {
    form.salt.emplace(salt_bytes(form.hash));
    check_crypto(RAND_bytes(octets(*form.salt), int_size(form.salt->size())) == 1, kSigning);
  }
  const Bytes digest = digest_of(form.hash, form.to_be_signed(canonical_text(text)));
  return write_clear_signed(text, pgp_hash_name(static_cast<std::uint8_t>(form.hash)), form.packet(digest, numbers(secret.get(), digest)));
}

}  // namespace sifkit::trust

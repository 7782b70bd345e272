// SPDX-License-Identifier: Apache-2.0
#include "pgp_signer.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "clearsign.h"
#include "ossl.h"
#include "pgp_crypto.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kSigning = "sign with an OpenPGP key";

Bytes sign_digest(EVP_PKEY* key, ByteView digest, const EVP_MD* pkcs1_hash) {
  const OsslKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  check_crypto(context != nullptr && EVP_PKEY_sign_init(context.get()) == 1, kSigning);
  if (pkcs1_hash != nullptr) {
    check_crypto(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 && EVP_PKEY_CTX_set_signature_md(context.get(), pkcs1_hash) == 1, kSigning);
  }
  std::size_t size = 0;
  check_crypto(EVP_PKEY_sign(context.get(), nullptr, &size, octets(digest), digest.size()) == 1, kSigning);
  Bytes out(size);
  if (EVP_PKEY_sign(context.get(), octets(out), &size, octets(digest), digest.size()) != 1) refuse_pgp_key(crypto_reason());
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
  PgpSignatureTemplate form;
  form.algorithm = static_cast<PgpAlgorithm>(key.algorithm);
  form.created = created;
  form.fingerprint.assign(fingerprint.begin(), fingerprint.end());
  const OsslKey secret = openssl_key(key);
  Bytes (*numbers)(EVP_PKEY*, ByteView) = nullptr;
  if (form.algorithm == PgpAlgorithm::rsa) {
    if (key.bits() < kMinRsaBits) refuse_pgp_key(fmt::format("RSA of {} bits is too weak (expected {} or more)", key.bits(), kMinRsaBits));
    numbers = rsa_numbers;
  } else {
    form.hash = pgp_curve(key.curve_oid)->hash;  // known, for OpenSSL has taken it
    numbers = form.algorithm == PgpAlgorithm::ecdsa ? ecdsa_numbers : eddsa_numbers;
  }
  if (salted) {
    form.salt.emplace(salt_bytes(form.hash));
    check_crypto(RAND_bytes(octets(*form.salt), int_size(form.salt->size())) == 1, kSigning);
  }
  const Bytes digest = pgp_digest(pgp_hash_function(static_cast<std::uint8_t>(form.hash)), {form.to_be_signed(canonical_text(text))});
  return write_clear_signed(text, pgp_hash_name(static_cast<std::uint8_t>(form.hash)), form.packet(digest, numbers(secret.get(), digest)));
}

}  // namespace sifkit::trust

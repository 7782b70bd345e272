// SPDX-License-Identifier: Apache-2.0
#include "pgp_crypto.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::trust {

namespace {

constexpr std::string_view kUsing = "use an OpenPGP key";
constexpr std::byte kEd25519Point{0x40};  ///< in front of its public number

OsslNumber number(ByteView big_endian) {
  OsslNumber out(BN_bin2bn(octets(big_endian), int_size(big_endian.size()), nullptr));
  check_crypto(out != nullptr, kUsing);
  return out;
}

OsslKey built(const char* type, OSSL_PARAM_BLD* builder, bool secret) {
  const OsslParams params(OSSL_PARAM_BLD_to_param(builder));
  const OsslKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  const int part = secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, part, params.get()) != 1) {
    refuse_pgp_key(crypto_reason());
  }
  return OsslKey(key);
}

/// Keeps the numbers that a builder only points to.
class Parameters {
 public:
  Parameters() : builder_(OSSL_PARAM_BLD_new()) { check_crypto(builder_ != nullptr, kUsing); }

  void add(const char* name, ByteView big_endian) {
    numbers_.push_back(number(big_endian));
    check_crypto(OSSL_PARAM_BLD_push_BN(builder_.get(), name, numbers_.back().get()) == 1, kUsing);
  }
  OSSL_PARAM_BLD* get() const noexcept { return builder_.get(); }

 private:
  std::vector<OsslNumber> numbers_;
  OsslParamBuilder builder_;
};

OsslKey rsa_key(const PgpKeyPacket& packet) {
  const auto is_odd = [](ByteView value) {
    return !value.empty() && (std::to_integer<unsigned>(value.back()) & 1) != 0;
  };
  if (!is_odd(packet.modulus) || !is_odd(packet.exponent) || BN_is_one(number(packet.exponent).get()) == 1) {
    refuse_pgp_key("RSA with an even modulus or an exponent that makes it worthless");
  }
  Parameters parameters;
  parameters.add(OSSL_PKEY_PARAM_RSA_N, packet.modulus);
  parameters.add(OSSL_PKEY_PARAM_RSA_E, packet.exponent);
  if (!packet.secret.empty()) parameters.add(OSSL_PKEY_PARAM_RSA_D, packet.secret);
  return built("RSA", parameters.get(), !packet.secret.empty());
}

OsslKey dsa_key(const PgpKeyPacket& packet) {
  Parameters parameters;
  parameters.add(OSSL_PKEY_PARAM_FFC_P, packet.modulus);
  parameters.add(OSSL_PKEY_PARAM_FFC_Q, packet.order);
  parameters.add(OSSL_PKEY_PARAM_FFC_G, packet.generator);
  parameters.add(OSSL_PKEY_PARAM_PUB_KEY, packet.exponent);
  return built("DSA", parameters.get(), false);
}

OsslKey ecdsa_key(const PgpKeyPacket& packet) {
  const PgpCurve* const curve = pgp_curve(packet.curve_oid);
  if (curve == nullptr || curve->openssl == nullptr) refuse_pgp_key("ECDSA on a curve that is not known here");
  Parameters parameters;
  check_crypto(OSSL_PARAM_BLD_push_utf8_string(parameters.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl, 0) == 1 &&
                   OSSL_PARAM_BLD_push_octet_string(parameters.get(), OSSL_PKEY_PARAM_PUB_KEY, packet.point.data(),
                                                    packet.point.size()) == 1,
               kUsing);
  if (!packet.secret.empty()) parameters.add(OSSL_PKEY_PARAM_PRIV_KEY, packet.secret);
  return built("EC", parameters.get(), !packet.secret.empty());
}

/// A number as wide as `width`; nothing for a longer one.
std::optional<Bytes> padded(ByteView value, std::size_t width) {
  if (value.size() > width) return std::nullopt;
  Bytes out(width - value.size());
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

OsslKey ed25519_key(const PgpKeyPacket& packet) {
  const PgpCurve* const curve = pgp_curve(packet.curve_oid);
  if (curve == nullptr || curve->name != "Ed25519") refuse_pgp_key("EdDSA on a curve that is not known here");
  OsslKey key;
  if (packet.secret.empty()) {
    const ByteView point = packet.point;
    if (point.size() != kEd25519Bytes + 1 || point[0] != kEd25519Point)
      refuse_pgp_key("an Ed25519 public number that is not 32 bytes");
    key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets(point) + 1, kEd25519Bytes));
  } else {
    auto seed = padded(packet.secret, kEd25519Bytes);
    if (!seed) refuse_pgp_key("an Ed25519 secret of more than 32 bytes");
    const Wiper wiper(*seed);
    key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(*seed), seed->size()));
  }
  if (!key) refuse_pgp_key(crypto_reason());
  return key;
}

/// r and s as OpenSSL wants them.
Bytes der_of(std::span<const Bytes> pair) {
  const OsslEcdsaSignature signature(ECDSA_SIG_new());
  auto r = number(pair[0]);
  auto s = number(pair[1]);
  check_crypto(signature != nullptr && ECDSA_SIG_set0(signature.get(), r.get(), s.get()) == 1, kUsing);
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  check_crypto(size > 0, kUsing);
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = octets(der);
  i2d_ECDSA_SIG(signature.get(), &at);
  return der;
}

bool eddsa_verifies(EVP_PKEY* key, ByteView digest, std::span<const Bytes> numbers) {
  auto signature = padded(numbers[0], kEd25519Bytes);
  const auto s = padded(numbers[1], kEd25519Bytes);
  if (!signature || !s) return false;
  signature->insert(signature->end(), s->begin(), s->end());
  const OsslDigestContext context(EVP_MD_CTX_new());
  check_crypto(context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1, kUsing);
  return EVP_DigestVerify(context.get(), octets(*signature), signature->size(), octets(digest), digest.size()) == 1;
}

bool digest_verifies(EVP_PKEY* key, const EVP_MD* rsa_hash, ByteView digest, ByteView signature) {
  const OsslKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  check_crypto(context != nullptr && EVP_PKEY_verify_init(context.get()) == 1, kUsing);
  if (rsa_hash != nullptr && (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
                              EVP_PKEY_CTX_set_signature_md(context.get(), rsa_hash) != 1))
    return false;
  return EVP_PKEY_verify(context.get(), octets(signature), signature.size(), octets(digest), digest.size()) == 1;
}

bool verdict(const PgpKeyPacket& key, const EVP_MD* function, ByteView digest, std::span<const Bytes> numbers) {
  const OsslKey known = openssl_key(key);
  switch (static_cast<PgpAlgorithm>(key.algorithm)) {
    case PgpAlgorithm::rsa:
    case PgpAlgorithm::rsa_sign: {
      if (numbers.size() != 1) return false;
      const auto signature = padded(numbers[0], static_cast<std::size_t>(EVP_PKEY_get_size(known.get())));
      return signature && digest_verifies(known.get(), function, digest, *signature);
    }
    case PgpAlgorithm::dsa:
    case PgpAlgorithm::ecdsa:
      return numbers.size() == 2 && digest_verifies(known.get(), nullptr, digest, der_of(numbers));
    default:
      return numbers.size() == 2 && eddsa_verifies(known.get(), digest, numbers);
  }
}

}  // namespace

void refuse_pgp_key(std::string_view why) { throw Error(ErrorKind::unsupported, fmt::format("OpenPGP key: {}", why)); }

Bytes key_fingerprint(ByteView public_part) {
  const std::byte start[] = {std::byte{0x99}, static_cast<std::byte>(public_part.size() >> 8 & 0xff),
                             static_cast<std::byte>(public_part.size() & 0xff)};
  return pgp_digest(pgp_hash_function(static_cast<std::uint8_t>(PgpHash::sha1)), {start, public_part});
}

const EVP_MD* pgp_hash_function(std::uint8_t hash) noexcept {
  switch (static_cast<PgpHash>(hash)) {
    case PgpHash::sha1:
      return EVP_sha1();
    case PgpHash::sha224:
      return EVP_sha224();
    case PgpHash::sha256:
      return EVP_sha256();
    case PgpHash::sha384:
      return EVP_sha384();
    case PgpHash::sha512:
      return EVP_sha512();
    case PgpHash::sha3_256:
      return EVP_sha3_256();
    case PgpHash::sha3_512:
      return EVP_sha3_512();
    case PgpHash::md5:
    case PgpHash::ripemd160:
      break;
  }
  return nullptr;
}

Bytes pgp_digest(const EVP_MD* function, std::initializer_list<ByteView> parts) {
  prepare_crypto();
  const OsslDigestContext context(EVP_MD_CTX_new());
  check_crypto(context != nullptr && EVP_DigestInit_ex(context.get(), function, nullptr) == 1, "compute a digest");
  for (const auto part : parts)
    check_crypto(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1, "compute a digest");
  Bytes digest(static_cast<std::size_t>(EVP_MD_get_size(function)));
  check_crypto(EVP_DigestFinal_ex(context.get(), octets(digest), nullptr) == 1, "compute a digest");
  return digest;
}

OsslKey openssl_key(const PgpKeyPacket& packet) {
  prepare_crypto();
  switch (static_cast<PgpAlgorithm>(packet.algorithm)) {
    case PgpAlgorithm::rsa:
    case PgpAlgorithm::rsa_sign:
      return rsa_key(packet);
    case PgpAlgorithm::dsa:
      return dsa_key(packet);
    case PgpAlgorithm::ecdsa:
      return ecdsa_key(packet);
    case PgpAlgorithm::eddsa:
      return ed25519_key(packet);
    default:
      refuse_pgp_key(fmt::format("{} does not sign", packet.algorithm_name()));
  }
}

bool verifies(const PgpKeyPacket& key, std::uint8_t hash, ByteView digest, std::span<const Bytes> numbers) {
  const EVP_MD* const function = pgp_hash_function(hash);
  if (function == nullptr) return false;
  try {
    const bool valid = verdict(key, function, digest, numbers);
    if (!valid) crypto_reason();  // a lack of memory is no verdict
    ERR_clear_error();
    return valid;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported) throw;
    return false;
  }
}

}  // namespace sifkit::trust

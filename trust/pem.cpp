// SPDX-License-Identifier: Apache-2.0
#include "pem.h"

#include <openssl/pem.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "key_format.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kReadingKey = "read a key";
constexpr std::string_view kVerifying = "verify a signature";
constexpr int kMaxRsaBits = 8192;
constexpr std::size_t kMaxPassphrase = 1024;

[[noreturn]] void fail(std::string_view what, std::string_view why, Hint hint = {}) {
  throw Error(ErrorKind::malformed, fmt::format("{}: {}", what, why), std::move(hint));
}

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";
constexpr std::size_t kMaxLabel = 64;

/// Where the next line starts, blanks aside, with the word that begins a block.
std::size_t next_begin(std::string_view text) {
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const auto before = text.substr(0, at).find_last_not_of(" \t\r");
    if (before == std::string_view::npos || text[before] == '\n') return at;
  }
  return std::string_view::npos;
}

/// The one block in `text`; one with the label `passed_over` is none.
PemBlock only_block(std::string_view text, std::string_view what, std::string_view passed_over = {}) {
  refuse_other_key_formats(as_bytes(text), what);
  return in_context([&] { return std::string(what); }, [&] {
    std::optional<PemBlock> found;
    while (const auto block = take_pem_block(text)) {
      if (!passed_over.empty() && block->label == passed_over) continue;
      if (found) throw Error(ErrorKind::malformed, "expected one PEM block, but there are more");
      found = block;
    }
    if (!found) throw Error(ErrorKind::malformed, "expected a PEM block ('-----BEGIN …' at the start of a line)");
    return *found;
  });
}

OsslBio bio_over(std::string_view text) {
  prepare_crypto();
  OsslBio bio(BIO_new_mem_buf(text.data(), int_size(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

struct PemPassphrase {
  const PassphraseSource* source;
  std::string_view what;
  std::exception_ptr failure;
  bool asked = false;
};

/// Called by OpenSSL: an exception must not cross its frames, so it is kept for later.
int give_passphrase(char* buffer, int size, int, void* user) noexcept {
  auto& request = *static_cast<PemPassphrase*>(user);
  try {
    request.asked = true;
    auto passphrase = (*request.source)(request.what);
    const Wiper wiper(passphrase);
    if (passphrase.size() > std::min<std::size_t>(kMaxPassphrase, static_cast<std::size_t>(std::max(size, 0)))) {
      throw Error(ErrorKind::limit, fmt::format("passphrase of {} bytes is over the limit of {}", passphrase.size(),
                                                kMaxPassphrase));
    }
    std::memcpy(buffer, passphrase.data(), passphrase.size());
    return static_cast<int>(passphrase.size());
  } catch (...) {
    request.failure = std::current_exception();
    return -1;
  }
}

/// SSH wire form: strings with a 32-bit length in front.
void put_string(Bytes& out, ByteView bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(bytes.size() >> shift & 0xff));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

OsslNumber number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  check_crypto(EVP_PKEY_get_bn_param(key, name, &number) == 1, kReadingKey);
  return OsslNumber(number);
}

/// A positive SSH mpint: a zero in front where the top bit is set.
Bytes ssh_number(const BIGNUM* number) {
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, octets(bytes));
  if (!bytes.empty() && (std::to_integer<unsigned>(bytes[0]) & 0x80) != 0) bytes.insert(bytes.begin(), std::byte{0});
  return bytes;
}

struct Curve {
  const char* openssl;
  std::string_view name;
  std::string_view ssh;
};

constexpr Curve kPemCurves[] = {
    {"prime256v1", "P-256", "nistp256"}, {"secp384r1", "P-384", "nistp384"}, {"secp521r1", "P-521", "nistp521"}};

/// Names the algorithm and makes the SSH wire form; refuses what is too weak, too large or unknown.
std::string describe(EVP_PKEY* key, Bytes& wire) {
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      throw Error(ErrorKind::unsupported,
                  fmt::format("RSA key of {} bits (expected {} to {})", bits, kMinRsaBits, kMaxRsaBits));
    }
    const auto n = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    const auto e = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    if (BN_is_odd(n.get()) == 0 || BN_is_odd(e.get()) == 0 || BN_is_one(e.get()) == 1 || BN_num_bits(e.get()) > 64) {
      throw Error(ErrorKind::malformed, "RSA key with an even modulus or an exponent that makes it worthless");
    }
    put_string(wire, as_bytes("ssh-rsa"));
    put_string(wire, ssh_number(e.get()));
    put_string(wire, ssh_number(n.get()));
    return fmt::format("RSA {}", bits);
  }
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    Bytes raw(32);
    std::size_t size = raw.size();
    check_crypto(EVP_PKEY_get_raw_public_key(key, octets(raw), &size) == 1 && size == raw.size(), kReadingKey);
    put_string(wire, as_bytes("ssh-ed25519"));
    put_string(wire, raw);
    return "ED25519";
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    char group[64] = {};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &length) != 1) {
      throw Error(ErrorKind::unsupported, "EC key without a named curve");
    }
    for (const auto& curve : kPemCurves) {
      if (std::string_view(group) != curve.openssl) continue;
      const auto x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X);
      const auto y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y);
      const int width = (EVP_PKEY_get_bits(key) + 7) / 8;
      Bytes point(1 + 2 * static_cast<std::size_t>(width));
      point[0] = std::byte{4};
      check_crypto(BN_bn2binpad(x.get(), octets(point) + 1, width) == width && BN_bn2binpad(y.get(), octets(point) + 1 + width, width) == width, kReadingKey);
      put_string(wire, as_bytes(fmt::format("ecdsa-sha2-{}", curve.ssh)));
      put_string(wire, as_bytes(curve.ssh));
      put_string(wire, point);
      return fmt::format("ECDSA {}", curve.name);
    }
    throw Error(ErrorKind::unsupported,
                fmt::format("EC key on curve {} (expected P-256, P-384 or P-521)", in_quotes(group)));
  }
  const char* name = EVP_PKEY_get0_type_name(key);
  throw Error(ErrorKind::unsupported, fmt::format("key of type {} (expected RSA, ECDSA or Ed25519)",
                                                  in_quotes(name == nullptr ? "unknown" : name)));
}

const EVP_MD* message_digest(EVP_PKEY* key) { return EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256(); }

/// r and s of equal width as DER, or nothing.
Bytes der_of_pair(ByteView pair) {
  const auto half = pair.size() / 2;
  OsslEcdsaSignature signature(ECDSA_SIG_new());
  BIGNUM* r = BN_bin2bn(octets(pair), int_size(half), nullptr);
  BIGNUM* s = BN_bin2bn(octets(pair.subspan(half)), int_size(half), nullptr);
  check_crypto(signature != nullptr && r != nullptr && s != nullptr && ECDSA_SIG_set0(signature.get(), r, s) == 1, kVerifying);
  const int size = i2d_ECDSA_SIG(signature.get(), nullptr);
  check_crypto(size > 0, kVerifying);
  Bytes der(static_cast<std::size_t>(size));
  unsigned char* at = octets(der);
  i2d_ECDSA_SIG(signature.get(), &at);
  return der;
}

bool verify_once(EVP_PKEY* key, ByteView message, ByteView signature) {
  OsslDigestContext context(EVP_MD_CTX_new());
  check_crypto(context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, message_digest(key), nullptr, key) == 1, kVerifying);
  const int result =
      EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message), message.size());
  if (result != 1) crypto_reason();  // a lack of memory is no verdict
  ERR_clear_error();
  return result == 1;
}

}  // namespace

KeySize size_of(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return {KeyFamily::elliptic, kEd25519Bits};
  static constexpr std::pair<const char*, KeyFamily> kFamilies[] = {
      {"RSA", KeyFamily::rsa}, {"RSA-PSS", KeyFamily::rsa}, {"DSA", KeyFamily::dsa}, {"EC", KeyFamily::elliptic}, {"ED448", KeyFamily::elliptic}};
  for (const auto& [name, family] : kFamilies) {
    if (EVP_PKEY_is_a(key, name) == 1) return {family, static_cast<unsigned>(EVP_PKEY_get_bits(key))};
  }
  return {};
}

AsymmetricKey::AsymmetricKey(OsslKey key) : key_(std::move(key)) {
  Bytes wire;
  algorithm_ = describe(key_.get(), wire);
  size_ = size_of(get());
  Hasher hasher;
  hasher.update(wire);
  auto text = base64_encode(hasher.finish_raw());
  text.erase(text.find_last_not_of('=') + 1);
  key_id_ = std::string(kKeyIdStart) + text;
}

Bytes AsymmetricKey::sign(ByteView message) const {
  OsslDigestContext context(EVP_MD_CTX_new());
  const std::string what = fmt::format("sign with a {} key", algorithm_);
  check_crypto(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, message_digest(get()), nullptr, get()) == 1, what);
  std::size_t size = 0;
  check_crypto(EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) == 1, what);
  Bytes signature(size);
  check_crypto(EVP_DigestSign(context.get(), octets(signature), &size, octets(message), message.size()) == 1, what);
  signature.resize(size);
  return signature;
}

bool AsymmetricKey::verify(ByteView message, ByteView signature) const {
  if (verify_once(get(), message, signature)) return true;
  const auto width = static_cast<std::size_t>(EVP_PKEY_get_bits(get()) + 7) / 8;
  return EVP_PKEY_is_a(get(), "EC") == 1 && signature.size() == 2 * width &&
         verify_once(get(), message, der_of_pair(signature));
}

std::optional<PemBlock> take_pem_block(std::string_view& text) {
  const auto start = next_begin(text);
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  const auto rest = text.substr(kBegin.size());
  const auto dashes = rest.find(kDashes);
  if (dashes == std::string_view::npos || dashes > kMaxLabel || rest.substr(0, dashes).find('\n') != rest.npos)
    throw Error(ErrorKind::malformed, "the begin line of the PEM block is damaged");
  const auto label = rest.substr(0, dashes);
  const auto end_line = fmt::format("{}{}{}", kEnd, label, kDashes);
  const auto end = text.find(end_line);
  if (end == std::string_view::npos)
    throw Error(ErrorKind::malformed, fmt::format("the PEM block {} has no end", in_quotes(label)));
  const PemBlock block{label, text.substr(0, end + end_line.size())};
  text.remove_prefix(block.text.size());
  return block;
}

bool is_pem(std::string_view text) noexcept {
  return text.find("-----BEGIN ") != std::string_view::npos && text.find("-----BEGIN PGP ") == std::string_view::npos;
}

AsymmetricKey read_public_pem(std::string_view text, std::string_view what) {
  const auto [label, block] = only_block(text, what);
  const auto bio = bio_over(block);
  OsslKey key;
  if (label == "PUBLIC KEY") {
    key.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  } else if (label == "RSA PUBLIC KEY") {
    OsslBio der_bio;
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) == 1) {
      const unsigned char* at = data;
      key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size));
      if (at != data + size) key.reset();
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
  } else if (label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK") {
    fail(what, "this is a private key where a public key was expected",
         "'openssl pkey -in KEY -pubout' writes the public part");
  } else if (label == "CERTIFICATE") {
    fail(what, "this is a certificate where a public key was expected", Advice::certificate);
  } else {
    fail(what, fmt::format("PEM block {} is not a public key", in_quotes(label)));
  }
  if (!key) fail(what, fmt::format("the {} block cannot be read: {}", label, crypto_reason()));
  return in_context([&] { return std::string(what); }, [&] { return AsymmetricKey(std::move(key)); });
}

AsymmetricKey read_private_pem(std::string_view text, std::string_view what, const PassphraseSource& passphrase) {
  const auto [label, block] = only_block(text, what, "EC PARAMETERS");
  if (label.ends_with("PUBLIC KEY") || label == "CERTIFICATE" || label == "PGP PUBLIC KEY BLOCK") {
    fail(what, fmt::format("this is a {} where a private key was expected",
                           label == "CERTIFICATE" ? "certificate" : "public key"));
  }
  if (label != "PRIVATE KEY" && label != "ENCRYPTED PRIVATE KEY" && label != "RSA PRIVATE KEY" &&
      label != "EC PRIVATE KEY") {
    fail(what, fmt::format("PEM block {} is not a private key", in_quotes(label)));
  }
  PemPassphrase request{&passphrase, what, {}};
  const auto bio = bio_over(block);
  OsslKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, give_passphrase, &request));
  if (request.failure) std::rethrow_exception(request.failure);
  if (!key) {
    const auto reason = crypto_reason();
    if (request.asked) throw Error(ErrorKind::denied, fmt::format("{}: wrong passphrase ({})", what, reason));
    fail(what, fmt::format("the {} block cannot be read: {}", label, reason));
  }
  return in_context([&] { return std::string(what); }, [&] { return AsymmetricKey(std::move(key)); });
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/digest.h>

#include <algorithm>
#include <new>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <sifkit/core/crypto.h>
#include <sifkit/core/error.h>

namespace sifkit {

namespace {

constexpr std::string_view kComputing = "compute a digest";

std::string hex_of(ByteView bytes, const char* digits) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte b : bytes) {
    out += digits[std::to_integer<unsigned>(b) >> 4];
    out += digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

struct AlgorithmFacts {
  DigestAlgorithm algorithm;
  std::string_view name;
  std::size_t hex_length;
  const EVP_MD* (*evp)();
};

constexpr AlgorithmFacts kAlgorithms[] = {
    {DigestAlgorithm::sha256, "sha256", 64, EVP_sha256},
    {DigestAlgorithm::sha384, "sha384", 96, EVP_sha384},
    {DigestAlgorithm::sha512, "sha512", 128, EVP_sha512},
};

const AlgorithmFacts& facts(DigestAlgorithm algorithm) noexcept {
  return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

bool is_lower_hex(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// `component [separator component]*` of the OCI digest grammar.
bool is_algorithm_name(std::string_view name) noexcept {
  bool after_component = false;
  for (const char c : name) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      after_component = true;
    } else if ((c == '+' || c == '.' || c == '_' || c == '-') && after_component) {
      after_component = false;
    } else {
      return false;
    }
  }
  return after_component;
}

}  // namespace

std::string_view to_string(DigestAlgorithm algorithm) noexcept { return facts(algorithm).name; }

Digest::Digest() : Digest(digest_of({})) {}

Digest::Digest(DigestAlgorithm algorithm, std::string hex) : algorithm_(algorithm), hex_(std::move(hex)) {
  SIFKIT_CHECK(hex_.size() == facts(algorithm).hex_length && std::all_of(hex_.begin(), hex_.end(), is_lower_hex));
}

Digest Digest::parse(std::string_view text, std::string_view what) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !is_algorithm_name(text.substr(0, colon))) {
    throw Error(ErrorKind::malformed, fmt::format("{}: expected 'algorithm:hex', got {}", what, in_quotes(text)));
  }
  const auto name = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  for (const auto& known : kAlgorithms) {
    if (known.name != name) continue;
    if (hex.size() != known.hex_length || !std::all_of(hex.begin(), hex.end(), is_lower_hex)) {
      throw Error(ErrorKind::malformed, fmt::format("{}: expected {} lower-case hex digits after '{}:', got {}", what,
                                                    known.hex_length, name, in_quotes(text)));
    }
    return {known.algorithm, std::string(hex)};
  }
  throw Error(ErrorKind::unsupported,
              fmt::format("{}: digest algorithm {} cannot be verified (sha256, sha384 and sha512 can)", what,
                          in_quotes(name)));
}

std::string Digest::text() const { return fmt::format("{}:{}", to_string(algorithm_), hex_); }

struct Hasher::Impl {
  EVP_MD_CTX* context = nullptr;
  DigestAlgorithm algorithm{};
  ~Impl() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(DigestAlgorithm algorithm) : impl_(std::make_unique<Impl>()) {
  prepare_crypto();
  impl_->algorithm = algorithm;
  impl_->context = EVP_MD_CTX_new();
  if (impl_->context == nullptr) throw std::bad_alloc();
  check_crypto(EVP_DigestInit_ex(impl_->context, facts(algorithm).evp(), nullptr) == 1, kComputing);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(ByteView bytes) {
  if (!bytes.empty()) check_crypto(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1, kComputing);
}

Bytes Hasher::finish_raw() {
  Bytes raw(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  check_crypto(EVP_DigestFinal_ex(impl_->context, reinterpret_cast<unsigned char*>(raw.data()), &length) == 1, kComputing);
  raw.resize(length);
  return raw;
}

Digest Hasher::finish() {
  const auto algorithm = impl_->algorithm;
  return {algorithm, to_hex(finish_raw())};
}

Digest digest_of(ByteView bytes, DigestAlgorithm algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

std::string to_hex(ByteView bytes) { return hex_of(bytes, "0123456789abcdef"); }
std::string to_upper_hex(ByteView bytes) { return hex_of(bytes, "0123456789ABCDEF"); }

std::optional<Bytes> from_hex(std::string_view hex) {
  const auto value = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return 16;
  };
  if (hex.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const unsigned high = value(hex[i]);
    const unsigned low = value(hex[i + 1]);
    if (high > 15 || low > 15) return std::nullopt;
    out.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return out;
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "pgp.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "key_blocks.h"
#include "ossl.h"
#include "rnp.h"

namespace sifkit::sif {

namespace {

using namespace rnp;

constexpr std::uint32_t kLeastPrimeBits = 2048;  ///< RSA and DSA

std::optional<std::int64_t> expiry_of(rnp_key_handle_t key) {
  std::uint32_t lifetime = 0;
  std::uint32_t created = 0;
  if (rnp_key_get_expiration(key, &lifetime) != RNP_SUCCESS || lifetime == 0 || rnp_key_get_creation(key, &created) != RNP_SUCCESS) return std::nullopt;
  return std::int64_t{created} + lifetime;
}

std::string algorithm_of(rnp_key_handle_t key) {
  char* text = nullptr;
  std::uint32_t bits = 0;
  if (rnp_key_get_alg(key, &text) != RNP_SUCCESS) return "unknown";
  std::string name = taken(text);
  if (name == "EDDSA") return "Ed25519";
  return rnp_key_get_bits(key, &bits) == RNP_SUCCESS ? fmt::format("{} {}", name, bits) : name;
}

/// Empty when what the key signs counts.
std::string why_not(rnp_key_handle_t key) {
  bool revoked = false;
  if (rnp_key_is_revoked(key, &revoked) != RNP_SUCCESS || revoked) {
    char* reason = nullptr;
    const std::string said = rnp_key_get_revocation_reason(key, &reason) == RNP_SUCCESS ? taken(reason) : std::string();
    return said.empty() ? "the key is revoked" : fmt::format("the key is revoked: {}", printable(said));
  }
  if (const auto expires = expiry_of(key); expires && *expires < std::time(nullptr)) return "the key has expired";
  const std::string algorithm = algorithm_of(key);
  std::uint32_t bits = 0;
  if ((algorithm.starts_with("RSA") || algorithm.starts_with("DSA")) && (rnp_key_get_bits(key, &bits) != RNP_SUCCESS || bits < kLeastPrimeBits)) {
    return fmt::format("the key is too weak: {} bits, expected {} or more", bits, kLeastPrimeBits);
  }
  return {};
}

/// The key stands in signatures by its primary key, and a subkey for signing in one of its own.
bool is_bound(rnp_key_handle_t key) {
  bool valid = false;
  return rnp_key_is_valid(key, &valid) == RNP_SUCCESS && valid;
}

std::string why_not_to_sign(rnp_key_handle_t key) {
  bool allowed = false;
  if (rnp_key_allows_usage(key, "sign", &allowed) != RNP_SUCCESS || !allowed) return "the key is not meant for signing";
  return why_not(key);
}

/// The text that `issuer` has signed, or nothing.
std::optional<std::string> verified_text(rnp_ffi_t ffi, rnp_key_handle_t issuer, const PgpSignature& packet, const ClearSigned& message) {
  // The library complains of an absent checksum and an absent last line end.
  const std::string text = write_clear_signed(message.text, pgp_hash_name(packet.hash), message.packets, Checksum::always) + '\n';
  const auto input = input_over(as_bytes(text));
  const auto output = memory_output();
  rnp_op_verify_t raw = nullptr;
  check(rnp_op_verify_create(&raw, ffi, input.get(), output.get()), "verify");
  const VerifyOp op(raw);
  rnp_op_verify_execute(op.get());  // the status of the signature says what it found
  std::size_t count = 0;
  check(rnp_op_verify_get_signature_count(op.get(), &count), "verify");
  rnp_op_verify_signature_t signature = nullptr;
  if (count != 1 || rnp_op_verify_get_signature_at(op.get(), 0, &signature) != RNP_SUCCESS) return std::nullopt;
  rnp_key_handle_t raw_key = nullptr;
  if (rnp_op_verify_signature_get_key(signature, &raw_key) != RNP_SUCCESS || raw_key == nullptr) return std::nullopt;
  const Key key(raw_key);
  if (fingerprint_of(key.get()) != fingerprint_of(issuer) || rnp_op_verify_signature_get_status(signature) != RNP_SUCCESS) return std::nullopt;
  return bytes_of(output);
}

std::string without_line_ends(std::string text) {
  std::erase(text, '\r');
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

bool names_key(std::string_view name, const std::string& fingerprint, const std::string& user) {
  const bool hex = name.size() == 40 || name.size() == 16;
  return name.empty() || (hex && fingerprint.ends_with(upper(name))) || user.find(name) != std::string::npos;
}

/// Keeps an exception of the passphrase source until the library's frames are left.
struct PassphraseRequest {
  const PassphraseSource& source;
  std::string key;
  std::exception_ptr failure;

  static bool give(rnp_ffi_t, void* context, rnp_key_handle_t, const char*, char* buffer, std::size_t size) noexcept {
    auto& self = *static_cast<PassphraseRequest*>(context);
    try {
      std::string word = self.source(self.key);
      const Wiper wiper(word);
      if (word.find('\0') != std::string::npos) throw Error(ErrorKind::usage, "the passphrase of an OpenPGP key may not hold a NUL byte");
      if (word.size() >= size) throw Error(ErrorKind::limit, fmt::format("passphrase of {} bytes is over the limit of {}", word.size(), size - 1));
      std::memcpy(buffer, word.c_str(), word.size() + 1);
      return true;
    } catch (...) {
      self.failure = std::current_exception();
      return false;
    }
  }
};

}  // namespace

struct PgpKeyring::Impl {
  std::string name;
  Ffi ffi;

  /// Primary keys with a secret part.
  std::vector<std::string> secret_keys() const {
    std::vector<std::string> out;
    rnp_identifier_iterator_t raw = nullptr;
    check(rnp_identifier_iterator_create(ffi.get(), &raw, "fingerprint"), "list keys");
    const KeyIterator iterator(raw);
    const char* text = nullptr;
    while (rnp_identifier_iterator_next(iterator.get(), &text) == RNP_SUCCESS && text != nullptr) {
      const Key key = located(ffi.get(), text);
      bool secret = false;
      bool primary = false;
      if (key && rnp_key_have_secret(key.get(), &secret) == RNP_SUCCESS && secret &&
          rnp_key_is_primary(key.get(), &primary) == RNP_SUCCESS && primary) {
        out.emplace_back(text);
      }
    }
    return out;
  }
};

PgpKeyring::PgpKeyring(ByteView keys, std::string name) {
  rnp_ffi_t ffi = nullptr;
  check(rnp_ffi_create(&ffi, "GPG", "GPG"), "start OpenPGP");
  impl_.reset(new Impl{std::move(name), Ffi(ffi)});
  if (keys.empty()) return;
  Bytes packets = without_armor(keys, impl_->name);
  const Wiper wiper(packets);
  const auto input = input_over(packets);
  const auto flags = RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PERMISSIVE;
  check(rnp_import_keys(ffi, input.get(), flags, nullptr), fmt::format("keys of {}", in_quotes(impl_->name)));
  std::size_t count = 0;
  check(rnp_get_public_key_count(ffi, &count), "count keys");
  if (count == 0) throw Error(ErrorKind::malformed, fmt::format("{} holds no OpenPGP key", in_quotes(impl_->name)));
}

PgpKeyring::~PgpKeyring() = default;
PgpKeyring::PgpKeyring(PgpKeyring&&) noexcept = default;
PgpKeyring& PgpKeyring::operator=(PgpKeyring&&) noexcept = default;

const std::string& PgpKeyring::name() const noexcept { return impl_->name; }

PgpOutcome PgpKeyring::verify(const ClearSigned& message) const {
  PgpOutcome outcome;
  const PgpSignature packet = parse_signature_packet(message.packets);
  const bool named = !packet.issuer_fingerprint.empty();
  rnp_key_handle_t raw_issuer = nullptr;
  rnp_locate_key(impl_->ffi.get(), named ? "fingerprint" : "keyid", (named ? packet.issuer_fingerprint : packet.issuer_key_id).c_str(), &raw_issuer);
  const Key issuer(raw_issuer);
  if (!issuer) {
    outcome.reason = "made by a key that is not there";
    return outcome;
  }
  outcome.fingerprint = fingerprint_of(issuer.get());
  outcome.algorithm = algorithm_of(issuer.get());
  std::string refusal = "the primary key is not there";
  if (const Key primary = located(impl_->ffi.get(), outcome.fingerprint)) {
    outcome.user_id = user_of(primary.get());
    outcome.expires = expiry_of(primary.get());
    refusal = why_not(primary.get());
    if (refusal.empty()) refusal = why_not_to_sign(issuer.get());
  }
  if (!refusal.empty()) {
    outcome.status = PgpOutcome::Status::refused;
    outcome.reason = refusal;
  } else if (const auto shown = verified_text(impl_->ffi.get(), issuer.get(), packet, message); !shown) {
    const bool counts = is_bound(issuer.get());
    outcome.status = counts ? PgpOutcome::Status::invalid : PgpOutcome::Status::refused;
    outcome.reason = counts ? "the signature does not match its text" : "the key has no valid signature of its own";
  } else if (without_line_ends(*shown) != without_line_ends(message.text)) {
    throw Error(ErrorKind::malformed, "the text that was verified is not the text that is shown");
  } else {
    outcome.status = PgpOutcome::Status::valid;
  }
  return outcome;
}

PgpSecretKey::~PgpSecretKey() { wipe(packet.secret); }

PgpSecretKey PgpKeyring::unlock(const PgpKeyChoice& choice, const PassphraseSource& passphrase) const {
  const auto there = impl_->secret_keys();
  std::vector<std::string> chosen;
  std::string listed;
  for (std::size_t i = 0; i < there.size(); ++i) {
    const std::string user = user_of(located(impl_->ffi.get(), there[i]).get());
    listed += fmt::format("{}{}: {} {}", i == 0 ? "there are " : "; ", i, there[i], printable(user));
    if (choice.index ? *choice.index == i : names_key(choice.name, there[i], user)) chosen.push_back(there[i]);
  }
  const std::string wanted = choice.index ? fmt::format(" number {}", *choice.index) : choice.name.empty() ? "" : " " + in_quotes(choice.name);
  if (chosen.empty()) throw Error(ErrorKind::not_found, fmt::format("no secret key{} in {}", wanted, in_quotes(impl_->name)), listed);
  if (chosen.size() > 1) throw Error(ErrorKind::usage, fmt::format("several secret keys match {}", in_quotes(choice.name)), listed);

  const Key key = located(impl_->ffi.get(), chosen.front());
  const std::string user = user_of(key.get());
  const std::string called = user.empty() ? chosen.front() : fmt::format("{}, {}", user, chosen.front());
  if (const auto refusal = why_not_to_sign(key.get()); !refusal.empty()) throw Error(ErrorKind::denied, fmt::format("{}: {}", printable(called), refusal));
  bool locked = true;
  check(rnp_key_is_protected(key.get(), &locked), "look at a key");
  if (locked) {
    PassphraseRequest request{passphrase, called, nullptr};
    rnp_ffi_set_pass_provider(impl_->ffi.get(), PassphraseRequest::give, &request);
    const auto result = rnp_key_unprotect(key.get(), nullptr);
    rnp_ffi_set_pass_provider(impl_->ffi.get(), nullptr, nullptr);
    if (request.failure) std::rethrow_exception(request.failure);
    if (result == RNP_ERROR_BAD_PASSWORD) throw Error(ErrorKind::denied, fmt::format("{}: wrong passphrase", printable(called)));
    if (result != RNP_SUCCESS) throw Error(ErrorKind::denied, fmt::format("{}: the key cannot be unlocked: {}", printable(called), rnp_result_to_string(result)));
  }
  const auto output = memory_output();
  check(rnp_key_export(key.get(), output.get(), RNP_KEY_EXPORT_SECRET), "use a secret key");
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  check(rnp_output_memory_get_buf(output.get(), &bytes, &size, false), "use a secret key");
  const std::span exported(bytes, size);
  PgpSecretKey out;
  try {
    out.packet = parse_secret_key_packet(std::as_bytes(exported));
  } catch (...) {
    rnp_buffer_clear(bytes, size);
    throw;
  }
  rnp_buffer_clear(bytes, size);
  out.fingerprint = from_hex(chosen.front()).value();
  return out;
}

}  // namespace sifkit::sif

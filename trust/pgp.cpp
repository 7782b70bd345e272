// SPDX-License-Identifier: Apache-2.0
#include "pgp.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "key_blocks.h"
#include "moment.h"
#include "ossl.h"
#include "rnp.h"

namespace sifkit::trust {

namespace {

using namespace rnp;

constexpr std::string_view kNotForSigning = "the key is not meant for signing";
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

KeySize size_of(rnp_key_handle_t key) {
  char* text = nullptr;
  std::uint32_t bits = 0;
  if (rnp_key_get_alg(key, &text) != RNP_SUCCESS) return {};
  const std::string name = taken(text);
  if (name == "EDDSA") return {KeyFamily::elliptic, kEd25519Bits};
  if (rnp_key_get_bits(key, &bits) != RNP_SUCCESS) return {};
  return {name == "RSA" ? KeyFamily::rsa : name == "DSA" ? KeyFamily::dsa : name == "ECDSA" ? KeyFamily::elliptic : KeyFamily::other, bits};
}

struct Revocation {
  std::int64_t time = 0;
  bool retired = false;  ///< given up, not stolen (RFC 9580, section 5.2.3.31): it counts for what was before
  std::string reason;
};

std::optional<Revocation> revocation_of(rnp_key_handle_t key) {
  bool revoked = true;
  if (rnp_key_is_revoked(key, &revoked) == RNP_SUCCESS && !revoked) return std::nullopt;
  Revocation out;
  rnp_signature_handle_t raw = nullptr;
  std::uint32_t time = 0;
  if (rnp_key_get_revocation_signature(key, &raw) == RNP_SUCCESS && raw != nullptr) {
    const SignatureHandle signature(raw);
    if (rnp_signature_get_creation(signature.get(), &time) == RNP_SUCCESS) out.time = time;
  }
  bool superseded = false;
  bool retired = false;
  rnp_key_is_superseded(key, &superseded);
  rnp_key_is_retired(key, &retired);
  out.retired = superseded || retired;
  char* reason = nullptr;
  if (rnp_key_get_revocation_reason(key, &reason) == RNP_SUCCESS) out.reason = taken(reason);
  return out;
}

std::string revocation_text(const Revocation& revocation) {
  return fmt::format("the key is revoked{}{}", revocation.time == 0 ? "" : " since " + moment_text(revocation.time), revocation.reason.empty() ? "" : ": " + printable(revocation.reason));
}

/// Keys as they are at a moment; every operation on them is at that moment, too.
Ffi loaded(ByteView packets, const std::string& name, std::optional<std::int64_t> at) {
  Ffi ffi = engine();
  if (at) check(rnp_set_timestamp(ffi.get(), static_cast<std::uint64_t>(*at)), "set the time");
  if (packets.empty()) return ffi;
  const auto input = input_over(packets);
  const auto flags = RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PERMISSIVE;
  check(rnp_import_keys(ffi.get(), input.get(), flags, nullptr), fmt::format("keys of {}", in_quotes(name)));
  std::size_t count = 0;
  check(rnp_get_public_key_count(ffi.get(), &count), "count keys");
  if (count == 0) {
    require_memory();
    const auto blocks = split_keys(packets, name);
    if (blocks.empty()) throw Error(ErrorKind::malformed, fmt::format("{} holds no OpenPGP key", in_quotes(name)));
    throw Error(ErrorKind::unsupported, fmt::format("{}: the OpenPGP key {}", in_quotes(name), blocks.front().info.problem));
  }
  return ffi;
}

/// Empty when, its revocation aside, what the key signs counts at `moment`.
std::string why_not(rnp_key_handle_t key, std::int64_t moment) {
  if (const auto expires = expiry_of(key); expires && *expires < moment) return "the key has expired on " + moment_text(*expires);
  std::uint32_t created = 0;
  if (rnp_key_get_creation(key, &created) != RNP_SUCCESS || created > moment) {
    return fmt::format("the key is from the future: made {}, the time is {}", moment_text(created), moment_text(moment));
  }
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

bool may_sign(rnp_key_handle_t key) {
  bool allowed = false;
  return rnp_key_allows_usage(key, "sign", &allowed) == RNP_SUCCESS && allowed;
}

/// Empty when the key was in use as the signature was made, as far as the key says.
std::string why_not_then(rnp_key_handle_t key, const PgpSignature& signature) {
  std::uint32_t created = 0;
  const bool older = rnp_key_get_creation(key, &created) == RNP_SUCCESS && signature.created && *signature.created < created;
  return older ? fmt::format("the signature, made {}, is older than the key, made {}", moment_text(*signature.created), moment_text(created)) : std::string();
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
  std::optional<std::int64_t> at;
  Ffi ffi;    ///< keys as they were at the moment
  Ffi today;  ///< keys as they are, where the moment is not now: a theft that is known today counts for all times

  /// As far as it counts at the moment.
  std::optional<Revocation> revocation(rnp_key_handle_t key) const {
    const Key known = today ? located(today.get(), own_fingerprint_of(key)) : nullptr;
    auto found = revocation_of(known ? known.get() : key);
    if (found && found->retired && found->time > moment_or_now(at)) found.reset();
    return found;
  }

  /// Empty when what the key signs counts at the moment.
  std::string refusal(rnp_key_handle_t key) const {
    if (const auto revoked = revocation(key)) return revocation_text(*revoked);
    return why_not(key, moment_or_now(at));
  }

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

PgpKeyring::PgpKeyring(ByteView keys, std::string name, std::optional<std::int64_t> at) {
  Bytes packets = keys.empty() ? Bytes() : without_armor(keys, name);
  const Wiper wiper(packets);
  auto then = loaded(packets, name, at);
  impl_.reset(new Impl{std::move(name), at, std::move(then), at ? loaded(packets, name, std::nullopt) : nullptr});
}

PgpKeyring::~PgpKeyring() = default;
PgpKeyring::PgpKeyring(PgpKeyring&&) noexcept = default;
PgpKeyring& PgpKeyring::operator=(PgpKeyring&&) noexcept = default;

const std::string& PgpKeyring::name() const noexcept { return impl_->name; }

PgpOutcome PgpKeyring::verify(const ClearSigned& message) const {
  PgpOutcome outcome;
  expect_memory();
  const PgpSignature packet = parse_signature_packet(message.packets);
  const bool named = !packet.issuer_fingerprint.empty();
  rnp_key_handle_t raw_issuer = nullptr;
  rnp_locate_key(impl_->ffi.get(), named ? "fingerprint" : "keyid", (named ? packet.issuer_fingerprint : packet.issuer_key_id).c_str(), &raw_issuer);
  const Key issuer(raw_issuer);
  // A key of another version has another kind of fingerprint, which no descriptor of an image can hold.
  if (!issuer || fingerprint_of(issuer.get()).size() != kFingerprintDigits) {
    require_memory();
    outcome.reason = "made by a key that is not there";
    return outcome;
  }
  outcome.fingerprint = fingerprint_of(issuer.get());
  outcome.algorithm = algorithm_of(issuer.get());
  outcome.sizes.push_back(size_of(issuer.get()));
  std::string refusal = "the primary key is not there";
  if (const Key primary = located(impl_->ffi.get(), outcome.fingerprint)) {
    outcome.user_id = user_of(primary.get());
    outcome.sizes.push_back(size_of(primary.get()));
    outcome.expires = expiry_of(primary.get());
    if (const auto revoked = impl_->revocation(primary.get()); revoked && revoked->time != 0) outcome.revoked = revoked->time;
    refusal = impl_->refusal(primary.get());
    if (refusal.empty() && !may_sign(issuer.get())) refusal = kNotForSigning;
    if (refusal.empty()) refusal = impl_->refusal(issuer.get());
    if (refusal.empty()) refusal = why_not_then(issuer.get(), packet);
  }
  std::uint32_t bits = 0;
  if (!refusal.empty()) {
    outcome.status = PgpOutcome::Status::refused;
    outcome.reason = refusal;
  } else if (rnp_key_get_bits(issuer.get(), &bits) != RNP_SUCCESS || packet.number_bytes > (bits + 7) / 8) {
    // Zeros in front would make it another signature that says the same.
    outcome.status = PgpOutcome::Status::invalid;
    outcome.reason = fmt::format("the signature has a number of {} bytes, which is more than the key's {} bits", packet.number_bytes, bits);
  } else if (const auto shown = verified_text(impl_->ffi.get(), issuer.get(), packet, message); !shown) {
    const bool counts = is_bound(issuer.get());
    outcome.status = counts ? PgpOutcome::Status::invalid : PgpOutcome::Status::refused;
    outcome.reason = counts ? "the signature does not match its text" : "the key has no valid signature of its own";
  } else if (without_line_ends(*shown) != without_line_ends(message.text)) {
    throw Error(ErrorKind::malformed, "the text that was verified is not the text that is shown");
  } else {
    outcome.status = PgpOutcome::Status::valid;
  }
  require_memory();  // of what has been said of the key, too
  return outcome;
}

PgpSecretKey::~PgpSecretKey() { wipe(packet.secret); }

PgpSecretKey PgpKeyring::unlock(const PgpKeyChoice& choice, const PassphraseSource& passphrase) const {
  expect_memory();
  const auto there = impl_->secret_keys();
  std::vector<std::string> chosen;
  std::string listed;
  for (std::size_t i = 0; i < there.size(); ++i) {
    const std::string user = user_of(located(impl_->ffi.get(), there[i]).get());
    listed += fmt::format("{}{}: {} {}", i == 0 ? "there are " : "; ", i, there[i], printable(user));
    if (choice.index ? *choice.index == i : names_key(choice.name, there[i], user)) chosen.push_back(there[i]);
  }
  const std::string wanted = choice.index ? fmt::format(" number {}", *choice.index) : choice.name.empty() ? "" : " " + in_quotes(choice.name);
  if (chosen.size() != 1) require_memory();
  if (chosen.empty()) throw Error(ErrorKind::not_found, fmt::format("no secret key{} in {}", wanted, in_quotes(impl_->name)), listed);
  if (chosen.size() > 1) throw Error(ErrorKind::usage, fmt::format("several secret keys match {}", in_quotes(choice.name)), listed);

  const Key key = located(impl_->ffi.get(), chosen.front());
  const std::string user = user_of(key.get());
  const std::string called = user.empty() ? chosen.front() : fmt::format("{}, {}", user, chosen.front());
  const auto refusal = may_sign(key.get()) ? impl_->refusal(key.get()) : std::string(kNotForSigning);
  if (!refusal.empty()) require_memory();
  if (!refusal.empty()) throw Error(ErrorKind::denied, fmt::format("{}: {}", printable(called), refusal));
  if (const auto where = secret_elsewhere(key.get()); !where.empty()) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: the secret of this key is {}", printable(called), where), "'gpg --export-secret-keys' writes it where gpg has it");
  }
  bool locked = true;
  check(rnp_key_is_protected(key.get(), &locked), "look at a key");
  if (locked) {
    PassphraseRequest request{passphrase, called, nullptr};
    rnp_ffi_set_pass_provider(impl_->ffi.get(), PassphraseRequest::give, &request);
    const auto result = rnp_key_unprotect(key.get(), nullptr);
    rnp_ffi_set_pass_provider(impl_->ffi.get(), nullptr, nullptr);
    if (request.failure) std::rethrow_exception(request.failure);
    if (result != RNP_SUCCESS) require_memory();
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

}  // namespace sifkit::trust

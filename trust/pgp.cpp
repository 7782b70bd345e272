// SPDX-License-Identifier: Apache-2.0
#include "pgp.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/readable.h>

#include "armor.h"
#include "key_blocks.h"
#include "validation_time.h"
#include "ossl.h"
#include "pgp_key_signature.h"
#include "rnp.h"
#include "transferable_key.h"

namespace sifkit::trust {

namespace {

constexpr std::size_t kMaxSecretPacket = 0xffff;
constexpr std::string_view kUnknownKey = "made by a key that is not there";

KeySize size_of(const PgpKeyPacket& key) {
  switch (static_cast<PgpAlgorithm>(key.algorithm)) {
    case PgpAlgorithm::rsa:
    case PgpAlgorithm::rsa_sign:
      return {KeyFamily::rsa, key.bits()};
    case PgpAlgorithm::dsa:
      return {KeyFamily::dsa, key.bits()};
    case PgpAlgorithm::ecdsa:
      return {KeyFamily::elliptic, key.bits()};
    case PgpAlgorithm::eddsa:
      return {KeyFamily::elliptic, kEd25519Bits};
    default:
      return {KeyFamily::other, key.bits()};
  }
}

/// Empty when the key was in use as the signature was made, as far as the key says.
std::string why_not_then(const PgpKeyPacket& key, const PgpSignature& signature) {
  const bool older = signature.created && *signature.created < key.created;
  return older ? fmt::format("the signature, made {}, is older than the key, made {}", time_text(*signature.created),
                             time_text(key.created))
               : std::string();
}

/// Whether `key` has made the message's one signature over its text.
bool has_signed(const PgpKeyPacket& key, const ClearSigned& message) {
  ByteReader packets(message.packets, "OpenPGP signature");
  const auto signature = parse_key_signature(read_packet(packets).body);
  return signature && signature->is_by(key, {as_bytes(message.canonical)});
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
      if (word.find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "the passphrase of an OpenPGP key may not hold a NUL byte");
      if (word.size() >= size)
        throw Error(ErrorKind::limit,
                    fmt::format("passphrase of {} bytes is over the limit of {}", word.size(), size - 1));
      std::memcpy(buffer, word.c_str(), word.size() + 1);
      return true;
    } catch (...) {
      self.failure = std::current_exception();
      return false;
    }
  }
};

/// Unlocks by librnp the secret key packet with this body, which may be open. librnp gets it as a primary key with
/// nothing around it: what a subkey is bound to, and user ids, have no part in this.
void unlock_packet(ByteView body, const std::string& fingerprint, const std::string& called,
                   const PassphraseSource& passphrase, PgpKeyPacket& out) {
  using namespace rnp;
  if (body.size() > kMaxSecretPacket)
    throw Error(ErrorKind::limit, fmt::format("{}: a secret key of {} bytes is over the limit of {}", readable(called),
                                              body.size(), kMaxSecretPacket));
  Bytes packet;
  const Wiper wiper(packet);
  append_key_packet(packet, kSecretKeyTag, body);
  const Ffi ffi = engine();
  const ArmoredInput input(packet, kSecretKeyLabel);
  check(rnp_import_keys(ffi.get(), input.get(), RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS, nullptr),
        "read a secret key");
  const Key key = located(ffi.get(), fingerprint);
  if (!key) {
    require_memory();
    throw Error(ErrorKind::unsupported, fmt::format("{}: librnp does not know this kind of key", readable(called)));
  }
  bool locked = true;
  check(rnp_key_is_protected(key.get(), &locked), "look at a key");
  if (locked) {
    PassphraseRequest request{passphrase, called, nullptr};
    rnp_ffi_set_pass_provider(ffi.get(), PassphraseRequest::give, &request);
    const auto result = rnp_key_unprotect(key.get(), nullptr);
    rnp_ffi_set_pass_provider(ffi.get(), nullptr, nullptr);
    if (request.failure) std::rethrow_exception(request.failure);
    if (result != RNP_SUCCESS) require_memory();
    if (result == RNP_ERROR_BAD_PASSWORD)
      throw Error(ErrorKind::denied, fmt::format("{}: wrong passphrase", readable(called)));
    if (result != RNP_SUCCESS)
      throw Error(ErrorKind::denied,
                  fmt::format("{}: the key cannot be unlocked: {}", readable(called), rnp_result_to_string(result)));
  }
  const auto output = memory_output();
  check(rnp_key_export(key.get(), output.get(), RNP_KEY_EXPORT_SECRET), "use a secret key");
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  check(rnp_output_memory_get_buf(output.get(), &bytes, &size, false), "use a secret key");
  const std::span exported(bytes, size);
  try {
    out = parse_secret_key_packet(std::as_bytes(exported));
  } catch (...) {
    rnp_buffer_clear(bytes, size);
    throw;
  }
  rnp_buffer_clear(bytes, size);
}

/// The place in the ring of the key that is chosen. What cannot be chosen is there without a fingerprint.
std::size_t chosen_key(const std::vector<PgpKeyInfo>& there, const PgpKeyChoice& choice, const std::string& ring) {
  const auto is_key = [](const PgpKeyInfo& key) { return !key.fingerprint.empty(); };
  const auto first = std::find_if(there.begin(), there.end(), is_key);
  if (first == there.end()) throw Error(ErrorKind::not_found, fmt::format("no secret key in {}", in_quotes(ring)));
  if (choice.index) {
    if (*choice.index < there.size() && is_key(there[*choice.index])) return *choice.index;
    throw Error(ErrorKind::not_found, fmt::format("no secret key number {} in {}", *choice.index, in_quotes(ring)),
                "there are " + list_of_keys(there));
  }
  if (!choice.name.empty()) return key_meant(there, choice.name, "secret", ring);
  if (std::count_if(there.begin(), there.end(), is_key) == 1) return static_cast<std::size_t>(first - there.begin());
  throw Error(ErrorKind::usage, fmt::format("there are several secret keys in {}", in_quotes(ring)),
              Hint(Advice::choose_key, list_of_keys(there)));
}

bool is_fingerprint_in(const std::vector<std::string>& fingerprints, std::string_view end) {
  return std::any_of(fingerprints.begin(), fingerprints.end(), [end](const std::string& fingerprint) {
    return !fingerprint.empty() && fingerprint.ends_with(end);
  });
}

}  // namespace

struct PgpKeyring::Impl {
  std::string name;
  std::optional<std::int64_t> at;
  Bytes packets;
  std::vector<PlacedKey> keys;
  RevokerSource revokers;

  Impl(ByteView input, std::string ring, std::optional<std::int64_t> when) : name(std::move(ring)), at(when) {
    if (input.empty()) return;
    packets = without_armor(input, name);
    keys = place_keys(packets, name);
    revokers = revokers_in(keys);
    const bool known =
        std::any_of(keys.begin(), keys.end(), [](const PlacedKey& key) { return !key.fingerprints.front().empty(); });
    if (known) return;
    if (keys.empty()) throw Error(ErrorKind::malformed, fmt::format("{} holds no OpenPGP key", in_quotes(name)));
    throw Error(ErrorKind::unsupported,
                fmt::format("{}: the OpenPGP key {}", in_quotes(name), describe_key(keys.front(), revokers).problem));
  }
  ~Impl() { wipe(packets); }

  /// Primary keys, each once, that a signature with this issuer can come from.
  std::vector<std::string> owners(std::string_view issuer) const {
    std::vector<std::string> out;
    for (const auto& key : keys) {
      const auto& primary = key.fingerprints.front();
      if (!primary.empty() && is_fingerprint_in(key.fingerprints, issuer) &&
          std::find(out.begin(), out.end(), primary) == out.end())
        out.push_back(primary);
    }
    return out;
  }

  /// The packets of all copies of a key in the ring: one may be revoked in one of them only.
  Bytes copies(const std::string& fingerprint) const {
    Bytes out;
    for (const auto& key : keys) {
      if (key.fingerprints.front() == fingerprint) out.insert(out.end(), key.bytes.begin(), key.bytes.end());
    }
    return out;
  }

  /// What a key is worth that may have made the signature.
  PgpOutcome outcome(const std::string& fingerprint, std::string_view issuer, const PgpSignature& packet,
                     const ClearSigned& message) const {
    PgpOutcome out;
    out.status = PgpOutcome::Status::refused;
    out.fingerprint = fingerprint;
    Bytes bytes = copies(fingerprint);
    const Wiper wiper(bytes);
    const auto validation_time = validation_time_or_now(at);
    CertificateStanding standing;
    try {
      standing = judge(bytes, validation_time, revokers);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      out.reason = "the key " + error.message();
      return out;
    }
    const KeyStanding* const key = standing.find(issuer);
    if (key == nullptr) return {};  // a subkey whose packet cannot be read
    const auto& primary = standing.primary;
    if (!standing.user_ids.empty()) out.user_id = standing.user_ids.front().text;
    out.algorithm = key->parts.key.text();
    out.sizes = {size_of(key->parts.key), size_of(primary.parts.key)};
    out.expires = primary.expires;
    if (primary.revocation && primary.revocation->time != 0) out.revoked = primary.revocation->time;
    out.reason = standing.refusal(*key, validation_time);
    if (out.reason.empty()) out.reason = why_not_then(key->parts.key, packet);
    if (!out.reason.empty()) return out;
    out.status = PgpOutcome::Status::invalid;
    if (const auto bits = key->parts.key.bits(); packet.number_bytes > (bits + 7) / 8) {
      // Zeros in front would make it another signature that says the same.
      out.reason = fmt::format("the signature has a number of {} bytes, which is more than the key's {} bits",
                               packet.number_bytes, bits);
    } else if (!has_signed(key->parts.key, message)) {
      out.reason = "the signature does not match its text";
    } else {
      out.status = PgpOutcome::Status::valid;
    }
    return out;
  }
};

PgpKeyring::PgpKeyring(ByteView keys, std::string name, std::optional<std::int64_t> at)
    : impl_(std::make_unique<Impl>(keys, std::move(name), at)) {}
PgpKeyring::~PgpKeyring() = default;
PgpKeyring::PgpKeyring(PgpKeyring&&) noexcept = default;
PgpKeyring& PgpKeyring::operator=(PgpKeyring&&) noexcept = default;

const std::string& PgpKeyring::name() const noexcept { return impl_->name; }

PgpOutcome PgpKeyring::verify(const ClearSigned& message) const {
  const PgpSignature packet = parse_signature_packet(message.packets);
  const auto& issuer = packet.issuer_fingerprint.empty() ? packet.issuer_key_id : packet.issuer_fingerprint;
  PgpOutcome outcome;
  outcome.reason = kUnknownKey;
  if (issuer.empty()) return outcome;
  for (const auto& fingerprint : impl_->owners(issuer)) {
    auto here = impl_->outcome(fingerprint, issuer, packet, message);
    // Two keys may have the same key ID.
    if (outcome.status == PgpOutcome::Status::unknown_key || here.status == PgpOutcome::Status::valid)
      outcome = std::move(here);
  }
  if (outcome.status == PgpOutcome::Status::unknown_key) outcome.reason = kUnknownKey;
  return outcome;
}

PgpSecretKey::~PgpSecretKey() { wipe(packet.secret); }

PgpSecretKey PgpKeyring::unlock(const PgpKeyChoice& choice, const PassphraseSource& passphrase) const {
  std::vector<PgpKeyInfo> there;
  for (const auto& key : impl_->keys) {
    const bool twice = std::any_of(there.begin(), there.end(), [&](const PgpKeyInfo& other) {
      return other.fingerprint == key.fingerprints.front();
    });
    const bool usable = key.part == KeyPart::secret_key && !key.fingerprints.front().empty() && !twice;
    auto& info = there.emplace_back();
    if (!usable) continue;
    info = describe_key(key, impl_->revokers);
    info.fingerprint = key.fingerprints.front();  // of one that cannot be read, too: reading it says why
  }
  const auto& chosen = there.at(chosen_key(there, choice, impl_->name));
  const auto user = chosen.user_ids.empty() ? std::string() : chosen.user_ids.front();
  const auto called = user.empty() ? chosen.fingerprint : fmt::format("{}, {}", user, chosen.fingerprint);

  Bytes packets = impl_->copies(chosen.fingerprint);
  const Wiper wiper(packets);
  const auto validation_time = validation_time_or_now(impl_->at);
  const auto standing = judge(packets, validation_time, impl_->revokers);
  const auto digits = choice.index ? std::string() : fingerprint_digits(choice.name);
  const KeyStanding* const named = digits.empty() ? nullptr : standing.find(digits);
  auto signers = standing.signers(validation_time);
  if (named != nullptr && named != &standing.primary)
    signers = standing.refusal(*named, validation_time).empty() ? std::vector{named} : std::vector<const KeyStanding*>();
  if (signers.empty()) {
    const bool of_subkey = named != nullptr && named != &standing.primary;
    const auto why = of_subkey ? standing.refusal(*named, validation_time) : "the key " + chosen.problem;
    throw Error(ErrorKind::denied, fmt::format("{}: {}", readable(called), why));
  }
  const auto signer = std::find_if(signers.begin(), signers.end(),
                                   [](const KeyStanding* key) { return has_secret(key->parts.secret); });
  if (signer == signers.end()) {
    throw Error(
        ErrorKind::unsupported,
        fmt::format("{}: the secret of this key is {}", readable(called), secret_place(signers.front()->parts.secret)),
        "'gpg --export-secret-keys' writes it where gpg has it");
  }
  PgpSecretKey out;
  const auto key = take_apart(packets);
  const auto subkey = std::find_if(key.subkeys.begin(), key.subkeys.end(), [&](const KeyComponent& one) {
    return one.fingerprint == (*signer)->fingerprint();
  });
  const auto& packet = *signer == &standing.primary ? key.primary.packet : subkey->packet;
  unlock_packet(packet.body, (*signer)->fingerprint(), called, passphrase, out.packet);
  out.fingerprint = from_hex(chosen.fingerprint).value();
  out.issuer = from_hex((*signer)->fingerprint()).value();
  return out;
}

}  // namespace sifkit::trust

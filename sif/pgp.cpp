// SPDX-License-Identifier: Apache-2.0
#include "pgp.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "base64.h"
#include "clearsign.h"
#include "rnp.h"

namespace sifkit::sif {

namespace {

using namespace rnp;

/// Empty when the key may still be trusted.
std::string why_not(rnp_key_handle_t key) {
  bool revoked = false;
  if (rnp_key_is_revoked(key, &revoked) == RNP_SUCCESS && revoked) {
    char* reason = nullptr;
    const std::string said = rnp_key_get_revocation_reason(key, &reason) == RNP_SUCCESS ? taken(reason) : std::string();
    return said.empty() ? "the key is revoked" : fmt::format("the key is revoked: {}", printable(said));
  }
  std::uint32_t lifetime = 0;
  std::uint32_t created = 0;
  if (rnp_key_get_expiration(key, &lifetime) == RNP_SUCCESS && lifetime != 0 && rnp_key_get_creation(key, &created) == RNP_SUCCESS &&
      static_cast<std::int64_t>(created) + lifetime < std::time(nullptr)) {
    return "the key has expired";
  }
  return {};
}

std::string without_line_ends(std::string text) {
  std::erase(text, '\r');
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

/// The message with the checksum line that Apptainer leaves out and the library complains of.
std::string with_checksum(const ClearSigned& parts) {
  static constexpr std::string_view kEnd = "\n-----END PGP SIGNATURE-----";
  std::string out = write_clear_signed(parts.text, parts.hashes.empty() ? "SHA256" : parts.hashes.front(), parts.packets);
  const auto crc = armor_crc24(parts.packets);
  const std::byte bytes[] = {static_cast<std::byte>(crc >> 16 & 0xff), static_cast<std::byte>(crc >> 8 & 0xff), static_cast<std::byte>(crc & 0xff)};
  out.insert(out.rfind(kEnd), "\n=" + base64_encode(bytes));
  return out + "\n";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

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
  const auto input = input_over(keys);
  check(rnp_load_keys(ffi, "GPG", input.get(), RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS),
        fmt::format("keys of {}", in_quotes(impl_->name)));
}

PgpKeyring::~PgpKeyring() = default;
PgpKeyring::PgpKeyring(PgpKeyring&&) noexcept = default;
PgpKeyring& PgpKeyring::operator=(PgpKeyring&&) noexcept = default;

const std::string& PgpKeyring::name() const noexcept { return impl_->name; }

PgpOutcome PgpKeyring::verify(std::string_view message) const {
  PgpOutcome outcome;
  const ClearSigned parts = parse_clear_signed(message);
  const std::string complete = with_checksum(parts);
  const auto input = input_over(as_bytes(complete));
  const auto output = memory_output();
  rnp_op_verify_t raw = nullptr;
  check(rnp_op_verify_create(&raw, impl_->ffi.get(), input.get(), output.get()), "verify");
  const VerifyOp op(raw);
  rnp_op_verify_execute(op.get());  // the status of the signature says what it found
  std::size_t count = 0;
  check(rnp_op_verify_get_signature_count(op.get(), &count), "verify");
  if (count != 1) throw Error(ErrorKind::malformed, fmt::format("expected one OpenPGP signature, found {}", count));
  rnp_op_verify_signature_t signature = nullptr;
  check(rnp_op_verify_get_signature_at(op.get(), 0, &signature), "verify");
  std::uint32_t created = 0;
  std::uint32_t lifetime = 0;
  if (rnp_op_verify_signature_get_times(signature, &created, &lifetime) == RNP_SUCCESS) outcome.created = created;
  rnp_key_handle_t raw_key = nullptr;
  if (rnp_op_verify_signature_get_key(signature, &raw_key) != RNP_SUCCESS || raw_key == nullptr) {
    outcome.reason = "made by a key that is not there";
    return outcome;
  }
  const Key signing(raw_key);
  outcome.fingerprint = fingerprint_of(signing.get());
  const Key primary = located(impl_->ffi.get(), outcome.fingerprint);
  if (primary) outcome.user_id = user_of(primary.get());

  const auto status = rnp_op_verify_signature_get_status(signature);
  const std::string refusal = primary ? why_not(primary.get()) : "the primary key is not there";
  if (status == RNP_ERROR_SIGNATURE_EXPIRED || (status == RNP_SUCCESS && !refusal.empty())) {
    outcome.status = PgpOutcome::Status::expired;
    outcome.reason = status == RNP_SUCCESS ? refusal : "the signature has expired";
    return outcome;
  }
  if (status != RNP_SUCCESS) {
    // A key that may not be used any more makes the library refuse its signatures.
    outcome.status = refusal.empty() ? PgpOutcome::Status::invalid : PgpOutcome::Status::expired;
    outcome.reason = refusal.empty() ? "the signature does not match the text" : refusal;
    return outcome;
  }
  if (without_line_ends(bytes_of(output)) != without_line_ends(parts.text)) {
    throw Error(ErrorKind::malformed, "the text that was verified is not the text that is shown");
  }
  outcome.status = PgpOutcome::Status::valid;
  return outcome;
}

std::string PgpKeyring::sign(std::string_view text, std::string_view which, const PassphraseSource& passphrase, Bytes& fingerprint) const {
  std::vector<std::string> chosen;
  std::string there;
  for (const auto& candidate : impl_->secret_keys()) {
    const Key key = located(impl_->ffi.get(), candidate);
    const std::string user = user_of(key.get());
    there += (there.empty() ? "" : "; ") + candidate + " " + printable(user);
    std::string wanted(which);
    std::transform(wanted.begin(), wanted.end(), wanted.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (which.empty() || candidate.ends_with(wanted) || contains(user, which)) chosen.push_back(candidate);
  }
  if (chosen.empty()) throw Error(ErrorKind::not_found, fmt::format("no secret key {} in {}", in_quotes(which), in_quotes(impl_->name)), there.empty() ? "" : "there are: " + there);
  if (chosen.size() > 1) throw Error(ErrorKind::usage, fmt::format("several secret keys match {}", in_quotes(which)), "there are: " + there);
  const Key key = located(impl_->ffi.get(), chosen.front());

  struct Ask {
    const PassphraseSource& source;
    std::string name;
    std::exception_ptr failure;
  } ask{passphrase, user_of(key.get()) + ", " + chosen.front(), nullptr};
  rnp_ffi_set_pass_provider(
      impl_->ffi.get(),
      [](rnp_ffi_t, void* context, rnp_key_handle_t, const char*, char* buffer, std::size_t size) {
        auto& self = *static_cast<Ask*>(context);
        try {
          std::string word = self.source(self.name);
          const bool fits = word.size() < size;
          if (fits) std::memcpy(buffer, word.c_str(), word.size() + 1);
          rnp_buffer_clear(word.data(), word.size());
          return fits;
        } catch (...) {
          self.failure = std::current_exception();
          return false;
        }
      },
      &ask);
  const auto input = input_over(as_bytes(text));
  const auto output = memory_output();
  rnp_op_sign_t raw = nullptr;
  check(rnp_op_sign_cleartext_create(&raw, impl_->ffi.get(), input.get(), output.get()), "sign");
  const SignOp op(raw);
  check(rnp_op_sign_set_hash(op.get(), "SHA256"), "sign");
  check(rnp_op_sign_add_signature(op.get(), key.get(), nullptr), "sign");
  const auto result = rnp_op_sign_execute(op.get());
  rnp_ffi_set_pass_provider(impl_->ffi.get(), nullptr, nullptr);
  if (ask.failure) std::rethrow_exception(ask.failure);
  if (result != RNP_SUCCESS) {
    throw Error(ErrorKind::denied, fmt::format("cannot sign with {}: {}", chosen.front(), rnp_result_to_string(result)), "is the passphrase right?");
  }
  fingerprint.clear();
  for (std::size_t i = 0; i + 1 < chosen.front().size(); i += 2) {
    fingerprint.push_back(static_cast<std::byte>(std::stoi(chosen.front().substr(i, 2), nullptr, 16)));
  }
  // The library's own armor, in the byte form that readers of SIF files know.
  const ClearSigned made = parse_clear_signed(bytes_of(output));
  return write_clear_signed(text, "SHA256", made.packets);
}

}  // namespace sifkit::sif

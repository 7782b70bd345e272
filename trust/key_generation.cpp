// SPDX-License-Identifier: Apache-2.0
#include "key_generation.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/readable.h>
#include <sifkit/core/secret.h>

#include "rnp.h"

namespace sifkit::trust {

namespace {

using namespace rnp;

using GenerateOp = Owned<rnp_op_generate_t, rnp_op_generate_destroy>;

constexpr std::size_t kMaxUserIdBytes = 128;  // librnp's own bound

void check_part(std::string_view text, std::string_view what, std::string_view refused) {
  if (!text.empty() && text.find_first_not_of(' ') == std::string_view::npos)
    throw Error(ErrorKind::usage, fmt::format("the {} {} of a key holds nothing but blanks", what, in_quotes(text)));
  // User ids are UTF-8 (RFC 9580, section 5.11).
  if (!is_utf8(text))
    throw Error(ErrorKind::usage, fmt::format("the {} {} of a key is not UTF-8", what, in_quotes(text)));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || refused.find(c) != std::string_view::npos) {
      throw Error(ErrorKind::usage, fmt::format("the {} {} of a key may not hold {}", what, in_quotes(text), byte < 0x20 || byte == 0x7f ? "control characters" : fmt::format("'{}'", c)));
    }
  }
}

std::string user_id(const NewPgpKey& wanted) {
  check_part(wanted.name, "name", "<>()");
  check_part(wanted.comment, "comment", "<>()");
  check_part(wanted.email, "email", "<>() ");
  if (wanted.name.empty() && wanted.email.empty()) throw Error(ErrorKind::usage, "a key needs a name or an email");
  if (!wanted.email.empty()) {
    const auto at = wanted.email.find('@');
    if (at == 0 || at == std::string::npos || at + 1 == wanted.email.size()) {
      throw Error(ErrorKind::usage, fmt::format("{} is not an email address (NAME@HOST)", in_quotes(wanted.email)));
    }
  }
  std::string out = wanted.name;
  if (!wanted.comment.empty()) out += (out.empty() ? "(" : " (") + wanted.comment + ")";
  if (!wanted.email.empty()) out += (out.empty() ? "<" : " <") + wanted.email + ">";
  if (out.size() > kMaxUserIdBytes) throw Error(ErrorKind::limit, fmt::format("name, comment and email have {} bytes together, over the limit of {}", out.size(), kMaxUserIdBytes));
  return out;
}

}  // namespace

KeyPair generate_key_pair(const NewPgpKey& wanted) {
  const auto user = user_id(wanted);
  if (wanted.passphrase.find('\0') != std::string::npos) throw Error(ErrorKind::usage, "a passphrase may not hold a NUL byte");
  const Ffi ffi = engine();
  rnp_op_generate_t raw = nullptr;
  const bool rsa = wanted.algorithm == KeyAlgorithm::rsa4096;
  check(rnp_op_generate_create(&raw, ffi.get(), rsa ? "RSA" : "EDDSA"), "new key");
  const GenerateOp op(raw);
  if (rsa) check(rnp_op_generate_set_bits(op.get(), 4096), "new key");
  check(rnp_op_generate_set_hash(op.get(), rsa ? "SHA512" : "SHA256"), "new key");
  check(rnp_op_generate_set_userid(op.get(), user.c_str()), "new key");
  check(rnp_op_generate_add_usage(op.get(), "sign"), "new key");
  check(rnp_op_generate_add_usage(op.get(), "certify"), "new key");
  for (const char* hash : {"SHA512", "SHA384", "SHA256"}) check(rnp_op_generate_add_pref_hash(op.get(), hash), "new key");
  check(rnp_op_generate_set_expiration(op.get(), wanted.lifetime.value_or(0)), "new key");
  if (!wanted.passphrase.empty()) {
    check(rnp_op_generate_set_protection_password(op.get(), wanted.passphrase.c_str()), "new key");
    check(rnp_op_generate_set_protection_cipher(op.get(), "AES256"), "new key");
    check(rnp_op_generate_set_protection_hash(op.get(), "SHA256"), "new key");
  }
  check(rnp_op_generate_execute(op.get()), "new key");
  rnp_key_handle_t raw_key = nullptr;
  check(rnp_op_generate_get_key(op.get(), &raw_key), "new key");
  const Key key(raw_key);

  KeyPair pair;
  const auto secret = memory_output();
  check(rnp_key_export(key.get(), secret.get(), RNP_KEY_EXPORT_SECRET), "new key");
  std::string bytes = bytes_of(secret);
  const Wiper wiper(bytes);
  auto blocks = split_keys(as_bytes(bytes), "the new key");
  SIFKIT_CHECK(blocks.size() == 1);
  pair.secret = std::move(blocks.front());

  rnp_ffi_set_pass_provider(
      ffi.get(),
      [](rnp_ffi_t, void* context, rnp_key_handle_t, const char*, char* buffer, std::size_t size) {
        const auto& word = *static_cast<const std::string*>(context);
        if (word.size() >= size) return false;
        std::memcpy(buffer, word.c_str(), word.size() + 1);
        return true;
      },
      const_cast<std::string*>(&wanted.passphrase));
  const auto certificate = memory_output();
  check(rnp_key_export_revocation(key.get(), certificate.get(), RNP_KEY_EXPORT_ARMORED, "SHA256", "no", nullptr), "revocation certificate");
  pair.revocation = bytes_of(certificate);
  std::erase(pair.revocation, '\r');
  return pair;
}

}  // namespace sifkit::trust

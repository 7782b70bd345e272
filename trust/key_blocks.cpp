// SPDX-License-Identifier: Apache-2.0
#include "key_blocks.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "base64.h"
#include "pgp_packet.h"
#include "rnp.h"

namespace sifkit::trust {

namespace {

using namespace rnp;

constexpr std::string_view kArmorBegin = "-----BEGIN PGP ";
constexpr std::string_view kArmorEnd = "-----END PGP ";
constexpr std::size_t kKeyboxMark = 8;
constexpr unsigned kLeastSecurityBits = 112;
enum PacketTag : unsigned { kSignature = 2, kSecretKey = 5, kPublicKey = 6, kMarker = 10 };

/// Loads what can be loaded; a key of a kind that the library does not know is passed over.
void load(const Ffi& ffi, ByteView keys) {
  const auto input = input_over(keys);
  const auto result = rnp_import_keys(ffi.get(), input.get(), RNP_LOAD_SAVE_PUBLIC_KEYS | RNP_LOAD_SAVE_SECRET_KEYS | RNP_LOAD_SAVE_PERMISSIVE, nullptr);
  if (result == RNP_ERROR_OUT_OF_MEMORY) throw std::bad_alloc();
  require_memory();
}

Key primary_key(const Ffi& ffi) {
  rnp_identifier_iterator_t raw = nullptr;
  check(rnp_identifier_iterator_create(ffi.get(), &raw, "fingerprint"), "list keys");
  const KeyIterator iterator(raw);
  const char* text = nullptr;
  while (rnp_identifier_iterator_next(iterator.get(), &text) == RNP_SUCCESS && text != nullptr) {
    Key key = located(ffi.get(), text);
    bool primary = false;
    if (key && rnp_key_is_primary(key.get(), &primary) == RNP_SUCCESS && primary) return key;
  }
  return nullptr;
}

/// NIST SP 800-56B revision 2, table 4, for numbers of RSA's kind, which count as the row below them; half the size of a
/// curve.
unsigned strength_of(std::string_view algorithm, std::string_view curve, unsigned bits) {
  if (curve == "Ed25519" || curve == "Curve25519") return 128;
  if (!curve.empty()) return bits / 2;
  if (algorithm != "RSA" && algorithm != "DSA" && algorithm != "ELGAMAL") return 0;
  static constexpr std::array<std::pair<unsigned, unsigned>, 6> kRows{{{8192, 200}, {6144, 176}, {4096, 152}, {3072, 128}, {2048, 112}, {1024, 80}}};
  const auto* const row = std::find_if(kRows.begin(), kRows.end(), [bits](const auto& r) { return bits >= r.first; });
  return row == kRows.end() ? 40 : row->second;
}

std::string problem_of(rnp_key_handle_t key, const PgpKeyInfo& info) {
  bool yes = false;
  if (rnp_key_is_revoked(key, &yes) == RNP_SUCCESS && yes) {
    char* reason = nullptr;
    const std::string said = rnp_key_get_revocation_reason(key, &reason) == RNP_SUCCESS ? taken(reason) : std::string();
    return said.empty() ? "is revoked" : "is revoked: " + said;
  }
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  if (info.expires && *info.expires <= now) return "has expired";
  if (info.created > now) return "is from the future";
  if (info.security_bits != 0 && info.security_bits < kLeastSecurityBits) return "is too weak";
  // A secret key that is locked cannot be checked by itself; its public half is what counts.
  if (info.part == KeyPart::public_key && rnp_key_is_valid(key, &yes) == RNP_SUCCESS && !yes) return "has no valid signature of its own";
  if (const auto where = secret_elsewhere(key); info.part == KeyPart::secret_key && !where.empty()) return fmt::format("has its secret {}", where);
  if (!info.can_sign) return "is not for signing";
  return {};
}

std::vector<std::string> user_ids_of(rnp_key_handle_t key) {
  std::vector<std::string> ids;
  std::size_t count = 0;
  check(rnp_key_get_uid_count(key, &count), "user ids");
  for (std::size_t i = 0; i < count; ++i) {
    char* text = nullptr;
    if (rnp_key_get_uid_at(key, i, &text) == RNP_SUCCESS) ids.push_back(taken(text));
  }
  const auto first = std::find(ids.begin(), ids.end(), user_of(key));
  if (first != ids.end()) std::rotate(ids.begin(), first, first + 1);
  return ids;
}

/// RFC 9580, section 5.5.2: the first byte of a key's packet.
unsigned version_of(ByteView block) {
  ByteReader reader(block, "OpenPGP key");
  return std::to_integer<unsigned>(ByteReader(read_packet(reader).body, "OpenPGP key").take(1, "version")[0]);
}

PgpKeyInfo describe(ByteView block, KeyPart part) {
  PgpKeyInfo info;
  info.part = part;
  const Ffi ffi = engine();
  load(ffi, block);
  const Key key = primary_key(ffi);
  const std::string fingerprint = key ? fingerprint_of(key.get()) : std::string();
  if (fingerprint.size() != kFingerprintDigits) {
    require_memory();
    const unsigned version = version_of(block);
    info.problem = version == 4 ? "is of a kind that is not known here" : fmt::format("is of version {}, which is not known here", version);
    return info;
  }
  info.fingerprint = fingerprint;
  char* text = nullptr;
  if (rnp_key_get_alg(key.get(), &text) == RNP_SUCCESS) info.algorithm = taken(text);
  if (rnp_key_get_curve(key.get(), &text) == RNP_SUCCESS) info.curve = taken(text);
  std::uint32_t number = 0;
  if (rnp_key_get_bits(key.get(), &number) == RNP_SUCCESS) info.bits = number;
  info.security_bits = strength_of(info.algorithm, info.curve, info.bits);
  if (rnp_key_get_creation(key.get(), &number) == RNP_SUCCESS) info.created = number;
  if (rnp_key_get_expiration(key.get(), &number) == RNP_SUCCESS && number != 0) info.expires = info.created + number;
  if (part == KeyPart::secret_key) check(rnp_key_is_protected(key.get(), &info.locked), "secret key");
  check(rnp_key_allows_usage(key.get(), "sign", &info.can_sign), "usage of a key");
  info.user_ids = user_ids_of(key.get());
  info.problem = problem_of(key.get(), info);
  require_memory();
  return info;
}

KeyBlock make_block(Bytes bytes, KeyPart part) {
  KeyBlock block{std::move(bytes), {}};
  block.info = describe(block.bytes, part);
  return block;
}

KeyBlock exported(const Key& key) {
  const auto output = memory_output();
  check(rnp_key_export(key.get(), output.get(), RNP_KEY_EXPORT_PUBLIC | RNP_KEY_EXPORT_SUBKEYS), "copy a key");
  const std::string text = bytes_of(output);
  const auto bytes = as_bytes(text);
  if (bytes.size() > kMostKeyBytes) {
    throw Error(ErrorKind::limit, fmt::format("the key {} would have {} bytes, over the limit of {}", fingerprint_of(key.get()), bytes.size(), kMostKeyBytes));
  }
  return make_block({bytes.begin(), bytes.end()}, KeyPart::public_key);
}

Key required_key(const Ffi& ffi) {
  Key key = primary_key(ffi);
  SIFKIT_CHECK(key != nullptr);
  return key;
}

/// The checksum line of an armored block, which may be absent; the library only warns of a wrong one.
void verify_checksum(std::string_view block, ByteView packets, std::string_view name) {
  const auto line = block.rfind("\n=");
  if (line == std::string_view::npos) return;
  if (block.substr(line + 2, 4) != armor_checksum(packets)) throw Error(ErrorKind::malformed, fmt::format("{}: the checksum of an armored block does not match", printable(name)));
}

}  // namespace

Bytes without_armor(ByteView keys, std::string_view name) {
  const auto text = as_text(keys);
  if (keys.size() > kMostRingBytes) {
    throw Error(ErrorKind::limit, fmt::format("{}: {} bytes of keys are over the limit of {}", printable(name), keys.size(), kMostRingBytes));
  }
  if (text.size() > kKeyboxMark && text.substr(kKeyboxMark).starts_with("KBXf")) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: a keybox of GnuPG is not read", printable(name)), "'gpg --export' writes the keys that are in it");
  }
  // The first bit of every packet is set, so no binary ring begins like text.
  if (keys.empty() || std::to_integer<unsigned>(keys[0]) >= 0x80) return {keys.begin(), keys.end()};
  Bytes out;
  for (auto begin = text.find(kArmorBegin); begin != std::string_view::npos; begin = text.find(kArmorBegin, begin)) {
    const auto end = text.find(kArmorEnd, begin);
    if (end == std::string_view::npos) throw Error(ErrorKind::malformed, fmt::format("{}: the armored block at byte {} has no end", printable(name), begin));
    const auto stop = std::min(text.find('\n', end), text.size());
    const auto input = input_over(as_bytes(text.substr(begin, stop - begin)));
    const auto output = memory_output();
    check(rnp_dearmor(input.get(), output.get()), fmt::format("{}: armored block at byte {}", printable(name), begin));
    const std::string packets = bytes_of(output);
    verify_checksum(text.substr(begin, end - begin), as_bytes(packets), name);
    out.insert(out.end(), as_bytes(packets).begin(), as_bytes(packets).end());
    begin = stop;
  }
  if (out.empty()) throw Error(ErrorKind::malformed, fmt::format("{}: expected OpenPGP keys, armored or binary", printable(name)));
  return out;
}

bool is_lone_signature(ByteView packets) {
  ByteReader reader(packets, "OpenPGP data");
  return reader.left() != 0 && read_packet(reader).tag == kSignature;
}

std::vector<KeyBlock> split_keys(ByteView packets, std::string_view name) {
  std::vector<std::pair<std::size_t, KeyPart>> starts;
  ByteReader reader(packets, std::string(name));
  while (reader.left() != 0) {
    const auto at = reader.offset();
    const auto packet = read_packet(reader);
    if (packet.tag == kSecretKey || packet.tag == kPublicKey) {
      starts.emplace_back(at, packet.tag == kSecretKey ? KeyPart::secret_key : KeyPart::public_key);
    } else if (starts.empty() && packet.tag != kMarker) {
      throw Error(ErrorKind::malformed, fmt::format("{}: offset {}: expected a key, found an OpenPGP packet with tag {}", printable(name), at, packet.tag));
    }
  }
  if (starts.size() > kMostKeys) {
    throw Error(ErrorKind::limit, fmt::format("{}: {} keys are over the limit of {}", printable(name), starts.size(), kMostKeys));
  }
  std::vector<KeyBlock> blocks;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto [at, part] = starts[i];
    const auto bytes = packets.subspan(at, (i + 1 < starts.size() ? starts[i + 1].first : packets.size()) - at);
    if (bytes.size() > kMostKeyBytes) {
      throw Error(ErrorKind::limit, fmt::format("{}: the key at offset {} has {} bytes, over the limit of {}", printable(name), at, bytes.size(), kMostKeyBytes),
                  "gpg --export-options export-minimal leaves out what others have signed");
    }
    blocks.push_back(make_block({bytes.begin(), bytes.end()}, part));
  }
  return blocks;
}

KeyBlock public_half(const KeyBlock& block) {
  const Ffi ffi = engine();
  load(ffi, block.bytes);
  return exported(required_key(ffi));
}

KeyBlock merged(const KeyBlock& old, const KeyBlock& fresh) {
  const Ffi ffi = engine();
  load(ffi, old.bytes);
  load(ffi, fresh.bytes);
  return exported(required_key(ffi));
}

KeyBlock with_signature(const KeyBlock& key, ByteView signature) {
  const Ffi ffi = engine();
  load(ffi, key.bytes);
  const auto input = input_over(signature);
  check(rnp_import_signatures(ffi.get(), input.get(), 0, nullptr), "a signature for " + key.info.fingerprint);
  return exported(required_key(ffi));
}

std::string armored(const KeyBlock& block) {
  const auto input = input_over(block.bytes);
  const auto output = memory_output();
  check(rnp_enarmor(input.get(), output.get(), block.info.part == KeyPart::secret_key ? "secret key" : "public key"), "armor");
  std::string text = bytes_of(output);
  std::erase(text, '\r');
  return text;
}

std::string_view to_string(KeyPart part) noexcept { return part == KeyPart::public_key ? "public" : "secret"; }

std::string pgp_library_version() { return rnp_version_string(); }

std::vector<PgpKeyInfo> read_pgp_keys(ByteView keys, std::string_view name) {
  std::vector<PgpKeyInfo> out;
  for (auto& block : split_keys(without_armor(keys, name), name)) out.push_back(std::move(block.info));
  return out;
}

std::string fingerprint_digits(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::string out;
  for (const char c : text) {
    if (c == ' ') continue;
    if (c >= '0' && c <= '9') {
      out += c;
    } else if ((c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f')) {
      out += static_cast<char>(c & ~0x20);
    } else {
      return {};
    }
  }
  return out.size() >= 16 && out.size() <= 40 ? out : std::string();
}

std::string require_fingerprint(std::string_view text) {
  auto digits = fingerprint_digits(text);
  if (digits.size() != kFingerprintDigits) {
    throw Error(ErrorKind::usage, fmt::format("{} is not a full fingerprint ({} hex digits)", in_quotes(text), kFingerprintDigits), "'sifkit key search' shows fingerprints");
  }
  return digits;
}

bool is_meant(const PgpKeyInfo& key, std::string_view which) {
  if (const auto digits = fingerprint_digits(which); !digits.empty()) return !key.fingerprint.empty() && key.fingerprint.ends_with(digits);
  return std::any_of(key.user_ids.begin(), key.user_ids.end(), [which](const std::string& id) { return id.find(which) != std::string::npos; });
}

}  // namespace sifkit::trust

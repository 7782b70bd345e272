// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/key_store.h>

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/secret.h>

#include "key_blocks.h"
#include "key_files.h"
#include "key_generation.h"
#include "pgp_key_signature.h"
#include "pgp_packet.h"
#include "transferable_key.h"

namespace sifkit::trust {

namespace {

using Blocks = std::vector<KeyBlock>;

Blocks load(const KeyStore& store, KeyPart part) {
  auto bytes = store.read(part);
  const Wiper wiper(bytes);
  const auto name = store.ring(part).native();
  auto packets = without_armor(bytes, name);
  const Wiper packets_wiper(packets);
  return split_keys(packets, name);
}

void save(const KeyStore& store, KeyPart part, const Blocks& blocks) {
  Bytes bytes;
  const Wiper wiper(bytes);
  for (const auto& block : blocks) bytes.insert(bytes.end(), block.bytes.begin(), block.bytes.end());
  if (bytes.size() > kMaxRingBytes || blocks.size() > kMaxKeys) {
    throw Error(ErrorKind::limit, fmt::format("{} would have {} keys of {} bytes, over the limit of {} keys of {} bytes", in_quotes(store.ring(part).native()), blocks.size(),
                                              bytes.size(), kMaxKeys, kMaxRingBytes));
  }
  write_private_file(store.ring(part), bytes);
}

KeyBlock* with_fingerprint(Blocks& blocks, std::string_view fingerprint) {
  const auto at = std::find_if(blocks.begin(), blocks.end(), [&](const KeyBlock& block) { return block.info.fingerprint == fingerprint; });
  return at == blocks.end() ? nullptr : &*at;
}

const KeyBlock& the_one(const Blocks& blocks, std::string_view which, const KeyStore& store, KeyPart part) {
  std::vector<PgpKeyInfo> keys;
  for (const auto& block : blocks) keys.push_back(block.info);
  return blocks.at(key_meant(keys, which, to_string(part), store.ring(part).native()));
}

/// False where `fresh`, packets of the same key, says nothing new.
bool put_in(KeyBlock& old, ByteView fresh) {
  auto both = merged(old, fresh);
  if (!both) return false;
  wipe(old.bytes);
  old = std::move(*both);
  return true;
}

ImportedKey add(Blocks& ring, const KeyBlock& fresh) {
  KeyBlock* old = with_fingerprint(ring, fresh.info.fingerprint);
  if (old == nullptr) {
    ring.push_back(fresh);
    return {fresh.info, ImportedKey::Change::added};
  }
  const bool more = put_in(*old, fresh.bytes);
  return {old->info, more ? ImportedKey::Change::updated : ImportedKey::Change::unchanged};
}

Bytes all_packets(const Blocks& ring) {
  Bytes packets;
  for (const auto& block : ring) packets.insert(packets.end(), block.bytes.begin(), block.bytes.end());
  return packets;
}

/// Puts a signature that revokes it onto a key; false where it is there already. `revokers` are for the description.
bool put_revocation(KeyBlock& block, const PlacedPacket& revocation, const RevokerSource& revokers) {
  auto key = take_apart(block.bytes);
  auto& signatures = key.primary.signatures;
  const auto body = revocation.body;
  const bool there = std::any_of(signatures.begin(), signatures.end(), [body](const PlacedPacket& other) { return std::equal(body.begin(), body.end(), other.body.begin(), other.body.end()); });
  if (there) return false;
  signatures.insert(signatures.begin(), revocation);
  auto bytes = put_together(key);
  require_key_size(bytes.size(), block.info.fingerprint);
  wipe(block.bytes);
  block.bytes = std::move(bytes);
  block.info = describe_key({block.bytes, block.info.part, {block.info.fingerprint}}, revokers);
  return true;
}

/// The two rings of a store, of which the secret one is read where it is asked for.
class Rings {
 public:
  explicit Rings(const KeyStore& store) : store_(store), public_(load(store, KeyPart::public_key)) {}
  ~Rings() {
    if (!secret_) return;
    for (auto& block : *secret_) wipe(block.bytes);
  }
  Rings(const Rings&) = delete;
  Rings& operator=(const Rings&) = delete;

  Blocks& public_ring() { return public_; }
  Blocks& secret_ring() {
    if (!secret_) secret_ = load(store_, KeyPart::secret_key);
    return *secret_;
  }

  void save_changed() const {
    // The secret ring first: what is lost between the two can be made from it.
    if (secret_changed) save(store_, KeyPart::secret_key, *secret_);
    if (public_changed) save(store_, KeyPart::public_key, public_);
  }

  bool public_changed = false;
  bool secret_changed = false;

 private:
  const KeyStore& store_;
  Blocks public_;
  std::optional<Blocks> secret_;
};

/// The key that a lone signature revokes, in both rings, or nobody would be kept from signing with it: its own one, or one
/// whose owner has named the signer for that.
ImportedKey revoke(Rings& rings, ByteView certificate, std::string_view name) {
  const auto signature = parse_signature_packet(certificate);
  if (signature.type != kKeyRevocation) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: a signature of type {:#04x} is no revocation of a key ({:#04x})", printable(name), signature.type, unsigned{kKeyRevocation}));
  }
  const auto packets = all_packets(rings.public_ring());
  const auto places = place_keys(packets, name);
  const auto revokers = revokers_in(places);
  ByteReader reader(certificate, "OpenPGP signature");
  const auto body = read_packet(reader).body;
  const PlacedPacket revocation{kSignatureTag, body, certificate};
  std::optional<ImportedKey> done;
  const auto revoke_in = [&](Blocks& ring, bool& changed) {
    for (auto& block : ring) {
      if (block.info.fingerprint.empty() || !is_revocation_of(block.bytes, body, revokers)) continue;
      const bool fresh = put_revocation(block, revocation, revokers);
      changed |= fresh;
      if (!done) done = {block.info, ImportedKey::Change::unchanged};
      if (fresh) done->change = ImportedKey::Change::updated;
    }
  };
  revoke_in(rings.public_ring(), rings.public_changed);
  revoke_in(rings.secret_ring(), rings.secret_changed);
  if (done) return *std::move(done);
  const auto issuer = signature.issuer_fingerprint.empty() ? signature.issuer_key_id : signature.issuer_fingerprint;
  throw Error(ErrorKind::not_found, fmt::format("{}: a signature by the key {}, which revokes no key that is there", printable(name), issuer), "import the key first");
}

/// Puts onto a secret key what its public half says of it since: a later expiry, a revocation. Of subkeys it takes none
/// that is not there, for its secret is elsewhere; what others have signed it leaves to the public ring. False where there
/// is nothing new.
bool bring_up_to_date(KeyBlock& secret, ByteView public_half, const RevokerSource& revokers) {
  // Both halves together, the secret one first: what it holds already does not come again in other words.
  Bytes both;
  const Wiper both_wiper(both);
  both.reserve(secret.bytes.size() + public_half.size());
  append(both, secret.bytes);
  append(both, public_half);
  auto own = own_part(both, revokers);
  const auto there = take_apart(secret.bytes).subkeys;
  std::erase_if(own.subkeys, [&](const KeyComponent& subkey) {
    return std::none_of(there.begin(), there.end(),
                        [&](const KeyComponent& other) { return other.fingerprint == subkey.fingerprint; });
  });
  Bytes fresh = put_together(own);
  const Wiper fresh_wiper(fresh);
  return put_in(secret, fresh);
}

bool is_revoked(const KeyBlock& block, const RevokerSource& revokers) {
  const auto own = own_part(block.bytes, revokers);
  const auto revokes = [](const PlacedPacket& packet) {
    const auto signature = parse_key_signature(packet.body);
    return signature && (signature->type == kKeyRevocation || signature->type == kSubkeyRevocation);
  };
  const auto holds_one = [&](const KeyComponent& component) {
    return std::any_of(component.signatures.begin(), component.signatures.end(), revokes);
  };
  return holds_one(own.primary) || std::any_of(own.subkeys.begin(), own.subkeys.end(), holds_one);
}

/// The secret ring, or null where it cannot be read and does not have to be: public keys that nothing revokes are
/// imported without it, and the import of any half brings it up to date later.
Blocks* secret_ring_for(const std::vector<ImportedKey>& done, Rings& rings, const RevokerSource& revokers) {
  try {
    return &rings.secret_ring();
  } catch (const Error&) {
    const bool needed = std::any_of(done.begin(), done.end(), [&](const ImportedKey& imported) {
      const KeyBlock* const known = with_fingerprint(rings.public_ring(), imported.key.fingerprint);
      return imported.key.part == KeyPart::secret_key || known == nullptr || is_revoked(*known, revokers);
    });
    if (needed) throw;
    return nullptr;
  }
}

/// What is signed onto keys of the public ring is so in the secret one, whichever of them came last. Then describes what was
/// imported as it is beside the keys of the ring, which may have revoked it.
void finish(std::vector<ImportedKey>& done, Rings& rings) {
  const auto packets = all_packets(rings.public_ring());
  const auto places = place_keys(packets, "the ring");
  const auto revokers = revokers_in(places);
  Blocks* const secret_ring = secret_ring_for(done, rings, revokers);
  for (auto& imported : done) {
    if (secret_ring == nullptr) break;
    const KeyBlock* const known = with_fingerprint(rings.public_ring(), imported.key.fingerprint);
    KeyBlock* const secret = with_fingerprint(*secret_ring, imported.key.fingerprint);
    if (secret == nullptr || !bring_up_to_date(*secret, known->bytes, revokers)) continue;
    rings.secret_changed = true;
    if (imported.change == ImportedKey::Change::unchanged) imported.change = ImportedKey::Change::updated;
  }
  for (auto& imported : done) {
    auto& key = imported.key;
    const auto& ring = key.part == KeyPart::secret_key ? rings.secret_ring() : rings.public_ring();
    const auto block = std::find_if(ring.begin(), ring.end(), [&](const KeyBlock& other) { return other.info.fingerprint == key.fingerprint; });
    if (block != ring.end()) key = describe_key({block->bytes, key.part, {}}, revokers);
  }
}

void require_known(const KeyBlock& block, std::string_view name) {
  if (block.info.fingerprint.empty()) throw Error(ErrorKind::unsupported, fmt::format("{}: a key {} (version 4 is)", printable(name), block.info.problem));
}

}  // namespace

std::string_view to_string(ImportedKey::Change change) noexcept {
  switch (change) {
    case ImportedKey::Change::added: return "added";
    case ImportedKey::Change::updated: return "updated";
    case ImportedKey::Change::unchanged: break;
  }
  return "unchanged";
}

std::filesystem::path KeyStore::default_directory() {
  if (const auto directory = environment_variable("SIFKIT_CONFIGDIR"); !directory.empty()) return std::filesystem::path(directory) / "keys";
  // A relative XDG path counts as not set (XDG base directory specification).
  if (const auto directory = environment_variable("XDG_CONFIG_HOME"); directory.starts_with('/')) return std::filesystem::path(directory) / "sifkit" / "keys";
  return home_directory() / ".config" / "sifkit" / "keys";
}

std::filesystem::path KeyStore::apptainer_directory() {
  if (auto keys = first_environment_variable({"APPTAINER_KEYSDIR", "SINGULARITY_SYPGPDIR"}); !keys.empty()) return keys;
  const std::filesystem::path directory = first_environment_variable({"APPTAINER_CONFIGDIR", "SINGULARITY_CONFIGDIR"});
  return (directory.empty() ? home_directory() / ".apptainer" : directory) / "keys";
}

std::filesystem::path KeyStore::singularity_directory() {
  if (auto keys = environment_variable("SINGULARITY_SYPGPDIR"); !keys.empty()) return keys;
  const std::filesystem::path directory = environment_variable("SINGULARITY_CONFIGDIR");
  return (directory.empty() ? home_directory() / ".singularity" : directory) / "sypgp";
}

Bytes KeyStore::read(KeyPart part) const {
  std::error_code failed;
  if (!std::filesystem::exists(std::filesystem::symlink_status(ring(part), failed))) {
    if (failed && failed != std::errc::no_such_file_or_directory && failed != std::errc::not_a_directory) throw_errno(fmt::format("look at {}", in_quotes(ring(part).native())), failed.value());
    return {};
  }
  check_private_directory(directory_);
  return read_guarded(ring(part), part);
}

std::vector<PgpKeyInfo> KeyStore::list(KeyPart part) const {
  std::vector<PgpKeyInfo> out;
  for (auto& block : load(*this, part)) out.push_back(std::move(block.info));
  return out;
}

PgpKeyInfo KeyStore::find(std::string_view which, KeyPart part) const { return the_one(load(*this, part), which, *this, part).info; }

std::vector<ImportedKey> KeyStore::import_keys(ByteView keys, std::string_view name, bool with_secret) const {
  const auto packets = without_armor(keys, name);
  const bool certificate = is_lone_signature(packets, name);
  const auto fresh = certificate ? Blocks() : split_keys(packets, name);
  if (fresh.empty() && !certificate) throw Error(ErrorKind::malformed, fmt::format("{}: expected OpenPGP keys, found none", printable(name)));
  for (const auto& block : fresh) require_known(block, name);

  const DirectoryLock lock(directory_);
  Rings rings(*this);
  if (certificate) {
    const auto done = revoke(rings, packets, name);
    rings.save_changed();
    return {done};
  }
  std::vector<ImportedKey> done;
  for (const auto& block : fresh) {
    const bool secret = block.info.part == KeyPart::secret_key;
    auto result = add(rings.public_ring(), secret ? public_half(block) : block);
    rings.public_changed |= result.change != ImportedKey::Change::unchanged;
    if (secret && with_secret) {
      result = add(rings.secret_ring(), block);
      rings.secret_changed |= result.change != ImportedKey::Change::unchanged;
    }
    done.push_back(std::move(result));
  }
  finish(done, rings);
  rings.save_changed();
  return done;
}

Bytes KeyStore::export_key(std::string_view which, KeyPart part, bool as_armor) const {
  const auto blocks = load(*this, part);
  const auto& block = the_one(blocks, which, *this, part);
  if (!as_armor) return block.bytes;
  const auto text = armored(block);
  return {as_bytes(text).begin(), as_bytes(text).end()};
}

PgpKeyInfo KeyStore::remove(std::string_view which, KeyPart part) const {
  const DirectoryLock lock(directory_);
  auto blocks = load(*this, part);
  const auto info = the_one(blocks, which, *this, part).info;
  std::erase_if(blocks, [&](const KeyBlock& block) { return block.info.fingerprint == info.fingerprint; });
  save(*this, part, blocks);
  return info;
}

PgpKeyInfo KeyStore::generate(const NewPgpKey& wanted) const {
  // Said before the work, which may take seconds.
  std::error_code failed;
  if (std::filesystem::exists(directory_, failed) || failed) check_private_directory(directory_);
  const auto pair = generate_key_pair(wanted);
  const auto& info = pair.secret.info;
  const auto certificates = directory_ / "revocations";
  make_private_directory(certificates);
  write_private_file(certificates / (info.fingerprint + ".asc"), as_bytes(pair.revocation));
  import_keys(pair.secret.bytes, "the new key", true);
  return info;
}

std::vector<std::filesystem::path> site_key_rings() {
  std::vector<std::filesystem::path> rings;
  for (const char* directory : {"/etc/apptainer", "/usr/local/etc/apptainer", "/etc/singularity", "/usr/local/etc/singularity"}) {
    auto ring = std::filesystem::path(directory) / "global-pgp-public";
    std::error_code ignored;
    if (std::filesystem::exists(ring, ignored)) rings.push_back(std::move(ring));
  }
  return rings;
}

}  // namespace sifkit::trust

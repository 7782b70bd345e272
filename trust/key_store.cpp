// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/key_store.h>

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>

#include "key_blocks.h"
#include "key_files.h"
#include "key_generation.h"
#include "pgp_packet.h"

namespace sifkit::trust {

namespace {

using Blocks = std::vector<KeyBlock>;

Blocks load(const KeyStore& store, KeyPart part) {
  const auto bytes = store.read(part);
  const auto name = store.ring(part).native();
  return split_keys(without_armor(bytes, name), name);
}

void save(const KeyStore& store, KeyPart part, const Blocks& blocks) {
  Bytes bytes;
  for (const auto& block : blocks) bytes.insert(bytes.end(), block.bytes.begin(), block.bytes.end());
  if (bytes.size() > kMostRingBytes || blocks.size() > kMostKeys) {
    throw Error(ErrorKind::limit, fmt::format("{} would have {} keys of {} bytes, over the limit of {} keys of {} bytes", in_quotes(store.ring(part).native()), blocks.size(),
                                              bytes.size(), kMostKeys, kMostRingBytes));
  }
  write_private_file(store.ring(part), bytes);
  if (part == KeyPart::secret_key) OPENSSL_cleanse(bytes.data(), bytes.size());
}

KeyBlock* with_fingerprint(Blocks& blocks, std::string_view fingerprint) {
  const auto at = std::find_if(blocks.begin(), blocks.end(), [&](const KeyBlock& block) { return block.info.fingerprint == fingerprint; });
  return at == blocks.end() ? nullptr : &*at;
}

std::string listing(const std::vector<const KeyBlock*>& blocks) {
  std::string out = "there are: ";
  for (const auto* block : blocks) {
    if (out.size() > 1000) return out + " …";
    out += (block == blocks.front() ? "" : "; ") + block->info.fingerprint + " " + (block->info.user_ids.empty() ? "" : printable(block->info.user_ids.front(), 80));
  }
  return out;
}

const KeyBlock& the_one(const Blocks& blocks, std::string_view which, const KeyStore& store, KeyPart part) {
  std::vector<const KeyBlock*> all;
  std::vector<const KeyBlock*> meant;
  for (const auto& block : blocks) {
    all.push_back(&block);
    if (is_meant(block.info, which)) meant.push_back(&block);
  }
  const auto ring = in_quotes(store.ring(part).native());
  if (meant.empty()) throw Error(ErrorKind::not_found, fmt::format("no {} key {} in {}", to_string(part), in_quotes(which), ring), all.empty() ? "" : listing(all));
  if (meant.size() > 1) throw Error(ErrorKind::usage, fmt::format("{} means several {} keys in {}", in_quotes(which), to_string(part), ring), listing(meant));
  return *meant.front();
}

ImportedKey add_public(Blocks& ring, const KeyBlock& fresh) {
  KeyBlock* old = with_fingerprint(ring, fresh.info.fingerprint);
  if (old == nullptr) {
    ring.push_back(fresh);
    return {fresh.info, ImportedKey::Change::added};
  }
  auto both = merged(*old, fresh);
  if (both.bytes == merged(*old, *old).bytes) return {old->info, ImportedKey::Change::unchanged};
  *old = std::move(both);
  return {old->info, ImportedKey::Change::updated};
}

ImportedKey add_secret(Blocks& ring, const KeyBlock& fresh) {
  if (const KeyBlock* old = with_fingerprint(ring, fresh.info.fingerprint)) return {old->info, ImportedKey::Change::unchanged};
  ring.push_back(fresh);
  return {fresh.info, ImportedKey::Change::added};
}

ImportedKey revoke(Blocks& ring, ByteView certificate, std::string_view name) {
  const auto signature = parse_signature_packet(certificate);
  const auto issuer = signature.issuer_fingerprint.empty() ? signature.issuer_key_id : signature.issuer_fingerprint;
  const auto key = std::find_if(ring.begin(), ring.end(), [&](const KeyBlock& block) { return !issuer.empty() && block.info.fingerprint.ends_with(issuer); });
  if (key == ring.end()) throw Error(ErrorKind::not_found, fmt::format("{}: a signature by the key {}, which is not there", printable(name), issuer), "import the key first");
  auto changed = with_signature(*key, certificate);
  const bool same = changed.bytes == merged(*key, *key).bytes;
  if (same) return {key->info, ImportedKey::Change::unchanged};
  *key = std::move(changed);
  return {key->info, ImportedKey::Change::updated};
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

std::filesystem::path KeyStore::default_folder() {
  if (const auto folder = environment_variable("SIFKIT_CONFIGDIR"); !folder.empty()) return std::filesystem::path(folder) / "keys";
  // A relative XDG path counts as not set (XDG base directory specification).
  if (const auto folder = environment_variable("XDG_CONFIG_HOME"); folder.starts_with('/')) return std::filesystem::path(folder) / "sifkit" / "keys";
  return home_folder() / ".config" / "sifkit" / "keys";
}

std::filesystem::path KeyStore::apptainer_folder() {
  if (auto keys = first_environment_variable({"APPTAINER_KEYSDIR", "SINGULARITY_SYPGPDIR"}); !keys.empty()) return keys;
  const std::filesystem::path folder = first_environment_variable({"APPTAINER_CONFIGDIR", "SINGULARITY_CONFIGDIR"});
  return (folder.empty() ? home_folder() / ".apptainer" : folder) / "keys";
}

std::filesystem::path KeyStore::singularity_folder() {
  if (auto keys = environment_variable("SINGULARITY_SYPGPDIR"); !keys.empty()) return keys;
  const std::filesystem::path folder = environment_variable("SINGULARITY_CONFIGDIR");
  return (folder.empty() ? home_folder() / ".singularity" : folder) / "sypgp";
}

Bytes KeyStore::read(KeyPart part) const {
  std::error_code failed;
  if (!std::filesystem::exists(std::filesystem::symlink_status(ring(part), failed))) {
    if (failed && failed != std::errc::no_such_file_or_directory && failed != std::errc::not_a_directory) throw_errno(fmt::format("look at {}", in_quotes(ring(part).native())), failed.value());
    return {};
  }
  check_private_folder(folder_);
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
  const bool certificate = is_lone_signature(packets);
  const auto fresh = certificate ? Blocks() : split_keys(packets, name);
  if (fresh.empty() && !certificate) throw Error(ErrorKind::malformed, fmt::format("{}: expected OpenPGP keys, found none", printable(name)));
  for (const auto& block : fresh) require_known(block, name);

  const FolderLock lock(folder_);
  auto public_ring = load(*this, KeyPart::public_key);
  if (certificate) {
    const auto done = revoke(public_ring, packets, name);
    if (done.change != ImportedKey::Change::unchanged) save(*this, KeyPart::public_key, public_ring);
    return {done};
  }
  const bool any_secret = with_secret && std::any_of(fresh.begin(), fresh.end(), [](const KeyBlock& block) { return block.info.part == KeyPart::secret_key; });
  auto secret_ring = any_secret ? load(*this, KeyPart::secret_key) : Blocks();
  std::vector<ImportedKey> done;
  bool public_changed = false;
  bool secret_changed = false;
  for (const auto& block : fresh) {
    const bool secret = block.info.part == KeyPart::secret_key;
    auto result = add_public(public_ring, secret ? public_half(block) : block);
    public_changed |= result.change != ImportedKey::Change::unchanged;
    if (secret && with_secret) {
      result = add_secret(secret_ring, block);
      secret_changed |= result.change != ImportedKey::Change::unchanged;
    }
    done.push_back(std::move(result));
  }
  // The secret ring first: what is lost between the two can be made from it.
  if (secret_changed) save(*this, KeyPart::secret_key, secret_ring);
  if (public_changed) save(*this, KeyPart::public_key, public_ring);
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
  if (fingerprint_digits(which).empty()) throw Error(ErrorKind::usage, fmt::format("{} is not a fingerprint", in_quotes(which)), "'sifkit key list' shows fingerprints");
  const FolderLock lock(folder_);
  auto blocks = load(*this, part);
  const auto info = the_one(blocks, which, *this, part).info;
  std::erase_if(blocks, [&](const KeyBlock& block) { return block.info.fingerprint == info.fingerprint; });
  save(*this, part, blocks);
  return info;
}

PgpKeyInfo KeyStore::generate(const NewPgpKey& wanted) const {
  // Said before the work, which may take seconds.
  if (std::filesystem::exists(folder_)) check_private_folder(folder_);
  const auto pair = generate_key_pair(wanted);
  const auto& info = pair.secret.info;
  const auto certificates = folder_ / "revocations";
  make_private_folder(certificates);
  write_private_file(certificates / (info.fingerprint + ".asc"), as_bytes(pair.revocation));
  import_keys(pair.secret.bytes, "the new key", true);
  return info;
}

std::vector<std::filesystem::path> site_key_rings() {
  std::vector<std::filesystem::path> rings;
  for (const char* folder : {"/etc/apptainer", "/usr/local/etc/apptainer", "/etc/singularity", "/usr/local/etc/singularity"}) {
    auto ring = std::filesystem::path(folder) / "global-pgp-public";
    std::error_code ignored;
    if (std::filesystem::exists(ring, ignored)) rings.push_back(std::move(ring));
  }
  return rings;
}

}  // namespace sifkit::trust

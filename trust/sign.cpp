// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/sif/image_editor.h>
#include <sifkit/trust/sign.h>

#include "dsse.h"
#include "metadata.h"
#include "object_digests.h"
#include "object_index.h"
#include "pgp.h"
#include "pgp_signer.h"
#include "signed_statement.h"

namespace sifkit::trust {

using namespace sif;

namespace {

using Groups = std::map<std::uint32_t, std::set<std::uint32_t>>;  ///< the objects of each that are signed

/// A signature's text and what its descriptor says.
struct Made {
  std::string text;
  SignatureInfo info{HashType::sha256, {}};
};

/// OpenPGP signatures hold their time as 32 bits.
std::uint32_t signing_time() {
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  if (now < 1 || now > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::unsupported, fmt::format("the clock stands at {} seconds since 1970, which an OpenPGP signature cannot say", now));
  }
  return static_cast<std::uint32_t>(now);
}

/// The keys, unlocked before anything else is done.
class Signers {
 public:
  explicit Signers(std::span<const SigningKey> keys) {
    for (const auto& key : keys) add(key);
    if (asymmetric_.empty() && pgp_.empty()) throw Error(ErrorKind::usage, "no key to sign with");
  }

  /// Whether a signature that names `keys` is by these and no others.
  bool are_all_of(const std::vector<std::string>& keys) const {
    return !keys.empty() && std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return std::any_of(asymmetric_.begin(), asymmetric_.end(),
                         [&](const AsymmetricKey& mine) { return mine.key_id() == key; }) ||
             std::any_of(pgp_.begin(), pgp_.end(),
                         [&](const PgpSecretKey& mine) { return to_upper_hex(mine.fingerprint) == key; });
    });
  }

  /// One envelope for all PEM keys, then one message for each OpenPGP key.
  std::vector<Made> sign(const std::string& payload) const {
    std::vector<Made> out;
    if (!asymmetric_.empty()) out.push_back({write_envelope(payload, asymmetric_)});
    for (const auto& key : pgp_) {
      Made made{clear_sign(payload, key.packet, key.issuer, signing_time())};
      std::copy(key.fingerprint.begin(), key.fingerprint.end(), made.info.fingerprint.begin());
      out.push_back(std::move(made));
    }
    return out;
  }

 private:
  void add(const SigningKey& key) {
    if (is_pem(key.text)) {
      asymmetric_.push_back(read_private_pem(key.text, key.name, key.passphrase));
      return;
    }
    const PgpKeyring ring(as_bytes(key.text), key.name);
    pgp_.push_back(ring.unlock({key.which, key.index}, key.passphrase));
  }

  std::vector<AsymmetricKey> asymmetric_;
  std::vector<PgpSecretKey> pgp_;
};

Groups chosen_objects(const ObjectIndex& index, const SignOptions& options) {
  Groups groups;
  const auto add_group = [&](std::uint32_t group) {
    for (const auto* member : index.members(group)) groups[group].insert(member->id);
  };
  for (const auto group : options.groups) {
    if (group == 0) throw Error(ErrorKind::usage, "invalid group ID");
    if (index.members(group).empty()) throw Error(ErrorKind::not_found, fmt::format("group {} not found", group));
    add_group(group);
  }
  for (const auto id : options.objects) {
    if (id == 0) throw Error(ErrorKind::usage, "invalid object ID");
    const auto* object = index.find(id);
    if (object == nullptr) throw Error(ErrorKind::not_found, fmt::format("object {} not found", id));
    if (object->group() == 0) throw Error(ErrorKind::usage, fmt::format("object {} is in no group", id));
    groups[object->group()].insert(id);
  }
  if (groups.empty()) {
    for (const auto* object : index.all()) {
      if (object->group() != 0) groups[object->group()].insert(object->id);
    }
  }
  if (groups.empty()) throw Error(ErrorKind::not_found, "no groups found");
  return groups;
}

ObjectSpec describe(std::uint32_t group, const SignatureInfo& info) {
  return {.type = DataType::signature, .group = 0, .link = group, .links_group = true, .extra = encode_extra(info)};
}

/// An old signature of the image, and what has become of what it says.
struct OldSignature {
  SignedStatement statement;
  StatementCheck check;
  std::string why_void;  ///< empty: it holds

  /// Whether it says nothing of objects other than `ids`.
  bool is_within(const std::set<std::uint32_t>& ids) const {
    const auto is_signed = [&](std::uint32_t id) { return ids.count(id) != 0; };
    return std::all_of(check.changed.begin(), check.changed.end(), is_signed) &&
           std::all_of(check.intact.begin(), check.intact.end(),
                       [&](const auto& object) { return is_signed(object.first); });
  }
};

std::vector<OldSignature> old_signatures(const Image& image, const ObjectIndex& index, const Limits& limits) {
  std::vector<OldSignature> out;
  for (auto& statement : read_statements(image, index, limits)) {
    auto check = statement.unreadable.empty() ? check_statement(image, index, statement.group, statement.metadata)
                                              : StatementCheck{};
    auto why = why_void(statement, check);
    out.push_back({std::move(statement), std::move(check), std::move(why)});
  }
  return out;
}

/// Signs the groups of one image, and looks at its old signatures on the way: their digests cost nothing more.
class Signing {
 public:
  Signing(const Image& image, const SignOptions& options)
      : image_(image),
        options_(options),
        index_(image),
        groups_(chosen_objects(index_, options)),
        old_(old_signatures(image, index_, options.limits)) {
    std::vector<ObjectHash> wanted;
    for (const auto& [group, ids] : groups_) {
      for (const auto id : ids) wanted.emplace_back(id, SignedHash::sha256);
    }
    for (const auto& old : old_) {
      for (const auto& [id, data] : old.check.intact) {
        if (is_signed_now(old, id)) wanted.emplace_back(id, data.hash);
      }
    }
    digests_ = hash_objects(image, wanted, options.threads, options.operation);
    for (auto& old : old_) compare_data(old);
  }

  std::vector<std::pair<std::uint32_t, std::string>> payloads() const {
    std::vector<std::pair<std::uint32_t, std::string>> out;
    for (const auto& [group, ids] : groups_) {
      ImageMetadata metadata;
      metadata.header = signed_digest_of(SignedHash::sha256, image_.header().integrity_bytes());
      for (const auto id : ids) {
        metadata.objects.push_back({id - index_.first_id(group),
                                    signed_digest_of(SignedHash::sha256, index_.integrity_bytes(*index_.find(id))),
                                    digests_.at({id, SignedHash::sha256})});
      }
      out.emplace_back(group, write_metadata(metadata));
    }
    return out;
  }

  SignReport report(const Signers& signers) const {
    SignReport out;
    for (const auto& old : old_) {
      const auto group = groups_.find(old.statement.group);
      const bool within = group != groups_.end() && old.is_within(group->second);
      if (options_.replace && within && (!old.why_void.empty() || signers.are_all_of(old.statement.keys))) {
        out.replaced.push_back(old.statement.id);
      } else if (!old.why_void.empty() && !is_a_part_by_intent(old)) {
        out.stale.push_back({old.statement.id, old.statement.group, old.why_void});
      }
    }
    for (const auto* object : index_.all()) {
      if (object->group() == 0 && object->type != DataType::signature) out.without_group.push_back(object->id);
    }
    return out;
  }

 private:
  bool is_signed_now(const OldSignature& old, std::uint32_t id) const {
    const auto group = groups_.find(old.statement.group);
    return group != groups_.end() && group->second.count(id) != 0;
  }

  void compare_data(OldSignature& old) const {
    for (const auto& [id, data] : old.check.intact) {
      const auto digest = digests_.find({id, data.hash});
      const bool other = digest != digests_.end() && digest->second != data;
      if (other && (old.why_void.empty() || !old.check.unnamed.empty()))
        old.why_void = fmt::format("object {} has changed", id);
    }
  }

  /// Who signs single objects knows that such a signature does not stand for the group.
  bool is_a_part_by_intent(const OldSignature& old) const {
    return !options_.objects.empty() && !old.check.unnamed.empty() &&
           old.why_void == why_void(old.statement, {.unnamed = old.check.unnamed});
  }

  const Image& image_;
  const SignOptions& options_;
  const ObjectIndex index_;
  const Groups groups_;
  std::vector<OldSignature> old_;
  std::map<ObjectHash, SignedDigest> digests_;
};

SignReport add_signatures(ImageEditor& editor, const Signers& signers, const SignOptions& options) {
  const Image& image = editor.image();
  if (!image.damage().empty())
    throw Error(ErrorKind::malformed, fmt::format("a damaged image is not signed: {}", image.damage()));
  // What a deleted object leaves behind is no damage, but it is signed with the rest.
  for (const auto& problem : image.problems())
    options.operation.logger->write(LogLevel::warning, fmt::format("{}: {}", in_quotes(image.name()), problem));
  const Signing signing(image, options);
  auto report = signing.report(signers);
  // First, for they free descriptors. Their bytes would be what no object holds and is not zero.
  for (const auto id : report.replaced) editor.remove(id, Erase::yes);
  for (const auto& [group, payload] : signing.payloads()) {
    for (const auto& made : signers.sign(payload)) {
      if (made.text.size() > options.limits.signature_bytes) {
        throw Error(ErrorKind::limit, fmt::format("the signature of group {} would have {} bytes, over the limit of {} up to which it is verified", group, made.text.size(), options.limits.signature_bytes));
      }
      MemorySource text(as_bytes(made.text));
      report.added.push_back(editor.add(describe(group, made.info), text).id);
    }
  }
  editor.commit();
  return report;
}

}  // namespace

SignReport sign_in_place(File& file, std::span<const SigningKey> keys, const SignOptions& options) {
  const Signers signers(keys);
  ImageEditor editor(file, {.time = options.time, .operation = options.operation});
  return add_signatures(editor, signers, options);
}

SignReport sign(const std::filesystem::path& path, std::span<const SigningKey> keys, const SignOptions& options) {
  // First, for the passphrase may take its time and the editor locks the image.
  const Signers signers(keys);
  ImageEditor editor(path, {.time = options.time, .operation = options.operation});
  return in_file(path.native(), [&] { return add_signatures(editor, signers, options); });
}

}  // namespace sifkit::trust

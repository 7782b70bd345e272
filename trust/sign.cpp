// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image_editor.h>
#include <sifkit/trust/sign.h>

#include "dsse.h"
#include "metadata.h"
#include "object_digests.h"
#include "object_index.h"
#include "pgp.h"
#include "pgp_signer.h"

namespace sifkit::trust {

using namespace sif;

namespace {

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

  /// One envelope for all PEM keys, then one message for each OpenPGP key.
  std::vector<Made> sign(const std::string& payload) const {
    std::vector<Made> out;
    if (!asymmetric_.empty()) out.push_back({write_envelope(payload, asymmetric_)});
    for (const auto& key : pgp_) {
      Made made{clear_sign(payload, key.packet, key.fingerprint, signing_time())};
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

std::map<std::uint32_t, std::set<std::uint32_t>> chosen_objects(const ObjectIndex& index, const SignOptions& options) {
  std::map<std::uint32_t, std::set<std::uint32_t>> groups;
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

void add_signatures(ImageEditor& editor, const Signers& signers, const SignOptions& options) {
  const Image& image = editor.image();
  if (!image.damage().empty()) throw Error(ErrorKind::malformed, fmt::format("a damaged image is not signed: {}", image.damage()));
  // What a deleted object leaves behind is no damage, but it is signed with the rest.
  for (const auto& problem : image.problems()) options.operation.logger->write(LogLevel::warning, fmt::format("{}: {}", in_quotes(image.name()), problem));
  std::vector<std::pair<std::uint32_t, std::string>> payloads;
  {
    const ObjectIndex index(image);
    const auto groups = chosen_objects(index, options);
    std::vector<ObjectHash> wanted;
    for (const auto& [group, ids] : groups) {
      for (const auto id : ids) wanted.emplace_back(id, SignedHash::sha256);
    }
    const auto digests = hash_objects(image, wanted, options.threads, options.operation);
    for (const auto& [group, ids] : groups) {
      ImageMetadata metadata;
      metadata.header = signed_digest_of(SignedHash::sha256, image.header().integrity_bytes());
      for (const auto id : ids) {
        metadata.objects.push_back({id - index.first_id(group), signed_digest_of(SignedHash::sha256, index.integrity_bytes(*index.find(id))),
                                    digests.at({id, SignedHash::sha256})});
      }
      payloads.emplace_back(group, write_metadata(metadata));
    }
  }
  for (const auto& [group, payload] : payloads) {
    for (const auto& made : signers.sign(payload)) {
      if (made.text.size() > options.limits.signature_bytes) {
        throw Error(ErrorKind::limit, fmt::format("the signature of group {} would have {} bytes, over the limit of {} up to which it is verified", group, made.text.size(), options.limits.signature_bytes));
      }
      MemorySource text(as_bytes(made.text));
      editor.add(describe(group, made.info), text);
    }
  }
  editor.commit();
}

}  // namespace

void sign_in_place(File& file, std::span<const SigningKey> keys, const SignOptions& options) {
  const Signers signers(keys);
  ImageEditor editor(file, {.time = options.time, .operation = options.operation});
  add_signatures(editor, signers, options);
}

void sign(const std::filesystem::path& path, std::span<const SigningKey> keys, const SignOptions& options) {
  // First, for the passphrase may take its time and the editor locks the image.
  const Signers signers(keys);
  ImageEditor editor(path, {.time = options.time, .operation = options.operation});
  in_context([&] { return in_quotes(path.native()); }, [&] { add_signatures(editor, signers, options); });
}

}  // namespace sifkit::trust

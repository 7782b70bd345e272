// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/integrity.h>

#include "clearsign.h"
#include "dsse.h"
#include "metadata.h"
#include "object_digests.h"
#include "pgp_packet.h"
#include "trusted_keys.h"

namespace sifkit::sif {

namespace {

constexpr std::uint64_t kMostSignatureBytes = 1u << 20;
constexpr std::uint64_t kMostKeyBytes = 64u << 20;
constexpr std::string_view kLegacyStart = "SIFHASH:\n";

std::string upper_hex(ByteView bytes) {
  std::string out = to_hex(bytes);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

/// A signature whose text is known to come from its key; what it says of the image is still to be compared.
struct Claim {
  SignatureReport report;
  ImageMetadata metadata;
  bool legacy = false;
};

class Verification {
 public:
  Verification(const Image& image, const TrustedKeys::Impl& keys, const VerifyOptions& options)
      : image_(image), keys_(keys), options_(options), objects_(image.objects()) {}

  VerifyReport run() {
    choose_objects();
    if (report_.failure) return std::move(report_);
    for (const auto* object : objects_) {
      if (object->type == DataType::signature && object->links_group() && groups_.count(object->link()) != 0) add_claim(*object);
    }
    compare();
    conclude();
    return std::move(report_);
  }

 private:
  void fail(ErrorKind kind, std::string message) {
    if (!report_.failure) report_.failure.emplace(kind, std::move(message));
  }

  std::uint32_t first_id(std::uint32_t group) const {
    std::uint32_t first = ~std::uint32_t{0};
    for (const auto* object : objects_) {
      if (object->group() == group) first = std::min(first, object->id);
    }
    return first;
  }

  void choose_objects() {
    std::set<std::uint32_t> ids;
    for (const auto* object : objects_) {
      if (!ids.insert(object->id).second) return fail(ErrorKind::tampered, fmt::format("several objects have the id {}", object->id));
    }
    const bool all = options_.groups.empty() && options_.objects.empty();
    for (const auto* object : objects_) {
      if (object->type == DataType::signature && object->group() == 0) continue;
      if (object->group() == 0) {
        if (all) fail(ErrorKind::unsigned_image, fmt::format("object {} is in no group, so nothing can sign it", object->id));
        continue;
      }
      if (all || std::count(options_.groups.begin(), options_.groups.end(), object->group()) != 0) {
        groups_.insert(object->group());
        wanted_.insert(object->id);
      }
    }
    for (const auto group : options_.groups) {
      if (groups_.count(group) == 0) fail(ErrorKind::not_found, "group not found");
    }
    for (const auto id : options_.objects) {
      const auto& object = image_.object(id);
      if (object.group() == 0) return fail(ErrorKind::usage, fmt::format("object {} is in no group", id));
      groups_.insert(object.group());
      wanted_.insert(id);
    }
    if (groups_.empty()) fail(ErrorKind::unsigned_image, "no groups found");
  }

  void add_claim(const Descriptor& object) {
    Claim claim;
    claim.report.id = object.id;
    claim.report.group = object.link();
    claim.report.format = "unknown";
    try {
      const Bytes bytes = image_.read_data(object, kMostSignatureBytes);
      const auto text = as_text(bytes);
      std::string payload;
      if (looks_like_envelope(text)) {
        payload = check_envelope(text, claim.report);
      } else if (looks_clear_signed(text)) {
        payload = check_clear_signed(text, object, claim);
      } else {
        throw Error(ErrorKind::tampered, "signature format not recognized");
      }
      if (claim.legacy) return;  // says nothing in this mode
      claim.metadata = parse_metadata(payload);
      claim.report.verdict = Verdict::valid;
    } catch (const Error& error) {
      const bool untrusted = error.kind() == ErrorKind::untrusted;
      claim.report.verdict = untrusted ? Verdict::untrusted : Verdict::tampered;
      claim.report.reason = error.message();
    }
    claims_.push_back(std::move(claim));
  }

  std::string check_envelope(std::string_view text, SignatureReport& report) const {
    report.format = "DSSE";
    const DsseEnvelope envelope = parse_envelope(text);
    const auto valid = valid_keys(envelope, keys_.asymmetric);
    if (!envelope.signatures.empty()) report.key = envelope.signatures.front().key_id;
    if (valid.empty()) {
      const bool known = std::any_of(keys_.asymmetric.begin(), keys_.asymmetric.end(), [&](const auto& key) {
        return std::any_of(envelope.signatures.begin(), envelope.signatures.end(), [&](const auto& s) { return s.key_id == key->key_id(); });
      });
      if (known) throw Error(ErrorKind::tampered, "the signature does not match its text");
      throw Error(ErrorKind::untrusted, keys_.asymmetric.empty() ? "no PEM key to verify with" : "made by none of the given keys");
    }
    report.key = valid.front()->key_id();
    report.signer = valid.front()->algorithm();
    report.ring = "given";
    return envelope.payload;
  }

  std::string check_clear_signed(std::string_view text, const Descriptor& object, Claim& claim) const {
    auto& report = claim.report;
    report.format = "PGP";
    const ClearSigned parts = parse_clear_signed(text);
    if (parts.text.starts_with(kLegacyStart)) {
      claim.legacy = true;
      return {};
    }
    const PgpSignature packet = parse_signature_packet(parts.packets);
    report.key = packet.issuer_fingerprint.empty() ? packet.issuer_key_id : packet.issuer_fingerprint;
    report.created = packet.created;
    if (!is_strong_pgp_hash(packet.hash)) {
      throw Error(ErrorKind::tampered, fmt::format("signed over {}, which is too weak", pgp_hash_name(packet.hash)));
    }
    PgpOutcome outcome;
    outcome.reason = keys_.rings.empty() ? "no PGP key to verify with" : "made by a key that is not there";
    for (const auto& ring : keys_.rings) {
      PgpOutcome here = ring.verify(text);
      if (here.status == PgpOutcome::Status::unknown_key) continue;
      outcome = std::move(here);
      report.ring = ring.name();
      break;
    }
    if (!outcome.fingerprint.empty()) report.key = outcome.fingerprint;
    report.signer = outcome.user_id;
    switch (outcome.status) {
      case PgpOutcome::Status::valid: break;
      case PgpOutcome::Status::invalid: throw Error(ErrorKind::tampered, outcome.reason);
      case PgpOutcome::Status::expired:
      case PgpOutcome::Status::unknown_key: throw Error(ErrorKind::untrusted, outcome.reason);
    }
    const auto info = object.signature();
    if (!info || upper_hex(info->fingerprint) != outcome.fingerprint) {
      throw Error(ErrorKind::tampered, "fingerprint in descriptor does not correspond to signing entity");
    }
    return parts.text;
  }

  void compare() {
    std::vector<ObjectHash> hashes;
    for (const auto& claim : claims_) {
      if (claim.report.verdict != Verdict::valid) continue;
      for (const auto& signed_object : claim.metadata.objects) {
        const auto id = first_id(claim.report.group) + signed_object.relative_id;
        if (in_group(id, claim.report.group)) hashes.emplace_back(id, signed_object.data.hash);
      }
    }
    const auto digests = hash_objects(image_, hashes, options_.threads, options_.operation);
    for (auto& claim : claims_) {
      if (claim.report.verdict == Verdict::valid) compare(claim, digests);
    }
  }

  bool in_group(std::uint32_t id, std::uint32_t group) const {
    return std::any_of(objects_.begin(), objects_.end(), [&](const Descriptor* object) { return object->id == id && object->group() == group; });
  }

  void compare(Claim& claim, const std::map<ObjectHash, SignedDigest>& digests) {
    auto& report = claim.report;
    const auto bad = [&](std::string why) {
      report.verdict = Verdict::tampered;
      if (report.reason.empty()) report.reason = std::move(why);
    };
    const auto& header = claim.metadata.header;
    if (signed_digest_of(header.hash, image_.header().integrity_bytes()) != header) bad("header integrity compromised");
    const std::uint32_t first = first_id(claim.report.group);
    std::set<std::uint32_t> listed;
    for (const auto& signed_object : claim.metadata.objects) {
      const std::uint32_t id = first + signed_object.relative_id;
      listed.insert(id);
      if (!in_group(id, report.group)) {
        bad(fmt::format("object {}: signed object not found", id));
        continue;
      }
      const auto& object = image_.object(id);
      if (signed_digest_of(signed_object.descriptor.hash, object.integrity_bytes(signed_object.relative_id)) != signed_object.descriptor) {
        bad(fmt::format("data object descriptor integrity compromised: {}", id));
        continue;
      }
      const auto digest = digests.find({id, signed_object.data.hash});
      if (digest == digests.end() || digest->second != signed_object.data) {
        bad(fmt::format("data object integrity compromised: {}", id));
        continue;
      }
      report.objects.push_back(id);
    }
    // A signature of a whole group must name every member, unless single objects were asked for.
    if (!options_.objects.empty()) return;
    for (const auto* object : objects_) {
      if (object->group() == report.group && listed.count(object->id) == 0) bad(fmt::format("object {}: object not signed", object->id));
    }
  }

  void conclude() {
    std::set<std::uint32_t> covered;
    const SignatureReport* worst = nullptr;
    for (auto& claim : claims_) {
      report_.signatures.push_back(claim.report);
      if (claim.report.verdict == Verdict::valid) covered.insert(claim.report.objects.begin(), claim.report.objects.end());
    }
    for (const auto& signature : report_.signatures) {
      if (worst == nullptr || signature.verdict > worst->verdict) worst = &signature;
    }
    for (const auto id : wanted_) (covered.count(id) != 0 ? report_.covered : report_.not_covered).push_back(id);
    if (worst != nullptr && worst->verdict != Verdict::valid) {
      fail(worst->verdict == Verdict::tampered ? ErrorKind::tampered : ErrorKind::untrusted,
           fmt::format("signature object {}: {}", worst->id, worst->reason));
    }
    for (const auto group : groups_) {
      const bool any = std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) { return claim.report.group == group; });
      if (!any) fail(ErrorKind::unsigned_image, fmt::format("signature not found for object group {}", group));
    }
    if (!report_.not_covered.empty()) fail(ErrorKind::unsigned_image, fmt::format("object {} is not covered by any valid signature", report_.not_covered.front()));
  }

  const Image& image_;
  const TrustedKeys::Impl& keys_;
  const VerifyOptions& options_;
  std::vector<const Descriptor*> objects_;
  std::set<std::uint32_t> groups_;
  std::set<std::uint32_t> wanted_;
  std::vector<Claim> claims_;
  VerifyReport report_;
};

Bytes read_key_file(const std::filesystem::path& path) {
  FileSource source(std::make_shared<File>(File::open_read(path)));
  return read_all(source, kMostKeyBytes, path.native());
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::valid: return "valid";
    case Verdict::untrusted: return "untrusted";
    case Verdict::tampered: return "tampered";
  }
  return "tampered";
}

TrustedKeys::TrustedKeys() : impl_(std::make_unique<Impl>()) {}
TrustedKeys::~TrustedKeys() = default;
TrustedKeys::TrustedKeys(TrustedKeys&&) noexcept = default;
TrustedKeys& TrustedKeys::operator=(TrustedKeys&&) noexcept = default;

void TrustedKeys::add_file(const std::filesystem::path& path) {
  const Bytes bytes = read_key_file(path);
  const auto text = as_text(bytes);
  const bool pem = text.find("-----BEGIN ") != std::string_view::npos && text.find("-----BEGIN PGP ") == std::string_view::npos;
  if (pem) {
    impl_->asymmetric.push_back(std::make_shared<AsymmetricKey>(read_public_pem(text, path.native())));
  } else {
    impl_->rings.emplace_back(bytes, path.native());
  }
}

void TrustedKeys::add_ring(const std::filesystem::path& path, std::string name) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) impl_->rings.emplace_back(read_key_file(path), std::move(name));
}

VerifyReport verify(const Image& image, const TrustedKeys& keys, const VerifyOptions& options) {
  return in_context([&] { return in_quotes(image.name()); }, [&] { return Verification(image, keys.impl(), options).run(); });
}

}  // namespace sifkit::sif

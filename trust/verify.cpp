// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/trust/verify.h>

#include <sifkit/sif/layout.h>
#include "object_digests.h"
#include "pem.h"
#include "pgp_packet.h"
#include "signed_statement.h"
#include "trusted_keys_impl.h"
#include "verification.h"

namespace sifkit::trust {

using namespace sif;

namespace {

constexpr std::size_t kKeyIdBytes = 32;
constexpr std::size_t kDsseIdDigits = 43;

constexpr const char* kCutShortHint = "fetch or copy the image again";

/// What an error says that `check` throws.
template <class Check>
std::string error_text(Check&& check) {
  try {
    check();
  } catch (const Error& error) {
    return error.message();
  }
  return {};
}

/// What follows from a signature that does not hold: of data that were changed, or whose key is not known here.
Hint hint_for(const SignatureReport& report) {
  if (report.verdict == Verdict::tampered)
    return "the image is not what was signed: do not use it, and get it again from where it comes from";
  const bool unknown = std::all_of(report.signers.begin(), report.signers.end(), [](const Signer& signer) { return signer.ring.empty(); });
  if (report.verdict != Verdict::untrusted || report.signers.empty() || !unknown) return {};
  const std::string& key = report.signers.front().key;
  if (report.format != "PGP") return {Advice::name_public_key, key};
  return {Advice::import_key, key};
}

int badness(ErrorKind kind) {
  return kind == ErrorKind::tampered      ? 4
         : kind == ErrorKind::malformed   ? 3
         : kind == ErrorKind::unsupported ? 2
         : kind == ErrorKind::untrusted   ? 1
                                          : 0;
}

ErrorKind kind_of(Verdict verdict) {
  return verdict == Verdict::tampered      ? ErrorKind::tampered
         : verdict == Verdict::incomplete  ? ErrorKind::malformed
         : verdict == Verdict::unsupported ? ErrorKind::unsupported
                                           : ErrorKind::untrusted;
}

}  // namespace

std::string normal_key(std::string_view text) {
  if (text.starts_with(kKeyIdStart)) {
    // One key has one text, or it could be in a list twice.
    const auto bytes = base64_decode(std::string(text.substr(kKeyIdStart.size())) + '=');
    if (!bytes || bytes->size() != kKeyIdBytes) throw Error(ErrorKind::usage, fmt::format("key id {}: expected {} digits of base64 behind '{}'", in_quotes(text), kDsseIdDigits, kKeyIdStart));
    return std::string(text);
  }
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != ' '; });
  const auto bytes = from_hex(digits);
  if (!bytes || digits.size() != kFingerprintDigits) {
    throw Error(ErrorKind::usage, fmt::format("fingerprint {}: expected {} hex digits or a key id 'SHA256:…'", in_quotes(text), kFingerprintDigits),
                "a part of a fingerprint names no key");
  }
  return to_upper_hex(*bytes);
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::valid: return "valid";
    case Verdict::untrusted: return "untrusted";
    case Verdict::unsupported: return "unsupported";
    case Verdict::incomplete: return "incomplete";
    case Verdict::tampered: return "tampered";
  }
  return "tampered";
}

Verification::Verification(const Image& image, const TrustedKeys::Impl& keys, const VerifyOptions& options)
    : image_(image), keys_(keys), options_(options), index_(image) {
  report_.at = keys.at;
}

VerifyReport Verification::run() {
  find_rules();
  if (options_.legacy) {
    choose_legacy();
    add_legacy_claims();
    compare_legacy();
  } else {
    choose();
    add_claims();
    compare_metadata();
  }
  conclude();
  return std::move(report_);
}

/// Keeps the worst, of equals the first.
void Verification::fail(ErrorKind kind, std::string message, Hint hint) {
  if (!report_.failure || badness(kind) > badness(report_.failure->kind())) report_.failure.emplace(kind, std::move(message), std::move(hint));
}

/// Keeps the worst, of equals the first.
void Verification::mark_tampered(Claim& claim, std::string why, Verdict verdict) {
  if (verdict <= claim.report.verdict) return;
  claim.report.verdict = verdict;
  claim.report.reason = std::move(why);
}

/// An object's bytes are not those that were signed.
void Verification::bad_data(Claim& claim, std::uint32_t id) {
  claim.report.damaged.push_back(id);
  if (const auto& object = *index_.find(id); image_.is_cut_short(object)) {
    mark_tampered(claim, error_text([&] { image_.check_range(object); }), Verdict::incomplete);
  } else {
    mark_tampered(claim, fmt::format("data object integrity compromised: {}", id));
    if (!claim.report.ignored) changed_.insert(id);
  }
}

bool Verification::is_asked_for(const SignatureReport& report) const {
  if (!options_.ignore_others) return true;
  return std::any_of(report.signers.begin(), report.signers.end(), [&](const Signer& signer) {
    const auto is_this = [&](const std::string& key) { return normal_key(key) == signer.key; };
    return !signer.ring.empty() && (options_.required_keys.empty() ||
                                    std::any_of(options_.required_keys.begin(), options_.required_keys.end(), is_this));
  });
}

void Verification::require_group(std::uint32_t group) {
  if (group == 0) throw Error(ErrorKind::usage, "invalid group ID");
  if (index_.members(group).empty()) throw Error(ErrorKind::not_found, fmt::format("group {} not found", group), Advice::list_objects);
}

const Descriptor& Verification::require_object(std::uint32_t id) {
  if (id == 0) throw Error(ErrorKind::usage, "invalid object ID");
  const auto* object = index_.find(id);
  if (object == nullptr) throw Error(ErrorKind::not_found, fmt::format("object {} not found", id), Advice::list_objects);
  if (object->group() == 0) throw Error(ErrorKind::usage, fmt::format("object {} is in no group, so nothing can sign it", id));
  return *object;
}

std::vector<const Descriptor*> Verification::signature_objects() const {
  std::vector<const Descriptor*> out;
  for (const auto* object : index_.all()) {
    if (object->type == DataType::signature) out.push_back(object);
  }
  if (out.size() > options_.limits.signatures) {
    throw Error(ErrorKind::limit, fmt::format("{} signature objects are over the limit of {}", out.size(), options_.limits.signatures));
  }
  return out;
}

void Verification::add_claim(SignedText signed_text) {
  Claim claim{std::move(signed_text.report), std::move(signed_text.text), {}, signed_text.has_armor_headers};
  claim.report.ignored = !is_asked_for(claim.report);
  claims_.push_back(std::move(claim));
}

/// Whatever was asked for: what nothing can sign would pass for a part of a verified image.
void Verification::refuse_loose_objects() {
  for (const auto* object : index_.all()) {
    if (object->group() != 0 || object->type == DataType::signature) continue;
    fail(ErrorKind::unsigned_image, fmt::format("object {} is in no group, so nothing can sign it", object->id));
  }
}

void Verification::choose() {
  const bool all = options_.groups.empty() && options_.objects.empty();
  refuse_loose_objects();
  for (const auto group : options_.groups) {
    require_group(group);
    whole_groups_.insert(group);
  }
  for (const auto* object : index_.all()) {
    if (object->group() != 0) {
      if (all) whole_groups_.insert(object->group());
    } else if (all && object->type != DataType::signature) {
      wanted_.insert(object->id);
    }
  }
  for (const auto group : whole_groups_) {
    for (const auto* member : index_.members(group)) wanted_.insert(member->id);
  }
  groups_ = whole_groups_;
  for (const auto id : options_.objects) {
    groups_.insert(require_object(id).group());
    wanted_.insert(id);
  }
  if (groups_.empty()) fail(ErrorKind::unsigned_image, "no groups found");
}

void Verification::add_claims() {
  for (const auto* object : signature_objects()) {
    if (!object->links_group() || groups_.count(object->link()) == 0) {
      other_kind_seen_ = other_kind_seen_ || !object->links_group();
      if (!object->links_group() || index_.members(object->link()).empty()) unread_.push_back(object->id);
      continue;
    }
    auto checked = check_signature(image_, *object, keys_, options_.limits);
    if (checked.kind == SignatureKind::legacy) {
      other_kind_seen_ = true;
      unread_.push_back(object->id);
      continue;
    }
    add_claim(std::move(checked));
    auto& claim = claims_.back();
    if (claim.report.verdict != Verdict::valid) continue;
    try {
      claim.metadata = parse_metadata(claim.text);
    } catch (const Error& error) {
      mark_tampered(claim, error.message());
    }
  }
  for (const auto group : groups_) {
    bool any = false;
    bool asked_for = false;
    for (const auto& claim : claims_) {
      any = any || claim.report.group == group;
      asked_for = asked_for || (claim.report.group == group && !claim.report.ignored);
    }
    if (any && !asked_for)
      fail(ErrorKind::untrusted, fmt::format("no signature of group {} is by a key that was asked for", group));
    if (!any) {
      fail(ErrorKind::unsigned_image, fmt::format("signature not found for object group {}", group),
           other_kind_seen_ ? Hint(Advice::legacy, {}, "there are legacy signatures, which cover no metadata") : Advice::sign);
    }
  }
}

void Verification::compare_metadata() {
  // Everything else first: only what is still right then is worth hashing.
  std::map<const Claim*, std::vector<std::pair<std::uint32_t, SignedDigest>>> to_hash;
  std::vector<ObjectHash> hashes;
  for (auto& claim : claims_) {
    if (claim.report.verdict != Verdict::valid) continue;
    compare_metadata(claim, to_hash[&claim]);
    for (const auto& [id, data] : to_hash[&claim]) hashes.emplace_back(id, data.hash);
  }
  const auto digests = hash_objects(image_, hashes, options_.threads, options_.operation);
  for (auto& claim : claims_) {
    for (const auto& [id, data] : to_hash[&claim]) {
      const auto digest = digests.find({id, data.hash});
      if (digest == digests.end() || digest->second != data) {
        bad_data(claim, id);
      } else {
        claim.report.objects.push_back(id);
      }
    }
  }
}

void Verification::compare_metadata(Claim& claim, std::vector<std::pair<std::uint32_t, SignedDigest>>& to_hash) {
  const auto group = claim.report.group;
  const bool whole = whole_groups_.count(group) != 0;
  const auto check = check_statement(image_, index_, group, claim.metadata);
  if (!check.header) mark_tampered(claim, "header integrity compromised");
  for (const auto id : check.missing) {
    if (whole) mark_tampered(claim, fmt::format("object {}: signed object not found", id));
  }
  for (const auto id : check.changed) {
    if (!checks(id)) continue;
    mark_tampered(claim, fmt::format("data object descriptor integrity compromised: {}", id));
    if (!claim.report.ignored) changed_.insert(id);
  }
  for (const auto id : check.unnamed) {
    if (whole || checks(id)) mark_tampered(claim, fmt::format("object {}: object not signed", id));
  }
  std::copy_if(check.intact.begin(), check.intact.end(), std::back_inserter(to_hash),
               [&](const auto& object) { return checks(object.first); });
}

/// Each required key must stand behind everything that is checked, not merely somewhere in the image.
void Verification::require_keys() {
  for (const auto& text : options_.required_keys) {
    const std::string wanted = normal_key(text);
    const auto known = std::find_if(report_.keys.begin(), report_.keys.end(), [&](const KeyCoverage& key) { return key.key == wanted; });
    const auto objects = known == report_.keys.end() ? std::vector<std::uint32_t>() : known->objects;
    const auto missing = std::find_if(wanted_.begin(), wanted_.end(), [&](std::uint32_t id) { return !std::binary_search(objects.begin(), objects.end(), id); });
    if (missing != wanted_.end()) fail(ErrorKind::untrusted, fmt::format("object {} is not signed by the required key {}", *missing, wanted));
  }
}

/// Distinct keys, whatever the number of their signatures.
void Verification::count_keys() {
  std::map<std::string, std::set<std::uint32_t>> keys;
  for (const auto& claim : claims_) {
    if (claim.report.verdict != Verdict::valid || claim.report.ignored) continue;
    for (const auto& signer : claim.report.signers) {
      if (signer.valid) keys[signer.key].insert(claim.report.objects.begin(), claim.report.objects.end());
    }
  }
  for (const auto& [key, objects] : keys) report_.keys.push_back({key, {objects.begin(), objects.end()}});
}

/// What is not of objects and signatures.
void Verification::check_layout_and_digest() {
  report_.unprotected = unprotected_of(image_);
  if (options_.strict_layout || std::any_of(rules_.begin(), rules_.end(), [](const ChosenRule& chosen) { return chosen.rule->strict_layout; })) {
    report_.layout = layout_problems(image_, options_.operation);
    for (const auto& claim : claims_) {
      const bool named = claim.report.format == "DSSE" && index_.find(claim.report.id)->signature()->fingerprint != SignatureInfo{}.fingerprint;
      if (named) report_.layout.push_back(fmt::format("object {}: the descriptor of a signature holds what nothing signs", claim.report.id));
      if (claim.has_armor_headers)
        report_.layout.push_back(
            fmt::format("object {}: a header in the armor of a signature holds what nothing signs", claim.report.id));
    }
    for (const auto id : unread_) report_.layout.push_back(fmt::format("object {}: a signature that is not looked at, so nothing stands behind its bytes", id));
    if (!report_.layout.empty()) {
      fail(ErrorKind::unsigned_image, "layout: " + report_.layout.front(), report_.unprotected.bytes_between + report_.unprotected.bytes_behind == 0 ? Hint() : Advice::compact);
    }
  }
  const auto& required = options_.required_digest;
  if (options_.digest || required) report_.digest = file_digest(image_, required ? required->algorithm() : DigestAlgorithm::sha256, options_.operation);
  if (required && *required != *report_.digest) fail(ErrorKind::tampered, fmt::format("the file's digest is {}, expected {}", report_.digest->text(), required->text()));
}

void Verification::conclude() {
  std::set<std::uint32_t> covered;
  for (const auto& claim : claims_) {
    const auto& report = claim.report;
    report_.signatures.push_back(report);
    if (report.ignored) continue;
    // What was compared and matches does so whatever became of the rest.
    covered.insert(report.objects.begin(), report.objects.end());
    if (report.verdict == Verdict::valid) continue;
    const bool cut_short = report.verdict == Verdict::incomplete;
    fail(kind_of(report.verdict),
         cut_short ? report.reason : fmt::format("signature object {}: {}", report.id, report.reason),
         cut_short ? kCutShortHint : hint_for(report));
  }
  for (const auto id : wanted_) {
    const auto& object = *index_.find(id);
    const bool cut_short = image_.is_cut_short(object);
    if (cut_short) fail(ErrorKind::malformed, error_text([&] { image_.check_range(object); }), kCutShortHint);
    (cut_short                 ? report_.cut_short
     : covered.count(id) != 0  ? report_.covered
     : changed_.count(id) != 0 ? report_.changed
                               : report_.not_covered)
        .push_back(id);
  }
  for (const auto* object : index_.all()) {
    if (wanted_.count(object->id) == 0 && object->type != DataType::signature) report_.not_checked.push_back(object->id);
  }
  count_keys();
  require_keys();
  require_policy();
  check_layout_and_digest();
  if (!report_.not_covered.empty()) {
    fail(ErrorKind::unsigned_image, fmt::format("object {} is not covered by any valid signature", report_.not_covered.front()));
  }
  SIFKIT_CHECK(report_.failure || (!report_.covered.empty() && report_.changed.empty() && report_.cut_short.empty()));
}

VerifyReport verify(const Image& image, const TrustedKeys& keys, const VerifyOptions& options) {
  return in_file(image.name(), [&] {
    auto report = Verification(image, keys.impl(), options).run();
    // What an edit moves or wipes while it is read does not match either, and nobody has tampered with it.
    if (report.failure && !image.is_unchanged())
      throw Error(ErrorKind::io, "the image was changed while it was read", "verify it again when that is done");
    return report;
  });
}

}  // namespace sifkit::trust

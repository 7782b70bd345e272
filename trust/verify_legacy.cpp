// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "verification.h"

// Signatures of before 2020: a digest of bytes, and nothing of header or descriptors (CVE-2020-13847).

namespace sifkit::trust {

using namespace sif;

namespace {

SignedHash hash_of(const Descriptor& object) {
  const auto info = object.signature();
  switch (info ? info->hash : HashType{}) {
    case HashType::sha256: return SignedHash::sha256;
    case HashType::sha384: return SignedHash::sha384;
    case HashType::sha512: return SignedHash::sha512;
    default: throw Error(ErrorKind::unsupported, "legacy signatures are read with SHA-256, SHA-384 and SHA-512 only");
  }
}

SignedDigest digest_in(std::string_view text, SignedHash hash) {
  const auto line = text.find('\n');
  return SignedDigest::parse(fmt::format("{}:{}", to_string(hash), line == std::string_view::npos ? "" : text.substr(line + 1)), "legacy signature");
}

SignedDigest digest_of(const Image& image, const std::vector<const Descriptor*>& objects, SignedHash hash, const OperationContext& operation) {
  static constexpr std::size_t kPiece = 256u << 10;
  SignedHasher hasher(hash);
  Bytes buffer(kPiece);
  for (const auto* object : objects) {
    const auto source = image.open_data(*object);
    for (std::size_t got; (got = source->read(buffer)) != 0;) {
      operation.check();
      hasher.update(ByteView(buffer).first(got));
    }
  }
  return hasher.finish();
}

}  // namespace

void Verification::choose_legacy() {
  refuse_loose_objects();
  for (const auto group : options_.groups) {
    require_group(group);
    groups_.insert(group);
    for (const auto* member : index_.members(group)) wanted_.insert(member->id);
  }
  for (const auto id : options_.objects) single_.insert(require_object(id).id);
  if (groups_.empty() && single_.empty()) {
    if (options_.every_object) {
      for (const auto* object : index_.all()) {
        if (object->group() != 0 && object->type != DataType::signature) single_.insert(object->id);
      }
      if (single_.empty()) fail(ErrorKind::unsigned_image, "no groups found");
    } else if (const auto* primary = image_.primary_partition()) {
      single_.insert(primary->id);
    } else {
      fail(ErrorKind::unsigned_image, "no primary partition, which a legacy signature would be of");
    }
  }
  wanted_.insert(single_.begin(), single_.end());
}

void Verification::add_legacy_claims() {
  for (const auto* object : signature_objects()) {
    if ((object->links_group() ? groups_ : single_).count(object->link()) == 0) {
      const bool there = object->links_group() ? !index_.members(object->link()).empty() : index_.find(object->link()) != nullptr;
      if (!there) unread_.push_back(object->id);
      continue;
    }
    auto checked = check_signature(image_, *object, keys_, options_.limits);
    if (checked.kind == SignatureKind::metadata) {
      unread_.push_back(object->id);
    } else {
      add_claim(std::move(checked));
    }
  }
  const auto require = [&](const std::set<std::uint32_t>& all, std::uint32_t SignatureReport::*link, std::string_view what) {
    for (const auto id : all) {
      const bool any = std::any_of(claims_.begin(), claims_.end(), [&](const Claim& claim) { return claim.report.*link == id; });
      if (!any) fail(ErrorKind::unsigned_image, fmt::format("legacy signature not found for {} {}", what, id));
    }
  };
  require(groups_, &SignatureReport::group, "object group");
  require(single_, &SignatureReport::object, "object");
}

void Verification::compare_legacy() {
  for (auto& claim : claims_) {
    auto& report = claim.report;
    if (report.verdict != Verdict::valid) continue;
    const auto objects = report.group != 0 ? index_.members(report.group) : std::vector<const Descriptor*>{index_.find(report.object)};
    try {
      const auto hash = hash_of(*index_.find(report.id));
      if (digest_of(image_, objects, hash, options_.operation) != digest_in(claim.text, hash)) {
        if (report.group == 0) {
          bad_data(claim, report.object);
        } else {
          mark_tampered(claim, fmt::format("data of group {} does not match", report.group));
        }
        continue;
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io || error.kind() == ErrorKind::cancelled) throw;
      const bool cut_short = std::any_of(objects.begin(), objects.end(), [&](const Descriptor* object) { return image_.is_cut_short(*object); });
      mark_tampered(claim, error.message(),
                    error.kind() == ErrorKind::unsupported ? Verdict::unsupported
                    : cut_short                            ? Verdict::incomplete
                                                           : Verdict::tampered);
      continue;
    }
    for (const auto* object : objects) report.objects.push_back(object->id);
  }
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/trust/verify.h>

#include "metadata.h"
#include "object_index.h"
#include "signature_check.h"

namespace sifkit::trust {

/// How a required key stands in a report. Throws usage for what is neither a fingerprint nor a key id.
std::string normal_key(std::string_view text);

/// As policies write it: "pgp".
std::string_view to_string(SignatureFormat format) noexcept;

/// One run of `verify`: chooses what to look at, gives every signature on it a verdict, compares, concludes.
class Verification {
 public:
  Verification(const sif::Image& image, const TrustedKeys::Impl& keys, const VerifyOptions& options);

  VerifyReport run();

 private:
  struct Claim {
    SignatureReport report;
    std::string text;
    ImageMetadata metadata;
    bool has_armor_headers = false;
  };

  struct ChosenRule {
    const PolicyRule* rule;
    Hint hint;
  };

  void refuse_loose_objects();
  void choose();
  void add_claims();
  void compare_metadata();
  void compare_metadata(Claim& claim, std::vector<std::pair<std::uint32_t, SignedDigest>>& to_hash);

  void choose_legacy();
  void add_legacy_claims();
  void compare_legacy();
  void require_group(std::uint32_t group);
  const sif::Descriptor& require_object(std::uint32_t id);

  std::vector<const sif::Descriptor*> signature_objects() const;
  void add_claim(SignedText signed_text);
  bool checks(std::uint32_t id) const { return wanted_.count(id) != 0; }
  bool is_asked_for(const SignatureReport& report) const;
  static void mark_tampered(Claim& claim, std::string why, Verdict verdict = Verdict::tampered);
  void bad_data(Claim& claim, std::uint32_t id);
  void count_keys();
  void fail(ErrorKind kind, std::string message, Hint hint = {});
  void find_rules();
  void require_keys();
  void require_policy();
  void require_rule(const PolicyRule& rule, const Hint& hint);
  void check_layout_and_digest();
  void conclude();

  const sif::Image& image_;
  const TrustedKeys::Impl& keys_;
  const VerifyOptions& options_;
  ObjectIndex index_;
  std::vector<ChosenRule> rules_;         ///< of the policy, for this file and for the names that lead to it
  std::set<std::uint32_t> groups_;        ///< whose signatures are looked at
  std::set<std::uint32_t> whole_groups_;  ///< whose signatures must name every member
  std::set<std::uint32_t> single_;        ///< legacy: objects with signatures of their own
  std::set<std::uint32_t> wanted_;        ///< objects that must be covered
  std::set<std::uint32_t> changed_;       ///< that signatures which count name, and that are not as they were signed
  bool other_kind_seen_ = false;          ///< legacy signatures where they do not count, or the other way round
  std::vector<std::uint32_t> unread_;     ///< signatures of the other kind, or of nothing that is there
  std::vector<Claim> claims_;
  VerifyReport report_;
};

}  // namespace sifkit::trust

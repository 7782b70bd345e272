// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "symlinks_on_path.h"
#include "verification.h"

// What a policy demands of an image that is verified.

namespace sifkit::trust {

namespace {

/// Why a key that has signed does not count; empty when it does.
std::string why_not(const PolicyRule& rule, const SignatureReport& signature, const Signer& signer) {
  if (!rule.keys.empty() && std::find(rule.keys.begin(), rule.keys.end(), signer.key) == rule.keys.end())
    return "it is not among the rule's keys";
  const auto format = signature.format == "PGP" ? SignatureFormat::pgp
                      : signer.certified        ? SignatureFormat::x509
                                                : SignatureFormat::dsse;
  if (!rule.formats.empty() && std::find(rule.formats.begin(), rule.formats.end(), format) == rule.formats.end()) {
    return fmt::format("its signature is of the format {}", to_string(format));
  }
  if (rule.min_bits.empty()) return {};
  for (const auto& size : signer.sizes) {
    const std::string_view which = &size == signer.sizes.data() ? "it" : "a key that it rests on";
    if (size.family == KeyFamily::other) return fmt::format("{} is of a kind whose size says nothing", which);
    const auto least = rule.min_bits.find(size.family);
    if (least != rule.min_bits.end() && size.bits < least->second)
      return fmt::format("{} has {} bits, expected {} or more", which, size.bits, least->second);
  }
  return signer.sizes.empty() ? "its size is not known" : "";
}

}  // namespace

/// The file's rule, and those with a directory for the names that lead to it: who can put a link into a directory would else
/// choose the rule for what is found there.
void Verification::find_rules() {
  if (options_.policy == nullptr) return;
  const auto match = [&](const std::string& path, const PolicyRule& rule) {
    return PolicyMatch{options_.policy->name(), path, rule.place, rule.path};
  };
  const auto path = options_.place.empty() ? path_of(*image_.file()) : symlinks_on_path(options_.place.native()).back();
  const auto* const rule = options_.policy->rule_for(path);
  report_.policy = rule == nullptr ? PolicyMatch{options_.policy->name(), path, {}, {}} : match(path, *rule);
  if (rule != nullptr) rules_.push_back({rule, {}});
  for (const auto& place : symlinks_on_path(image_.name())) {
    const auto* const other = options_.policy->rule_for(place);
    const bool for_everything = other == nullptr || other->path.size() <= 1;
    if (for_everything ||
        std::any_of(rules_.begin(), rules_.end(), [&](const ChosenRule& chosen) { return chosen.rule == other; }))
      continue;
    report_.policy_links.push_back(match(place, *other));
    rules_.push_back({other, fmt::format("it is for {}, which the image's name leads over", in_quotes(place))});
  }
}

/// As require_keys: two keys that have each signed a part are not two that have signed. What no key has signed is a
/// failure of another kind, which is not talked over.
void Verification::require_policy() {
  if (!report_.policy) return;
  const auto& match = *report_.policy;
  if (match.place.empty())
    return fail(ErrorKind::untrusted, fmt::format("policy {}: no rule is for {}, and there is no default",
                                                  in_quotes(match.policy), in_quotes(match.image)));
  for (const auto& [rule, hint] : rules_) require_rule(*rule, hint);
}

void Verification::require_rule(const PolicyRule& rule, const Hint& hint) {
  const std::string place = fmt::format("policy {}, {}", in_quotes(report_.policy->policy), rule.place);
  if (options_.legacy && !rule.legacy)
    return fail(ErrorKind::untrusted, place + ": legacy signatures are not allowed", hint);
  if (!report_.not_covered.empty() || !report_.changed.empty() || !report_.cut_short.empty()) return;
  std::map<std::string, std::set<std::uint32_t>> counted;
  std::string refused;
  for (const auto& claim : claims_) {
    if (claim.report.verdict != Verdict::valid || claim.report.ignored) continue;
    for (const auto& signer : claim.report.signers) {
      if (!signer.valid) continue;
      const auto why = why_not(rule, claim.report, signer);
      if (why.empty()) counted[signer.key].insert(claim.report.objects.begin(), claim.report.objects.end());
      if (!why.empty() && refused.empty()) refused = fmt::format("; key {} does not count: {}", signer.key, why);
    }
  }
  const auto enough = static_cast<std::size_t>(std::count_if(counted.begin(), counted.end(), [&](const auto& key) {
    return std::includes(key.second.begin(), key.second.end(), wanted_.begin(), wanted_.end());
  }));
  if (enough < rule.threshold) {
    fail(ErrorKind::untrusted,
         fmt::format("{}: {} of {} keys needed have signed all that is checked{}", place, enough, rule.threshold,
                     refused),
         hint);
  }
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/verify_policy.h>

#include <algorithm>

#include "fuzz.h"

using namespace sifkit;

namespace {

/// What verification relies on.
void check_rule(const trust::PolicyRule& rule) {
  fuzz::require(!rule.place.empty(), "a rule has a place in the document");
  fuzz::require(rule.threshold >= 1, "no threshold is reached by nobody");
  fuzz::require(rule.keys.empty() || rule.threshold <= rule.keys.size(), "no threshold is out of reach");
  auto keys = rule.keys;
  std::sort(keys.begin(), keys.end());
  fuzz::require(std::adjacent_find(keys.begin(), keys.end()) == keys.end(), "no key is named twice");
  for (const auto& key : keys) fuzz::require(key.size() == 40 || key.size() == 50, "a key is named in full");
  for (const auto& [family, bits] : rule.min_bits) fuzz::require(family != trust::KeyFamily::other && bits != 0, "a size says something");
  fuzz::require(rule.path.empty() || rule.path == "/" || (rule.path.front() == '/' && rule.path.back() != '/'), "a path is absolute and plain");
}

}  // namespace

/// A policy, and behind a NUL the path of an image.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  const auto end = std::min(input.find('\0'), input.size());
  const std::string image = "/" + std::string(input.substr(std::min(end + 1, input.size())));
  fuzz::accepted([&] {
    const auto policy = trust::VerifyPolicy::parse(input.substr(0, end), "policy", fuzz::small_limits());
    for (const std::string& path : {image, std::string("/"), image + "/below"}) {
      const auto* const rule = policy.rule_for(path);
      if (rule == nullptr) continue;
      check_rule(*rule);
      const bool under = rule->path.empty() || rule->path == "/" || path == rule->path || path.starts_with(rule->path + "/");
      fuzz::require(under, "the rule is for the path");
    }
  });
  return 0;
}

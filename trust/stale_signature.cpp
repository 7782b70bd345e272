// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/stale_signature.h>

#include <map>

#include <fmt/format.h>

#include "signature_check.h"
#include "signed_statement.h"

namespace sifkit::trust {

using namespace sif;

namespace {

/// How much of what a signature says holds still; what is later is worse.
enum class Holds : std::uint8_t { all, for_its_objects, not_at_all };

struct Standing {
  Holds holds;
  StaleSignature stale;
};

Holds holds_of(const SignedStatement& statement, const StatementCheck& check) {
  if (!statement.unreadable.empty() || !check.header || !check.missing.empty() || !check.changed.empty())
    return Holds::not_at_all;
  return check.unnamed.empty() ? Holds::all : Holds::for_its_objects;
}

std::map<std::uint32_t, Standing> standings(const Image& image, const ObjectIndex& index, const Limits& limits) {
  std::map<std::uint32_t, Standing> out;
  for (const auto& statement : read_statements(image, index, limits)) {
    const auto check = statement.unreadable.empty() ? check_statement(image, index, statement.group, statement.metadata)
                                                    : StatementCheck{};
    out[statement.id] = {holds_of(statement, check), {statement.id, statement.group, why_void(statement, check)}};
  }
  return out;
}

/// Legacy signatures cover the bytes of these, in this order.
std::vector<std::uint32_t> legacy_objects(const ObjectIndex& index, const Descriptor& signature) {
  std::vector<std::uint32_t> out;
  if (!signature.links_group()) {
    if (index.find(signature.link()) != nullptr) out.push_back(signature.link());
    return out;
  }
  for (const auto* member : index.members(signature.link())) out.push_back(member->id);
  return out;
}

}  // namespace

std::vector<StaleSignature> signatures_broken_by_edit(const Image& before, const Image& after, const Limits& limits) {
  std::vector<StaleSignature> out;
  const auto signatures = after.objects_of(DataType::signature);
  if (!before.damage().empty() || !after.damage().empty() || signatures.size() > limits.signatures) return out;
  const ObjectIndex old_index(before);
  const ObjectIndex new_index(after);
  const auto old_standings = standings(before, old_index, limits);
  const auto new_standings = standings(after, new_index, limits);
  for (const auto* signature : signatures) {
    const auto* const was = old_index.find(signature->id);
    if (was == nullptr || was->encode() != signature->encode() || signature->link() == 0) continue;
    const auto then = old_standings.find(signature->id);
    const auto now = new_standings.find(signature->id);
    if (then != old_standings.end() && now != new_standings.end()) {
      if (now->second.holds > then->second.holds) out.push_back(now->second.stale);
    } else if (then != old_standings.end()) {
      out.push_back({signature->id, signature->link(), fmt::format("group {} is gone", signature->link())});
    } else if (is_legacy_signature(after, *signature, limits) &&
               legacy_objects(old_index, *signature) != legacy_objects(new_index, *signature)) {
      const bool of_group = signature->links_group();
      out.push_back({signature->id, of_group ? signature->link() : 0,
                     of_group ? fmt::format("group {} has other members", signature->link())
                              : fmt::format("object {} is gone", signature->link())});
    }
  }
  return out;
}

}  // namespace sifkit::trust

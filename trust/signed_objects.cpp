// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/signed_objects.h>

#include <algorithm>

#include "signature_check.h"
#include "signed_statement.h"

namespace sifkit::trust {

using namespace sif;

bool is_named_by_signature(const Image& image, std::uint32_t object, const Limits& limits) {
  const ObjectIndex index(image);
  const auto* const named = index.find(object);
  if (named == nullptr) return false;
  for (const auto& statement : read_statements(image, index, limits)) {
    if (statement.group != named->group()) continue;
    const auto relative = object - index.first_id(statement.group);
    const auto& objects = statement.metadata.objects;
    if (std::any_of(objects.begin(), objects.end(), [&](const auto& each) { return each.relative_id == relative; }))
      return true;
  }
  // A legacy signature is of one object, or of a whole group.
  const auto signatures = image.objects_of(DataType::signature);
  return std::any_of(signatures.begin(), signatures.end(), [&](const Descriptor* signature) {
    if (!signature->links_group()) return signature->link() == object;
    return signature->link() == named->group() && is_legacy_signature(image, *signature, limits);
  });
}

}  // namespace sifkit::trust

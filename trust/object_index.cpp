// SPDX-License-Identifier: Apache-2.0
#include "object_index.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::trust {

using namespace sif;

ObjectIndex::ObjectIndex(const Image& image) : all_(image.objects()) {
  for (const auto* object : all_) {
    if (object->id == ~std::uint32_t{0}) throw Error(ErrorKind::malformed, fmt::format("an object has the id {}, for which no table has a place", object->id));
    if (!by_id_.emplace(object->id, object).second) throw Error(ErrorKind::malformed, fmt::format("several objects have the id {}", object->id));
    if (object->group() == 0) continue;
    by_group_[object->group()].push_back(object);
    for (auto* const firsts : {&first_of_group_, &first_of_raw_group_}) {
      const auto first = firsts->emplace(firsts == &first_of_group_ ? object->group() : object->raw_group, object->id).first;
      first->second = std::min(first->second, object->id);
    }
  }
}

const Descriptor* ObjectIndex::find(std::uint32_t id) const noexcept {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const std::vector<const Descriptor*>& ObjectIndex::members(std::uint32_t group) const noexcept {
  static const std::vector<const Descriptor*> none;
  const auto found = by_group_.find(group);
  return found == by_group_.end() ? none : found->second;
}

std::uint32_t ObjectIndex::first_id(std::uint32_t group) const { return first_of_group_.at(group); }

Bytes ObjectIndex::integrity_bytes(const Descriptor& object) const {
  return object.integrity_bytes(object.id - first_of_raw_group_.at(object.raw_group));
}

}  // namespace sifkit::trust

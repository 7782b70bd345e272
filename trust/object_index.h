// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <sifkit/sif/image.h>

namespace sifkit::trust {

/// The used objects of an image by id and by group. The image outlives it.
class ObjectIndex {
 public:
  /// Throws malformed when several objects have one id, or one has an id that no table can give.
  explicit ObjectIndex(const sif::Image& image);

  const std::vector<const sif::Descriptor*>& all() const noexcept { return all_; }
  const sif::Descriptor* find(std::uint32_t id) const noexcept;
  /// In the order of the table; empty for a group that is not there.
  const std::vector<const sif::Descriptor*>& members(std::uint32_t group) const noexcept;
  /// Ids in signed metadata count from this one. The group is there.
  std::uint32_t first_id(std::uint32_t group) const;
  /// The bytes that a descriptor digest covers. Here ids count from the first object with the same group field as it is
  /// stored, mark included.
  Bytes integrity_bytes(const sif::Descriptor& object) const;

 private:
  std::vector<const sif::Descriptor*> all_;
  std::map<std::uint32_t, const sif::Descriptor*> by_id_;
  std::map<std::uint32_t, std::vector<const sif::Descriptor*>> by_group_;
  std::map<std::uint32_t, std::uint32_t> first_of_group_;
  std::map<std::uint32_t, std::uint32_t> first_of_raw_group_;
};

}  // namespace sifkit::trust

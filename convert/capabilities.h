// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <sifkit/container_tree.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// Where the output has the capabilities of its programs.
enum class CapabilityForm : std::uint8_t {
  stored,       ///< as kStoredCapability, so that every program starts
  real,         ///< as kRealCapability
  real_of_root  ///< the same; what is stored with a program of another owner stays stored: its owner could have written
                ///< it
};

/// The attributes with capabilities under that name alone; nothing where there are none. The real ones count where both
/// are there.
std::optional<layers::Xattrs> with_capabilities_as(std::string_view name, const layers::Xattrs& attributes);

/// Whether the capabilities of a file are root's word: real ones are, and stored ones of a file of root's. Any other
/// owner could have written the attribute.
bool are_of_root(const layers::Inode& inode, const layers::Xattrs& attributes);

/// Gives every regular file's capabilities that form. Where a file has both, the real ones count. One warning for all.
void settle_capabilities(layers::Tree& tree, CapabilityForm form, WarningList& warnings);

}  // namespace sifkit

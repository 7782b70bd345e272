// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sifkit/core/operation.h>
#include <sifkit/layers/tree.h>

namespace sifkit::inspect {

/// A file or a directory, or what else is in a directory.
struct SizedName {
  enum class Kind : std::uint8_t { file, directory, others };

  std::size_t parent = 0;  ///< in the list; of the root, itself
  std::string name;        ///< empty for the root and for others
  std::uint64_t bytes = 0;
  std::uint64_t names = 1;  ///< how many this stands for, with all below them
  Kind kind = Kind::file;
};

/// The `most` largest names of a tree, each behind its directory; what is left of a directory is one entry `others`.
std::vector<SizedName> size_map(const layers::Tree& tree, std::size_t most, const OperationContext& operation);

}  // namespace sifkit::inspect

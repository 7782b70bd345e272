// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/sif/image.h>

namespace sifkit::sif {

/// What no signature of any image protects, as far as it says something (docs/formats.md has the whole list).
struct Unprotected {
  std::string architecture;            ///< GOARCH word of the header
  std::optional<bool> agrees;          ///< with that of every primary partition; absent where there is none
  std::uint64_t bytes_between = 0;     ///< of the file before its last object that are no part of it: padding and holes
  std::uint64_t bytes_behind = 0;      ///< behind the last object
};

SIFKIT_API Unprotected unprotected_of(const Image& image);

/// What keeps a file from being its objects and nothing else, one sentence each: everything in Image::problems, descriptors
/// that are free and not zero, bytes between objects that are not zero or more than padding, bytes behind the last object.
/// Reads the padding. At most some hundred.
SIFKIT_API std::vector<std::string> layout_problems(const Image& image, const OperationContext& operation);

}  // namespace sifkit::sif

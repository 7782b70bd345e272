// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/report.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/integrity.h>

namespace sifkit::sif {

Unprotected unprotected_of(const Image& image);

/// What keeps a file from being its objects and nothing else, one sentence each: everything in Image::problems, descriptors
/// that are free and not zero, bytes between objects that are not zero or more than padding, bytes behind the last object.
/// Reads the padding. At most some hundred.
std::vector<std::string> layout_problems(const Image& image, const OperationContext& operation);

}  // namespace sifkit::sif

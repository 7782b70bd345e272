// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/tree.h>

#include "squashfs/data_writer.h"

namespace sifkit::layers {

/// Reads a finished image back and compares every name, every field and every byte with what was to
/// be written. Throws internal for the first difference.
void verify_squashfs(Region& region, const Tree& tree, const DataWriter& data, const OperationContext& operation);

}  // namespace sifkit::layers

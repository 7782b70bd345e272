// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/error.h>
#include <sifkit/layers/file_system.h>

#include "findings.h"

namespace sifkit::check {

/// Whether an error says that an image is damaged.
bool is_damage(const Error& error) noexcept;

/// Reads every file of an image; those that cannot be read are findings.
void find_damage(layers::FileSystem& files, const OperationContext& operation, Findings& out);

}  // namespace sifkit::check

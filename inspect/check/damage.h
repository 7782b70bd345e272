// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include <sifkit/core/error.h>
#include <sifkit/layers/file_system.h>

#include "findings.h"

namespace sifkit::check {

/// Whether an error says that an image is damaged.
bool is_damage(const Error& error) noexcept;

/// Reads every file of an image; those that cannot be read are findings, but for those that have been `told`. The error
/// where reading all fails, and reading none by itself does.
std::optional<std::string> find_damage(layers::FileSystem& files, const OperationContext& operation,
                                       const std::set<layers::InodeId>& told, Findings& out);

}  // namespace sifkit::check

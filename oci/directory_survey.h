// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/contents.h>

namespace sifkit::oci {

UniqueFd open_directory(const std::filesystem::path& path);

/// What the names in a directory say, as those of a tar of its contents would. Only where its first levels tell nothing
/// the rest is looked through, for a program.
ContentsSurvey survey_directory(const UniqueFd& directory, const OperationContext& operation);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sifkit/oci/reference.h>
#include <sifkit/oci/source.h>

namespace sifkit {

/// Throws usage where the target is the source itself: to replace it by what is made of it is nobody's wish, since it could
/// not be made again.
void refuse_own_source(const oci::Reference& source, const std::filesystem::path& target);

/// Throws usage where the target is in, or is, the directory that becomes the image: it would be a part of itself. Not where
/// `excludes` leave its directory out.
void refuse_inside_source(const oci::OpenedSource& source, const std::filesystem::path& target,
                          const std::vector<std::string>& excludes = {});

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/oci/image_destination.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

/// Writes the image of a source to where `target` says, which names an archive or a layout. The exit code.
int copy_image_to(const std::string& source, const oci::Target& target, const SourceArguments& from, bool force,
                  Session& session);

}  // namespace sifkit::cli

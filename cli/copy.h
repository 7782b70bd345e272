// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/oci/image_destination.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

struct CopyArguments {
  bool force = false;
  std::string digest_file;
  bool all = false;  ///< every platform of an index
  std::string compression;  ///< of the layers; empty: as they are
};

/// Writes the image of a source to where `target` says: an archive, a layout, a registry or a daemon. The exit code.
int copy_image_to(const std::string& source, const oci::Target& target, const SourceArguments& from,
                  const CopyArguments& arguments, Session& session);

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/oci/image_destination.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

struct CopyArguments {
  bool force = false;
  bool all = false;         ///< every platform of an index
  std::string compression;  ///< of the layers; empty: as they are
  std::string digest_file;
  std::string format;  ///< of the manifest, "oci" or "docker"; empty: as it is
};

/// Writes the image of a source to where `target` says: an archive, a layout, a registry or a daemon. The exit code.
int copy_image_to(const std::string& source, const oci::Target& target, const SourceArguments& from,
                  const CopyArguments& arguments, Session& session);

/// `--compress` of the verbs that copy layers.
void add_compression_option(CLI::App& verb, std::string& compression);

}  // namespace sifkit::cli

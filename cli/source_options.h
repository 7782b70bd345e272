// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/file_system.h>
#include <sifkit/oci/image.h>
#include <sifkit/sif/image.h>

#include "commands.h"
#include "registry_options.h"

namespace sifkit::cli {

/// Options of every verb that reads an image.
struct SourceArguments {
  std::string platform;
  std::string architecture;
  std::string scratch;
  std::string host;
  unsigned service_timeout = 300;
  RegistryArguments registry;
  std::vector<std::string> limits;
};

void add_source_options(CLI::App& verb, SourceArguments& arguments);

/// Those that are for registries and libraries.
void add_remote_options(CLI::App& verb, SourceArguments& arguments);

/// The SIF file of a registry or a library that is named (`oras:`, `library:`); nothing for the path of a file.
std::optional<oci::Reference> remote_sif(const std::string& place);

/// A SIF file, or that of a registry or a library.
sif::Image open_sif(const std::string& place, const SourceArguments& arguments, const Session& session);

/// Throws usage for a platform nobody knows.
oci::SourceOptions source_options(const SourceArguments& arguments, const Session& session);

/// What a verb that looks into images has open. Flaws of the file were shown, what a build would warn of too
/// where --debug asks for more.
struct OpenedSource {
  std::unique_ptr<WarningList> warnings;  ///< which the file system uses
  std::unique_ptr<OpenedFileSystem> image;

  layers::FileSystem& files() const { return image->files(); }
  const layers::Tree& tree() const { return image->tree(); }
  const layers::Tree& known() const { return files().known(); }
};

/// `opening` on demand is for a verb that asks for files by their paths alone.
OpenedSource open_files(const std::string& source, const SourceArguments& arguments, Session& session,
                        layers::Opening opening = layers::Opening::whole);

/// Writes regular files of an image to standard output, one behind the other. The exit code.
int print_files(const std::string& image, const SourceArguments& from, const std::vector<std::string>& paths,
                Session& session);

/// What such a verb says of its SRC.
inline constexpr const char* kSourceDescription =
    "A SIF, a squashfs image, an archive, a layout, a directory (dir:DIR), a root file system (tar:FILE), "
    "docker://NAME, oras://NAME, "
    "library://NAME, docker-daemon:NAME, podman:NAME, docker-container:NAME or -";

}  // namespace sifkit::cli

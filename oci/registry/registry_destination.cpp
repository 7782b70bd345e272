// SPDX-License-Identifier: Apache-2.0
#include "registry_destination.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>

#include "../spooled_layer.h"
#include "repository_writer.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";

/// The repository that the source is, if the same registry has it.
std::string neighbour_of(const RegistryName& name, const std::optional<Reference>& from) {
  if (!from || from->transport != Transport::docker) return {};
  const auto other = RegistryName::parse(from->location, from->text);
  return other.host == name.host && other.repository != name.repository ? other.repository : "";
}

class RegistryDestination : public ImageDestination {
 public:
  RegistryDestination(const Target& target, const DestinationOptions& options)
      : options_(options), name_(RegistryName::parse(target.name, target.text)), writer_(name_, options) {
    if (const auto other = neighbour_of(name_, options.from); !other.empty()) writer_.mount_from(other);
  }

  bool plain_layers() const override { return false; }
  bool takes_readable_layers() const override { return true; }
  void add_layer(ReadableBlob layer) override { writer_.add_blob(layer); }

  std::unique_ptr<BlobWriter> begin_layer() override {
    // A refusal comes before the layer is made.
    writer_.expect_welcome();
    return std::make_unique<SpooledLayer>(options_.scratch, [this](ReadableBlob layer) { writer_.add_blob(layer); });
  }

  void finish(const ImageDocuments& documents) override {
    writer_.add_document(documents.config);
    const auto& type = documents.manifest.media_type;
    writer_.put_manifest(documents.manifest_text, type.empty() ? std::string(kManifestType) : type, name_.reference());
  }

 private:
  const DestinationOptions options_;
  RegistryName name_;
  RepositoryWriter writer_;
};

}  // namespace

std::unique_ptr<ImageDestination> open_registry_destination(const Target& target, const DestinationOptions& options) {
  return std::make_unique<RegistryDestination>(target, options);
}

}  // namespace sifkit::oci

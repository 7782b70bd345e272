// SPDX-License-Identifier: Apache-2.0
#include "registry_destination.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>

#include "../spooled_layer.h"
#include "repository_writer.h"

namespace sifkit::oci {

namespace {

class RegistryDestination : public ImageDestination {
 public:
  RegistryDestination(const Target& target, const DestinationOptions& options)
      : options_(options), name_(RegistryName::parse(target.name, target.text)), writer_(name_, options) {
    const auto& from = options.from;
    if (from && from->transport == Transport::docker)
      writer_.mount_from(RegistryName::parse(from->location, from->text));
  }

  bool plain_layers() const override { return false; }
  bool takes_readable_layers() const override { return true; }
  void add_layer(ReadableBlob layer) override { writer_.send_blob(std::move(layer)); }
  void check() override { writer_.check(); }

  bool takes_sets() const override { return true; }
  void add_blob(ReadableBlob blob) override { writer_.send_blob(std::move(blob)); }
  void add_manifest(const Descriptor& descriptor, const std::string& text) override {
    writer_.put_manifest(text, descriptor.media_type, descriptor.digest.text());
  }
  void finish_set(const Descriptor& top, const std::string& text) override {
    writer_.put_manifest(text, top.media_type, name_.reference());
  }

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

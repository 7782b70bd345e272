// SPDX-License-Identifier: Apache-2.0
#include "docker_archive_destination.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <sifkit/core/json.h>

#include "member_writer.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kLayerSuffix = ".tar";

/// Notes the name that a layer gets, which is made of its sha256: its diff_id may be of another algorithm.
class NamedLayer : public BlobWriter {
 public:
  NamedLayer(std::unique_ptr<BlobWriter> layer, Json& names) : layer_(std::move(layer)), names_(names) {}

  void write(ByteView bytes) override { layer_->write(bytes); }
  StoredBlob finish() override {
    auto blob = layer_->finish();
    names_.push_back(blob.digest.hex() + std::string(kLayerSuffix));
    return blob;
  }

 private:
  std::unique_ptr<BlobWriter> layer_;
  Json& names_;
};

/// As `docker save` and skopeo lay it out: layers and the configuration by their digests, then the document that lists
/// them.
class DockerArchiveDestination : public ImageDestination {
 public:
  DockerArchiveDestination(const Target& target, Overwrite overwrite)
      : name_(target.name), file_(target.path, overwrite), archive_(file_.file()) {}

  bool plain_layers() const override { return true; }
  std::unique_ptr<BlobWriter> begin_layer() override {
    return std::make_unique<NamedLayer>(archive_.begin("", std::string(kLayerSuffix)), layers_);
  }
  void finish(const ImageDocuments& documents) override {
    const std::string config = digest_of(as_bytes(documents.config)).hex() + ".json";
    archive_.add(config, documents.config);
    Json tags = Json::array();
    if (!name_.empty()) tags.push_back(name_);
    const Json manifest{{{"Config", config}, {"RepoTags", tags}, {"Layers", layers_}}};
    archive_.add("manifest.json", manifest.dump() + "\n");
    archive_.finish();
    file_.commit();
  }

 private:
  std::string name_;
  AtomicFile file_;
  MemberWriter archive_;
  Json layers_ = Json::array();  ///< names of members, oldest first
};

}  // namespace

std::unique_ptr<ImageDestination> open_docker_archive_destination(const Target& target,
                                                                  const DestinationOptions& options) {
  return std::make_unique<DockerArchiveDestination>(target, options.overwrite);
}

}  // namespace sifkit::oci

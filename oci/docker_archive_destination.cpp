// SPDX-License-Identifier: Apache-2.0
#include "docker_archive_destination.h"

#include <sifkit/core/json.h>

#include "member_writer.h"

namespace sifkit::oci {

namespace {

/// As `docker save` and skopeo lay it out: layers and the configuration by their digests, then the document that lists
/// them.
class DockerArchiveDestination : public ImageDestination {
 public:
  DockerArchiveDestination(const Target& target, Overwrite overwrite)
      : name_(target.name), file_(target.path, overwrite), archive_(file_.file()) {}

  bool plain_layers() const override { return true; }
  std::unique_ptr<BlobWriter> begin_layer() override { return archive_.begin("", ".tar"); }
  void finish(const ImageDocuments& documents) override {
    const std::string config = digest_of(as_bytes(documents.config)).hex() + ".json";
    archive_.add(config, documents.config);
    Json layers = Json::array();
    for (const auto& diff_id : documents.diff_ids) layers.push_back(diff_id.hex() + ".tar");
    Json tags = Json::array();
    if (!name_.empty()) tags.push_back(name_);
    const Json manifest{{{"Config", config}, {"RepoTags", tags}, {"Layers", layers}}};
    archive_.add("manifest.json", manifest.dump() + "\n");
    archive_.finish();
    file_.commit();
  }

 private:
  std::string name_;
  AtomicFile file_;
  MemberWriter archive_;
};

}  // namespace

std::unique_ptr<ImageDestination> open_docker_archive_destination(const Target& target,
                                                                  const DestinationOptions& options) {
  return std::make_unique<DockerArchiveDestination>(target, options.overwrite);
}

}  // namespace sifkit::oci

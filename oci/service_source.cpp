// SPDX-License-Identifier: Apache-2.0
#include "service_source.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "engine_images.h"

namespace sifkit::oci {

namespace {

class Service : public OpenedSource {
 public:
  Service(const Reference& reference, const SourceOptions& options, WarningList& warnings)
      : reference_(reference), options_(options), warnings_(warnings) {}

  const Reference& reference() const override { return reference_; }
  bool is_root() const override { return false; }
  bool is_root_in_doubt() const override { return false; }
  std::shared_ptr<const File> image_file() const override { return nullptr; }

  std::unique_ptr<Image> open_image() override {
    if (reference_.transport == Transport::docker_container) return open_container(reference_, options_, warnings_);
    return open_daemon_image(reference_, options_, warnings_);
  }
  std::vector<ImageSummary> list_images() override {
    if (reference_.transport != Transport::docker_container) return list_daemon_images(reference_, options_);
    throw Error(ErrorKind::unsupported,
                fmt::format("{} is a container, an image of layers was expected", in_quotes(reference_.text)),
                Advice::convert);
  }

 private:
  Reference reference_;
  const SourceOptions options_;
  WarningList& warnings_;
};

}  // namespace

std::unique_ptr<OpenedSource> open_service(const Reference& reference, const SourceOptions& options,
                                           WarningList& warnings) {
  return std::make_unique<Service>(reference, options, warnings);
}

}  // namespace sifkit::oci

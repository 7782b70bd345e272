// SPDX-License-Identifier: Apache-2.0
#include "rootfs_image.h"

namespace sifkit::oci {

RootfsImage::RootfsImage(ImageConfig config, Open open, std::uint64_t compressed_bytes, std::string tag)
    : config_(std::move(config)), layers_(1), open_(std::move(open)), stored_bytes_(compressed_bytes), tag_(std::move(tag)) {}

std::vector<std::string> RootfsImage::tags() const {
  if (tag_.empty()) return {};
  return {tag_};
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "flat_image.h"

namespace sifkit::oci {

FlatImage::FlatImage(ImageConfig config, Open open, std::uint64_t stored_bytes, std::string tag)
    : config_(std::move(config)), layers_(1), open_(std::move(open)), stored_bytes_(stored_bytes), tag_(std::move(tag)) {}

std::vector<std::string> FlatImage::tags() const {
  if (tag_.empty()) return {};
  return {tag_};
}

}  // namespace sifkit::oci

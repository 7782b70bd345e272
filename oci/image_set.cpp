// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/image_set.h>

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/json.h>
#include <sifkit/oci/source.h>

#include "blob_store.h"
#include "oci_layout.h"

namespace sifkit::oci {

ImageSet::ImageSet(std::shared_ptr<BlobStore> blobs, Descriptor top, const Limits& limits,
                   std::shared_ptr<const void> owner)
    : owner_(std::move(owner)), blobs_(std::move(blobs)), top_(std::move(top)), limits_(limits) {}

ImageSet::~ImageSet() = default;

ImageSet::Document ImageSet::read(const Descriptor& descriptor) {
  const std::lock_guard lock(mutex_);
  return in_file(blobs_->name(), [&] {
    const auto where = fmt::format("manifest {}", descriptor.digest.text());
    const auto text = blobs_->read(descriptor, BlobKind::manifest, limits_, where);
    if (!text) {
      throw Error(ErrorKind::malformed,
                  fmt::format("{} is not there", blobs_->name_of(descriptor.digest, BlobKind::manifest)),
                  "what holds a part of an index only is copied image by image");
    }
    if (const auto found = digest_of(as_bytes(*text), descriptor.digest.algorithm()); found != descriptor.digest)
      throw Error(ErrorKind::integrity,
                  fmt::format("{}: expected {}, found {}", where, descriptor.digest.text(), found.text()));
    const Json json = parse_json(*text, where, limits_);
    const JsonView view(json, where + ": ");
    Document out;
    out.index = is_index(view, descriptor.media_type, where);
    out.descriptor = descriptor;
    out.descriptor.media_type = view["mediaType"].text_or(descriptor.media_type);
    if (out.descriptor.media_type.empty()) out.descriptor.media_type = out.index ? kIndexType : kManifestType;
    out.text = *text;
    const auto list = view[out.index ? "manifests" : "layers"];
    if (!out.index) out.blobs.push_back(parse_descriptor(view["config"]));
    for (std::size_t i = 0; i < list.require_array().size(); ++i)
      (out.index ? out.manifests : out.blobs).push_back(parse_descriptor(list.at(i)));
    return out;
  });
}

std::unique_ptr<Source> ImageSet::open(const Descriptor& descriptor) {
  const std::lock_guard lock(mutex_);
  return blobs_->open(descriptor);
}

}  // namespace sifkit::oci

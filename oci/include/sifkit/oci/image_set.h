// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/descriptor.h>

namespace sifkit::oci {

class BlobStore;

/// All that one name stands for, as it is stored: a manifest, or an index with everything that it lists, of whatever
/// platform and kind.
class SIFKIT_API ImageSet {
 public:
  /// One document, verified.
  struct Document {
    Descriptor descriptor;  ///< with the media type of the document
    std::string text;
    bool index = false;
    std::vector<Descriptor> manifests;  ///< that an index lists
    std::vector<Descriptor> blobs;      ///< of a manifest: its configuration, then its layers
  };

  ImageSet(std::shared_ptr<BlobStore> blobs, Descriptor top, const Limits& limits,
           std::shared_ptr<const void> owner = nullptr);
  ~ImageSet();
  ImageSet(const ImageSet&) = delete;
  ImageSet& operator=(const ImageSet&) = delete;

  const Descriptor& top() const noexcept { return top_; }
  /// Throws malformed where it is not there, and integrity.
  Document read(const Descriptor& descriptor);
  /// The bytes of a blob, not yet verified. May be called from several threads.
  std::unique_ptr<Source> open(const Descriptor& descriptor);

 private:
  std::shared_ptr<const void> owner_;  ///< of the files that the blobs are
  std::shared_ptr<BlobStore> blobs_;
  const Descriptor top_;
  const Limits limits_;
  std::mutex mutex_;
};

}  // namespace sifkit::oci

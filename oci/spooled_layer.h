// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>
#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// A layer whose digest and size must be known before the first of its bytes goes out: it is kept in an unnamed scratch
/// file until its end.
class SpooledLayer : public BlobWriter {
 public:
  using Take = std::function<void(ReadableBlob)>;

  /// `directory` of the file; empty: scratch_directory(). `take` gets the layer when it is finished.
  SpooledLayer(const std::filesystem::path& directory, Take take);

  void write(ByteView bytes) override;
  StoredBlob finish() override;

 private:
  std::shared_ptr<const File> file_;
  Take take_;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

}  // namespace sifkit::oci

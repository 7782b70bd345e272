// SPDX-License-Identifier: Apache-2.0
#include "spooled_layer.h"

#include <utility>

namespace sifkit::oci {

SpooledLayer::SpooledLayer(const std::filesystem::path& directory, Take take)
    : file_(std::make_shared<const File>(open_scratch_file(directory.empty() ? scratch_directory() : directory))),
      take_(std::move(take)) {}

void SpooledLayer::write(ByteView bytes) {
  hasher_.update(bytes);
  with_scratch_hint([&] { file_->write_at(size_, bytes); });
  size_ += bytes.size();
}

StoredBlob SpooledLayer::finish() {
  const StoredBlob blob{hasher_.finish(), size_};
  take_({blob.digest, blob.size, [file = file_] { return std::make_unique<FileSource>(file); }});
  return blob;
}

}  // namespace sifkit::oci

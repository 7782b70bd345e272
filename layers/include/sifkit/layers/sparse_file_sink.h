// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/layers/content.h>

namespace sifkit::layers {

/// Writes one file's bytes into a new, empty file; runs of zeros become holes.
class SparseFileSink : public ContentSink {
 public:
  /// `file` outlives the sink.
  explicit SparseFileSink(const File& file) : file_(file) {}

  void begin(std::uint64_t size) override { size_ = size; }

  void append(ByteView bytes) override {
    // The file is new, so what is not written reads as zeros.
    static constexpr std::size_t kPiece = 64 * 1024;
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min<std::size_t>(bytes.size(), kPiece - at_ % kPiece));
      if (!all_zero(piece)) file_.write_at(at_, piece);
      at_ += piece.size();
      bytes = bytes.subspan(piece.size());
    }
  }

  void append_zeros(std::uint64_t count) override { at_ += count; }

  ContentId end() override {
    SIFKIT_CHECK(at_ == size_);
    if (file_.size() != size_) file_.truncate(size_);  // a hole at the end
    return kEmptyContent;
  }

 private:
  const File& file_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 0;
};

}  // namespace sifkit::layers

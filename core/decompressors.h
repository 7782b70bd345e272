// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <sifkit/core/decompress.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>

// One decoder a compression; each is a Source of uncompressed bytes and the only user of its library.

namespace sifkit {

/// The compressed bytes of a decoder, a large piece at a time.
class CompressedInput {
 public:
  explicit CompressedInput(std::unique_ptr<Source> source) : source_(std::move(source)), buffer_(kSize) {}

  /// What is left of the current piece, or a new piece when it is used up; empty only at the end of the source.
  ByteView view() {
    if (used_ == filled_ && !ended_) {
      consumed_before_ += filled_;
      used_ = 0;
      filled_ = source_->read(buffer_);
      ended_ = filled_ == 0;
    }
    return ByteView(buffer_).subspan(used_, filled_ - used_);
  }
  void consume(std::size_t count) { used_ += count; }

  /// Compressed bytes consumed so far.
  std::uint64_t offset() const noexcept { return consumed_before_ + used_; }

 private:
  static constexpr std::size_t kSize = 128 * 1024;

  std::unique_ptr<Source> source_;
  Bytes buffer_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t consumed_before_ = 0;
  bool ended_ = false;
};

std::unique_ptr<Source> open_gzip(std::unique_ptr<Source> source, std::string what);
std::unique_ptr<Source> open_zstd(std::unique_ptr<Source> source, std::string what, const Limits& limits);
std::unique_ptr<Source> open_bzip2(std::unique_ptr<Source> source, std::string what);
std::unique_ptr<Source> open_xz(std::unique_ptr<Source> source, std::string what, const Limits& limits);

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include <sifkit/core/decompress.h>
#include <sifkit/core/export.h>
#include <sifkit/core/stream.h>

namespace sifkit {

/// How a stream is to be compressed: none, gzip or zstd.
struct StreamCompression {
  Compression kind = Compression::none;
  int level = 0;  ///< gzip 1 to 12, zstd 1 to 19; 0: gzip 6, zstd 3

  /// "gzip", "zstd:19", "none". Throws usage.
  SIFKIT_API static StreamCompression parse(std::string_view text);
};

/// Compresses what is written to it, by several threads. The stream is a row of gzip members or zstd frames of 1 MiB of
/// input each, which readers take for one (RFC 1952, 2.2; RFC 8878, 3.1). Its bytes do not depend on the threads or on how
/// the input was cut. One thread at a time calls it, and `to` is written by that one.
class SIFKIT_API CompressingSink : public Sink {
 public:
  /// `to` outlives the object. With no threads the caller's does the work. Throws unsupported for a kind that a stream
  /// cannot be compressed by here.
  CompressingSink(Sink& to, const StreamCompression& compression, unsigned threads);
  ~CompressingSink() override;
  void write(ByteView bytes) override;
  /// Writes what is left. Without it the stream is not whole.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit

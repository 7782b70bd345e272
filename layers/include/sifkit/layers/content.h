// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/data_segment.h>
#include <sifkit/core/export.h>

namespace sifkit::layers {

class PackedBlocks;

/// Names the bytes of one regular file in a ContentSink. Two files may share one.
enum class ContentId : std::uint32_t {};

inline constexpr ContentId kEmptyContent{0};           ///< the file of no bytes; every sink knows it
inline constexpr ContentId kNoContent{0xffffffffu};    ///< the bytes were passed over

/// Takes the bytes of regular files, one file after the other, before it is known where they stand in the tree.
/// What the sink makes of them depends only on the order of calls. Not thread safe.
class SIFKIT_API ContentSink {
 public:
  virtual ~ContentSink() = default;

  /// The next file is the one of this path: a hint for a sink that may know it from before. The path is relative and
  /// clean.
  virtual void expect(std::string_view) {}
  /// The next file has holes: all of it but these segments, sorted, comes by `append_zeros`. A hint for a sink that has to
  /// say so in front of the bytes.
  virtual void expect_segments(std::span<const DataSegment>) {}
  /// Starts a file of exactly `size` bytes.
  virtual void begin(std::uint64_t size) = 0;
  virtual void append(ByteView bytes) = 0;
  /// `count` zero bytes, which a sink may store as a hole; costs next to nothing.
  virtual void append_zeros(std::uint64_t count) = 0;
  /// Ends the file; fewer or more bytes than announced is ErrorKind::internal.
  virtual ContentId end() = 0;
  /// A regular file of an older image in place of its bytes: for a sink that was made with that image as its base, which
  /// takes what is stored there as it is. Others do not take any (ErrorKind::internal).
  virtual ContentId take(const PackedBlocks& base, std::uint32_t inode);
  /// All files of a layer are in; called between two files. A sink may store layers apart, so that a change of one leaves
  /// the stored bytes of the others as they are.
  virtual void end_layer() {}
};

/// Hands everything on. For sinks that look at what passes through: they override what they look at, and call the
/// base's function for the rest of it.
class ForwardingSink : public ContentSink {
 public:
  /// `next` outlives the sink.
  explicit ForwardingSink(ContentSink& next) : next_(next) {}

  void expect(std::string_view path) override { next_.expect(path); }
  void expect_segments(std::span<const DataSegment> segments) override { next_.expect_segments(segments); }
  void begin(std::uint64_t size) override { next_.begin(size); }
  void append(ByteView bytes) override { next_.append(bytes); }
  void append_zeros(std::uint64_t count) override { next_.append_zeros(count); }
  ContentId end() override { return next_.end(); }
  ContentId take(const PackedBlocks& base, std::uint32_t inode) override { return next_.take(base, inode); }
  void end_layer() override { next_.end_layer(); }

 private:
  ContentSink& next_;
};

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/layer_reader.h>

#include <array>
#include <atomic>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/decompress.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/tar_reader.h>

#include "entry_from_tar.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kCompressedWindow = 1u << 20;
constexpr std::size_t kUncompressedWindow = 4u << 20;
constexpr std::size_t kLargeWindow = 32u << 20;  ///< of a layer that may be read before its turn

/// Counts a stream, and checks its size and digest when its end is met.
class CheckedSource : public Source {
 public:
  CheckedSource(std::unique_ptr<Source> source, std::string what, std::optional<Digest> digest,
                std::optional<std::uint64_t> size, std::atomic<std::uint64_t>& count)
      : source_(std::move(source)), what_(std::move(what)), digest_(std::move(digest)), size_(size), count_(count) {
    if (digest_) hasher_.emplace(digest_->algorithm());
  }

  std::size_t read(std::span<std::byte> into) override {
    if (ended_) return 0;
    const auto got = source_->read(into);
    if (got == 0) {
      ended_ = true;
      check_end();
      return 0;
    }
    if (hasher_) hasher_->update(into.first(got));
    add(got);
    return got;
  }

  std::uint64_t skip(std::uint64_t count) override {
    if (hasher_ || ended_) return Source::skip(count);
    const auto skipped = source_->skip(count);
    add(skipped);
    return skipped;
  }

 private:
  void add(std::uint64_t bytes) {
    const auto seen = count_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (size_ && seen > *size_) {
      throw Error(ErrorKind::integrity, fmt::format("{}: more than the stated {} bytes", what_, *size_));
    }
  }

  void check_end() {
    const auto seen = count_.load(std::memory_order_relaxed);
    if (size_ && seen != *size_) {
      throw Error(ErrorKind::integrity, fmt::format("{}: expected {} bytes, found {}", what_, *size_, seen));
    }
    if (!hasher_) return;
    if (const Digest found = hasher_->finish(); found != *digest_) {
      throw Error(ErrorKind::integrity, fmt::format("{}: expected {}, found {}", what_, digest_->text(), found.text()),
                  "the layer was changed or damaged after the image was made; export the image again");
    }
  }

  std::unique_ptr<Source> source_;
  std::string what_;
  std::optional<Digest> digest_;
  std::optional<std::uint64_t> size_;
  std::atomic<std::uint64_t>& count_;
  std::optional<Hasher> hasher_;
  bool ended_ = false;
};

}  // namespace

std::optional<Compression> stated_compression(std::string_view media_type) noexcept {
  if (media_type.ends_with("gzip")) return Compression::gzip;
  if (media_type.ends_with("zstd")) return Compression::zstd;
  if (media_type.ends_with("tar")) return Compression::none;
  return std::nullopt;
}

struct LayerReader::Impl {
  const LayerOptions options;
  const Limits limits;
  WarningList& warnings;
  std::string name;
  const bool is_root;
  std::atomic<std::uint64_t> stored = 0;
  std::atomic<std::uint64_t> plain = 0;
  std::unique_ptr<Source> source;  ///< of the tar stream; its threads use the counters above
  std::optional<TarReader> tar;
  TarMember member;
  std::uint64_t entries = 0;
  std::string contradiction;  ///< of the media type; told with the first entry

  Impl(LayerBlob blob, const LayerOptions& layer_options, const Limits& reader_limits, WarningList& warning_list)
      : options(layer_options), limits(reader_limits), warnings(warning_list), name(std::move(blob.name)), is_root(blob.is_root) {
    auto checked = std::make_unique<CheckedSource>(std::move(blob.source), "stored bytes", blob.digest, blob.size, stored);
    auto peeked = std::make_unique<PeekedSource>(std::move(checked));
    const auto compression = sniff_compression(peeked->peek(6));
    if (const auto stated = stated_compression(blob.media_type); stated && *stated != compression) {
      contradiction = fmt::format("{}: media type {}, but the compression is {}", name, in_quotes(blob.media_type), to_string(compression));
    }
    // Of an uncompressed layer digest and diff_id are the same, and one of them is enough.
    const bool once = compression == Compression::none && blob.digest && blob.diff_id && *blob.digest == *blob.diff_id;
    std::unique_ptr<Source> bytes = std::move(peeked);
    if (compression != Compression::none) {
      bytes = std::make_unique<ReadAhead>(std::move(bytes), kCompressedWindow);
      bytes = open_decompressed(std::move(bytes), "stored bytes", limits);
      if (options.many_threads) bytes = std::make_unique<ReadAhead>(std::move(bytes), kUncompressedWindow);
    }
    const bool skips = options.few_contents && compression == Compression::none && !blob.digest && !blob.diff_id;
    bytes = std::make_unique<CheckedSource>(std::move(bytes), "diff_id", once ? std::nullopt : blob.diff_id, std::nullopt, plain);
    if (!skips) bytes = std::make_unique<ReadAhead>(std::move(bytes), options.many_threads ? kLargeWindow : kUncompressedWindow);
    source = std::move(bytes);
    tar.emplace(*source, limits, warnings, is_root ? TarTypes::any : TarTypes::layer);
  }
};

LayerReader::LayerReader(LayerBlob blob, const LayerOptions& options, const Limits& limits, WarningList& warnings) {
  const std::string name = blob.name;
  impl_ = in_context([&] { return name; }, [&] { return std::make_unique<Impl>(std::move(blob), options, limits, warnings); });
}

LayerReader::~LayerReader() = default;

std::optional<Entry> LayerReader::next() {
  auto& state = *impl_;
  if (!state.contradiction.empty()) state.warnings.add("media-type", std::exchange(state.contradiction, {}));
  return in_context([&] { return state.name; }, [&]() -> std::optional<Entry> {
    auto member = state.tar->next();
    if (!member) {
      // A layer has a digest that tells, and tools write layers without the mark.
      if (state.is_root && state.tar->end_is_unmarked()) {
        state.warnings.add(
            "tar-end", fmt::format("tar offset {}: the archive ends without the mark of its end: it may be cut off",
                                   state.tar->offset()));
      }
      state.tar->drain();
      return std::nullopt;
    }
    state.member = std::move(*member);
    ++state.entries;
    return in_context([&] { return fmt::format("entry {} {}", state.entries, in_quotes(state.member.name)); },
                      [&] { return entry_from_tar(state.member, !state.is_root, state.options, state.limits, state.warnings); });
  });
}

ContentId LayerReader::read_content(ContentSink& sink) {
  auto& state = *impl_;
  const auto& member = state.member;
  return in_context([&] { return fmt::format("{}: entry {} {}", state.name, state.entries, in_quotes(member.name)); }, [&] {
    std::array<std::byte, 64 * 1024> scratch;
    const auto copy_bytes = [&](std::uint64_t count) {
      while (count != 0) {
        const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(count, scratch.size()));
        const auto bytes = state.tar->view(std::span(scratch).first(want));
        SIFKIT_CHECK(!bytes.empty());
        sink.append(bytes);
        count -= bytes.size();
      }
    };
    if (member.sparse) sink.expect_segments(member.segments);
    sink.begin(member.size);
    if (!member.sparse) {
      copy_bytes(member.stored_size);
      return sink.end();
    }
    std::uint64_t at = 0;
    for (const auto& segment : member.segments) {
      if (segment.offset > at) sink.append_zeros(segment.offset - at);
      copy_bytes(segment.length);
      at = segment.offset + segment.length;
    }
    if (member.size > at) sink.append_zeros(member.size - at);
    return sink.end();
  });
}

std::uint64_t LayerReader::compressed_bytes() const noexcept { return impl_->stored.load(std::memory_order_relaxed); }

std::uint64_t LayerReader::uncompressed_bytes() const noexcept { return impl_->plain.load(std::memory_order_relaxed); }

}  // namespace sifkit::layers

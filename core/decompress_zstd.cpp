// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include <fmt/format.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <sifkit/core/error.h>

#include "damaged.h"
#include "decompressors.h"

namespace sifkit {

namespace {

struct FreeDecoder {
  void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
};

/// RFC 8878: any number of frames, skippable ones too.
class ZstdSource final : public Source {
 public:
  ZstdSource(std::unique_ptr<Source> source, std::string what, const Limits& limits)
      : input_(std::move(source)), what_(std::move(what)), window_(limits.decoder_window), decoder_(ZSTD_createDStream()) {
    if (!decoder_) throw std::bad_alloc();
    // A limit that is no power of two rounds down; the library takes 10 to 31.
    const int log = static_cast<int>(std::bit_width(window_)) - 1;
    check(ZSTD_DCtx_setParameter(decoder_.get(), ZSTD_d_windowLogMax, log < 10 ? 10 : log > 31 ? 31 : log));
  }

  std::size_t read(std::span<std::byte> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      const auto view = input_.view();
      if (view.empty() && frame_done_) break;
      ZSTD_inBuffer in{view.data(), view.size(), 0};
      const auto wanted = check(ZSTD_decompressStream(decoder_.get(), &out, &in));
      input_.consume(in.pos);
      frame_done_ = wanted == 0;
      if (view.empty() && out.pos == 0 && !frame_done_) fail(ErrorKind::malformed, "ends inside a frame");
    }
    return out.pos;
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string_view why) const {
    throw Error(kind, fmt::format("{}: zstd data at offset {}: {}", what_, input_.offset(), why), damage_hint(kind));
  }

  std::size_t check(std::size_t result) const {
    if (ZSTD_isError(result) == 0) return result;
    switch (ZSTD_getErrorCode(result)) {
      case ZSTD_error_frameParameter_windowTooLarge:
        throw_over_limit(fmt::format("{}: zstd data at offset {}: a frame needs a window larger than the limit of {} bytes", what_, input_.offset(), window_),
                         &Limits::decoder_window);
      case ZSTD_error_dictionary_wrong: fail(ErrorKind::unsupported, "a frame needs a dictionary");
      case ZSTD_error_checksum_wrong: fail(ErrorKind::integrity, "the checksum of a frame does not match its data");
      case ZSTD_error_prefix_unknown: fail(ErrorKind::malformed, "bytes after the last frame that are no frame");
      case ZSTD_error_memory_allocation: throw std::bad_alloc();
      default: fail(ErrorKind::malformed, ZSTD_getErrorName(result));
    }
  }

  CompressedInput input_;
  std::string what_;
  std::uint64_t window_;
  std::unique_ptr<ZSTD_DStream, FreeDecoder> decoder_;
  bool frame_done_ = true;
};

}  // namespace

std::unique_ptr<Source> open_zstd(std::unique_ptr<Source> source, std::string what, const Limits& limits) {
  return std::make_unique<ZstdSource>(std::move(source), std::move(what), limits);
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>

#include <fmt/format.h>
#include <lzma.h>

#include <sifkit/core/error.h>

#include "damaged.h"
#include "decompressors.h"

namespace sifkit {

namespace {

/// xz streams, any number of them, with padding between. libarchive's filter takes a stream that is cut for one that
/// has ended, so the library itself is used.
class XzSource final : public Source {
 public:
  XzSource(std::unique_ptr<Source> source, std::string what, const Limits& limits)
      : input_(std::move(source)), what_(std::move(what)), limit_(limits.decoder_window) {
    // A decoder needs little more than its dictionary.
    static constexpr std::uint64_t kDecoderBytes = 1u << 20;
    const auto memory = limit_ + std::min(kDecoderBytes, ~std::uint64_t{0} - limit_);
    check(lzma_stream_decoder(&state_, memory, LZMA_CONCATENATED));
  }

  ~XzSource() override { lzma_end(&state_); }

  std::size_t read(std::span<std::byte> into) override {
    state_.next_out = reinterpret_cast<std::uint8_t*>(into.data());
    state_.avail_out = into.size();
    while (!ended_ && state_.avail_out == into.size()) {
      const auto view = input_.view();
      state_.next_in = reinterpret_cast<const std::uint8_t*>(view.data());
      state_.avail_in = view.size();
      const auto result = lzma_code(&state_, view.empty() ? LZMA_FINISH : LZMA_RUN);
      input_.consume(view.size() - state_.avail_in);
      if (result == LZMA_STREAM_END) {
        ended_ = true;
      } else {
        check(result);
      }
    }
    return into.size() - state_.avail_out;
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string_view why) const {
    throw Error(kind, fmt::format("{}: xz data at offset {}: {}", what_, input_.offset(), why), damage_hint(kind));
  }

  void check(lzma_ret result) const {
    switch (result) {
      case LZMA_OK: return;
      case LZMA_MEM_ERROR: throw std::bad_alloc();
      case LZMA_MEMLIMIT_ERROR:
        throw_over_limit(fmt::format("{}: xz data at offset {}: needs a dictionary larger than the limit of {} bytes", what_, input_.offset(), limit_),
                         &Limits::decoder_window);
      case LZMA_FORMAT_ERROR: fail(ErrorKind::malformed, "bytes that start no stream");
      case LZMA_OPTIONS_ERROR: fail(ErrorKind::unsupported, "options that are not supported");
      case LZMA_BUF_ERROR: fail(ErrorKind::malformed, "ends inside a stream");
      default: fail(ErrorKind::malformed, "damaged data");
    }
  }

  CompressedInput input_;
  std::string what_;
  std::uint64_t limit_;
  lzma_stream state_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> open_xz(std::unique_ptr<Source> source, std::string what, const Limits& limits) {
  return std::make_unique<XzSource>(std::move(source), std::move(what), limits);
}

}  // namespace sifkit

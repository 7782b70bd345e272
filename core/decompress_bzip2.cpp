// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>

#include <bzlib.h>
#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "damaged.h"
#include "decompressors.h"

namespace sifkit {

namespace {

/// Any number of bzip2 streams. libarchive's filter takes a stream that is cut for one that has ended, so the library
/// itself is used.
class Bzip2Source final : public Source {
 public:
  Bzip2Source(std::unique_ptr<Source> source, std::string what) : input_(std::move(source)), what_(std::move(what)) {}

  ~Bzip2Source() override {
    if (in_stream_) BZ2_bzDecompressEnd(&state_);
  }

  std::size_t read(std::span<std::byte> into) override {
    for (;;) {
      const auto view = input_.view();
      if (!in_stream_) {
        if (view.empty()) return 0;
        start();
      }
      if (const auto made = decode(view, into); made != 0) return made;
    }
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string_view why) const {
    throw Error(kind, fmt::format("{}: bzip2 data at offset {}: {}", what_, input_.offset(), why), damage_hint(kind));
  }

  void start() {
    state_ = {};
    if (BZ2_bzDecompressInit(&state_, 0, 0) != BZ_OK) throw std::bad_alloc();
    in_stream_ = true;
  }

  std::size_t decode(ByteView view, std::span<std::byte> into) {
    static constexpr std::size_t kMax = 1u << 30;  // the library counts in unsigned int
    // The library only reads the input; its interface is not const.
    state_.next_in = const_cast<char*>(reinterpret_cast<const char*>(view.data()));
    state_.avail_in = static_cast<unsigned>(view.size());
    const auto room = static_cast<unsigned>(std::min(into.size(), kMax));
    state_.next_out = reinterpret_cast<char*>(into.data());
    state_.avail_out = room;
    const int result = BZ2_bzDecompress(&state_);
    input_.consume(view.size() - state_.avail_in);
    const auto made = room - state_.avail_out;
    switch (result) {
      case BZ_OK: break;
      case BZ_STREAM_END:
        BZ2_bzDecompressEnd(&state_);
        in_stream_ = false;
        return made;
      case BZ_MEM_ERROR: throw std::bad_alloc();
      case BZ_DATA_ERROR_MAGIC: fail(ErrorKind::malformed, "bytes that start no stream");
      default: fail(ErrorKind::malformed, "damaged data");
    }
    if (view.empty() && made == 0) fail(ErrorKind::malformed, "ends inside a stream");
    return made;
  }

  CompressedInput input_;
  std::string what_;
  bz_stream state_{};
  bool in_stream_ = false;
};

}  // namespace

std::unique_ptr<Source> open_bzip2(std::unique_ptr<Source> source, std::string what) {
  return std::make_unique<Bzip2Source>(std::move(source), std::move(what));
}

}  // namespace sifkit

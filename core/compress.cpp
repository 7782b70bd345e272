// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/compress.h>

#include <algorithm>
#include <functional>
#include <new>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/option_values.h>
#include <sifkit/core/ordered_pipeline.h>
#include <sifkit/core/text.h>

namespace sifkit {

namespace {

constexpr std::size_t kMemberBytes = std::size_t{1} << 20;
constexpr int kGzipLevel = 6;
constexpr int kGzipMaxLevel = 12;
constexpr int kZstdLevel = 3;
constexpr int kZstdMaxLevel = 19;  // from 20 on a reader needs more memory than usual

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const noexcept { libdeflate_free_compressor(c); }
  void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
};

using Work = OrderedPipeline<Bytes, Bytes>::Work;

Work gzip_work(int level) {
  const std::shared_ptr<libdeflate_compressor> codec(libdeflate_alloc_compressor(level), FreeCompressor());
  if (!codec) throw std::bad_alloc();
  return [codec](Bytes&& in) {
    Bytes out(libdeflate_gzip_compress_bound(codec.get(), in.size()));
    out.resize(libdeflate_gzip_compress(codec.get(), in.data(), in.size(), out.data(), out.size()));
    SIFKIT_CHECK(!out.empty());
    return out;
  };
}

Work zstd_work(int level) {
  const std::shared_ptr<ZSTD_CCtx> codec(ZSTD_createCCtx(), FreeCompressor());
  if (!codec) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(codec.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(codec.get(), ZSTD_c_checksumFlag, 1);
  return [codec](Bytes&& in) {
    Bytes out(ZSTD_compressBound(in.size()));
    const auto size = ZSTD_compress2(codec.get(), out.data(), out.size(), in.data(), in.size());
    SIFKIT_CHECK(ZSTD_isError(size) == 0);
    out.resize(size);
    return out;
  };
}

}  // namespace

StreamCompression StreamCompression::parse(std::string_view text) {
  const auto colon = text.find(':');
  const auto word = text.substr(0, colon);
  StreamCompression out;
  int most = 0;
  if (word == "gzip") {
    out.kind = Compression::gzip;
    most = kGzipMaxLevel;
  } else if (word == "zstd") {
    out.kind = Compression::zstd;
    most = kZstdMaxLevel;
  } else if (text != "none") {
    throw Error(ErrorKind::usage, fmt::format("expected gzip, zstd or none, got {}", in_quotes(text)));
  }
  if (colon == std::string_view::npos) return out;
  const auto level = whole_number<unsigned>(text.substr(colon + 1));
  if (!level || *level == 0 || *level > static_cast<unsigned>(most)) {
    throw Error(ErrorKind::usage,
                fmt::format("the level of {} is 1 to {}, got {}", word, most, in_quotes(text.substr(colon + 1))));
  }
  out.level = static_cast<int>(*level);
  return out;
}

struct CompressingSink::Impl {
  explicit Impl(Sink& sink) : to(sink) {}

  Sink& to;
  Bytes piece;
  bool any = false;  ///< a piece was handed over
  std::optional<OrderedPipeline<Bytes, Bytes>> pipeline;  ///< none: bytes stay as they are

  void flush() {
    any = true;
    pipeline->push(std::exchange(piece, {}));
  }
};

CompressingSink::CompressingSink(Sink& to, const StreamCompression& compression, unsigned threads)
    : impl_(std::make_unique<Impl>(to)) {
  std::function<Work()> make_work;
  const int level = compression.level;
  switch (compression.kind) {
    case Compression::none: return;
    case Compression::gzip: make_work = [level] { return gzip_work(level != 0 ? level : kGzipLevel); }; break;
    case Compression::zstd: make_work = [level] { return zstd_work(level != 0 ? level : kZstdLevel); }; break;
    default: throw Error(ErrorKind::unsupported, fmt::format("streams are not compressed with {}", to_string(compression.kind)));
  }
  impl_->pipeline.emplace(threads, std::size_t{2} * threads + 2, make_work,
                          [sink = &to](Bytes&& packed) { sink->write(packed); });
}

CompressingSink::~CompressingSink() = default;

void CompressingSink::write(ByteView bytes) {
  auto& state = *impl_;
  if (!state.pipeline) return state.to.write(bytes);
  while (!bytes.empty()) {
    if (state.piece.empty()) state.piece.reserve(kMemberBytes);
    const auto part = bytes.first(std::min(bytes.size(), kMemberBytes - state.piece.size()));
    state.piece.insert(state.piece.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());
    if (state.piece.size() == kMemberBytes) state.flush();
  }
}

void CompressingSink::finish() {
  auto& state = *impl_;
  if (!state.pipeline) return;
  if (!state.piece.empty() || !state.any) state.flush();  // of nothing one empty member
  state.pipeline->finish();
}

}  // namespace sifkit

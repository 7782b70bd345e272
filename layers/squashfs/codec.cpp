// SPDX-License-Identifier: Apache-2.0
#include "squashfs/codec.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <libdeflate.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <sifkit/core/error.h>

#include "squashfs/handle.h"

namespace sifkit::layers {

namespace {

constexpr unsigned kGzipLevel = 6;
constexpr unsigned kGzipMaxLevel = 12;
constexpr unsigned kZstdLevel = 3;
constexpr unsigned kXzMaxLevel = 9;

/// A block that is not at least one byte smaller is stored as it is.
std::span<std::byte> room_for(ByteView in, std::span<std::byte> out) {
  return in.empty() ? out.first(0) : out.first(std::min(out.size(), in.size() - 1));
}

class StoreCompressor : public BlockCompressor {
 public:
  std::size_t compress(ByteView, std::span<std::byte>) override { return 0; }
};

class DeflateCompressor : public BlockCompressor {
 public:
  explicit DeflateCompressor(unsigned level) : compressor_(libdeflate_alloc_compressor(static_cast<int>(level))) {
    if (!compressor_) throw std::bad_alloc();
  }

  std::size_t compress(ByteView in, std::span<std::byte> out) override {
    out = room_for(in, out);
    return libdeflate_zlib_compress(compressor_.get(), in.data(), in.size(), out.data(), out.size());
  }

 private:
  struct Free {
    void operator()(libdeflate_compressor* c) const noexcept { libdeflate_free_compressor(c); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

/// ISA-L level 3: a third of libdeflate's time at a tenth more bytes. Its bytes may differ between processor families.
class FastDeflateCompressor : public BlockCompressor {
 public:
  std::size_t compress(ByteView in, std::span<std::byte> out) override {
    out = room_for(in, out);
    isal_zstream stream{};
    isal_deflate_stateless_init(&stream);
    stream.gzip_flag = IGZIP_ZLIB;
    stream.level = kLevel;
    stream.level_buf = work_.data();
    stream.level_buf_size = static_cast<std::uint32_t>(work_.size());
    stream.end_of_stream = 1;
    stream.flush = NO_FLUSH;
    // The library never writes through next_in; its type lacks the const.
    stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(in.data()));
    stream.avail_in = static_cast<std::uint32_t>(in.size());
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream.avail_out = static_cast<std::uint32_t>(out.size());
    if (isal_deflate_stateless(&stream) != COMP_OK || stream.avail_in != 0) return 0;
    return stream.total_out;
  }

 private:
  static constexpr std::uint32_t kLevel = 3;
  std::vector<std::uint8_t> work_ = std::vector<std::uint8_t>(ISAL_DEF_LVL3_LARGE);
};

class ZstdCompressor : public BlockCompressor {
 public:
  explicit ZstdCompressor(unsigned level) : context_(ZSTD_createCCtx()) {
    if (!context_) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, static_cast<int>(level));
  }

  std::size_t compress(ByteView in, std::span<std::byte> out) override {
    out = room_for(in, out);
    const auto result = ZSTD_compress2(context_.get(), out.data(), out.size(), in.data(), in.size());
    if (!ZSTD_isError(result)) return result;
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) return 0;
    throw Error(ErrorKind::internal, fmt::format("zstd: {}", ZSTD_getErrorName(result)));
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class LibraryCompressor : public BlockCompressor {
 public:
  LibraryCompressor(SQFS_COMPRESSOR id, unsigned level, std::uint32_t block_size)
      : compressor_(library_compressor(id, level, block_size, false)) {}

  std::size_t compress(ByteView in, std::span<std::byte> out) override {
    const auto result = compressor_->do_block(compressor_.get(), reinterpret_cast<const sqfs_u8*>(in.data()),
                                              static_cast<sqfs_u32>(in.size()), reinterpret_cast<sqfs_u8*>(out.data()),
                                              static_cast<sqfs_u32>(out.size()));
    if (result < 0) throw_sqfs(result, "compress a block");
    return static_cast<std::size_t>(result) < in.size() ? static_cast<std::size_t>(result) : 0;
  }

 private:
  SqfsPtr<sqfs_compressor_t> compressor_;
};

[[noreturn]] void throw_damaged(std::string_view codec) {
  throw Error(ErrorKind::malformed, fmt::format("a {} block is damaged or longer than a block may be", codec));
}

class DeflateDecompressor : public BlockDecompressor {
 public:
  DeflateDecompressor() : decompressor_(libdeflate_alloc_decompressor()) {
    if (!decompressor_) throw std::bad_alloc();
  }

  std::size_t decompress(ByteView in, std::span<std::byte> out) override {
    std::size_t written = 0;
    if (libdeflate_zlib_decompress(decompressor_.get(), in.data(), in.size(), out.data(), out.size(), &written) !=
        LIBDEFLATE_SUCCESS) {
      throw_damaged("gzip");
    }
    return written;
  }

 private:
  struct Free {
    void operator()(libdeflate_decompressor* d) const noexcept { libdeflate_free_decompressor(d); }
  };
  std::unique_ptr<libdeflate_decompressor, Free> decompressor_;
};

class ZstdDecompressor : public BlockDecompressor {
 public:
  ZstdDecompressor() : context_(ZSTD_createDCtx()) {
    if (!context_) throw std::bad_alloc();
  }

  std::size_t decompress(ByteView in, std::span<std::byte> out) override {
    const auto result = ZSTD_decompressDCtx(context_.get(), out.data(), out.size(), in.data(), in.size());
    if (ZSTD_isError(result)) throw_damaged("zstd");
    return result;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* d) const noexcept { ZSTD_freeDCtx(d); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

class LibraryDecompressor : public BlockDecompressor {
 public:
  LibraryDecompressor(SQFS_COMPRESSOR id, std::uint32_t block_size, std::string_view name)
      : compressor_(library_compressor(id, 0, block_size, true)), name_(name) {}

  std::size_t decompress(ByteView in, std::span<std::byte> out) override {
    const auto result = compressor_->do_block(compressor_.get(), reinterpret_cast<const sqfs_u8*>(in.data()),
                                              static_cast<sqfs_u32>(in.size()), reinterpret_cast<sqfs_u8*>(out.data()),
                                              static_cast<sqfs_u32>(out.size()));
    if (result == SQFS_ERROR_ALLOC) throw std::bad_alloc();
    if (result <= 0) throw_damaged(name_);
    return static_cast<std::size_t>(result);
  }

 private:
  SqfsPtr<sqfs_compressor_t> compressor_;
  std::string_view name_;
};

}  // namespace

std::uint16_t squashfs_id(SquashfsCodec codec) noexcept {
  switch (codec) {
    case SquashfsCodec::zstd: return SQFS_COMP_ZSTD;
    case SquashfsCodec::lz4: return SQFS_COMP_LZ4;
    case SquashfsCodec::xz: return SQFS_COMP_XZ;
    case SquashfsCodec::gzip:
    case SquashfsCodec::none: break;
  }
  return SQFS_COMP_GZIP;
}

std::unique_ptr<BlockCompressor> make_block_compressor(const SquashfsOptions& options) {
  const auto level = options.level;
  switch (options.codec) {
    case SquashfsCodec::gzip:
      if (options.fast) return std::make_unique<FastDeflateCompressor>();
      return std::make_unique<DeflateCompressor>(level == 0 ? kGzipLevel : level);
    case SquashfsCodec::zstd: return std::make_unique<ZstdCompressor>(level == 0 ? kZstdLevel : level);
    case SquashfsCodec::lz4: return std::make_unique<LibraryCompressor>(SQFS_COMP_LZ4, 0, options.block_size);
    case SquashfsCodec::xz: return std::make_unique<LibraryCompressor>(SQFS_COMP_XZ, level, options.block_size);
    case SquashfsCodec::none: break;
  }
  return std::make_unique<StoreCompressor>();
}

std::unique_ptr<BlockDecompressor> make_block_decompressor(SquashfsCodec codec, std::uint32_t block_size) {
  switch (codec) {
    case SquashfsCodec::zstd: return std::make_unique<ZstdDecompressor>();
    case SquashfsCodec::lz4: return std::make_unique<LibraryDecompressor>(SQFS_COMP_LZ4, block_size, "lz4");
    case SquashfsCodec::xz: return std::make_unique<LibraryDecompressor>(SQFS_COMP_XZ, block_size, "xz");
    case SquashfsCodec::gzip:
    case SquashfsCodec::none: break;
  }
  return std::make_unique<DeflateDecompressor>();
}

void parse_compression(std::string_view text, SquashfsOptions& options) {
  struct Known {
    std::string_view name;
    SquashfsCodec codec;
    unsigned max_level;
  };
  static constexpr Known known[] = {{"gzip", SquashfsCodec::gzip, kGzipMaxLevel},
                                    {"zstd", SquashfsCodec::zstd, SQFS_ZSTD_MAX_LEVEL},
                                    {"lz4", SquashfsCodec::lz4, 0},
                                    {"xz", SquashfsCodec::xz, kXzMaxLevel},
                                    {"none", SquashfsCodec::none, 0}};
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  const auto* at = std::find_if(std::begin(known), std::end(known), [&](const Known& k) { return k.name == name; });
  if (at == std::end(known)) {
    throw Error(ErrorKind::usage, fmt::format("compression {} is not known", in_quotes(name)),
                "choose gzip, zstd, lz4, xz or none; gzip:1 to gzip:12, zstd:1 to zstd:22 and xz:1 to xz:9 set a level");
  }
  unsigned level = 0;
  if (colon != std::string_view::npos) {
    const auto digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), level);
    if (at->max_level == 0) {
      throw Error(ErrorKind::usage, fmt::format("compression {} has no levels, got {}", name, in_quotes(text)));
    }
    if (error != std::errc() || end != digits.data() + digits.size() || level < 1 || level > at->max_level) {
      throw Error(ErrorKind::usage, fmt::format("compression {}: expected a level from 1 to {}, got {}", name,
                                                at->max_level, in_quotes(digits)));
    }
  }
  options.codec = at->codec;
  options.level = level;
}

}  // namespace sifkit::layers

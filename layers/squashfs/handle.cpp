// SPDX-License-Identifier: Apache-2.0
#include "squashfs/handle.h"

#include <fmt/format.h>

namespace sifkit::layers {

namespace {

/// Runs `body`; what it throws goes into `slot` and `failure` is returned, so that nothing crosses a C frame.
template <class Body>
int guarded(std::exception_ptr& slot, int failure, Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (...) {
    slot = std::current_exception();
    return failure;
  }
}

}  // namespace

void throw_sqfs(int error, std::string_view what) {
  switch (error) {
    case SQFS_ERROR_ALLOC: throw std::bad_alloc();
    case SQFS_ERROR_IO: throw Error(ErrorKind::io, fmt::format("{}: input or output error", what));
    case SQFS_ERROR_UNSUPPORTED: throw Error(ErrorKind::unsupported, fmt::format("{}: not supported", what));
    case SQFS_ERROR_COMPRESSOR:
    case SQFS_ERROR_CORRUPTED:
    case SQFS_ERROR_OVERFLOW:
    case SQFS_ERROR_OUT_OF_BOUNDS: throw Error(ErrorKind::malformed, fmt::format("{}: the data is damaged", what));
    default: throw Error(ErrorKind::internal, fmt::format("{}: libsquashfs error {}", what, error));
  }
}

RegionFile::RegionFile(Region& region, std::uint64_t end) : region_(region), end_(end) {
  object_.self = this;
  auto& file = object_.file;
  file.base.destroy = [](sqfs_object_t*) {};
  file.base.copy = [](const sqfs_object_t*) -> sqfs_object_t* { return nullptr; };
  file.get_size = [](const sqfs_file_t* f) -> sqfs_u64 { return reinterpret_cast<const Object*>(f)->self->end_; };
  file.read_at = [](sqfs_file_t* f, sqfs_u64 offset, void* buffer, size_t size) -> int {
    auto& self = *reinterpret_cast<Object*>(f)->self;
    bool short_read = false;
    const int result = guarded(self.failure_, SQFS_ERROR_IO, [&] {
      short_read = self.region_.read_at(offset, {static_cast<std::byte*>(buffer), size}) != size;
    });
    return short_read ? SQFS_ERROR_OUT_OF_BOUNDS : result;
  };
  file.write_at = [](sqfs_file_t* f, sqfs_u64 offset, const void* buffer, size_t size) -> int {
    auto& self = *reinterpret_cast<Object*>(f)->self;
    return guarded(self.failure_, SQFS_ERROR_IO, [&] {
      self.region_.write_at(offset, {static_cast<const std::byte*>(buffer), size});
      self.end_ = std::max<std::uint64_t>(self.end_, offset + size);
    });
  };
  file.truncate = [](sqfs_file_t* f, sqfs_u64 size) -> int {
    reinterpret_cast<Object*>(f)->self->end_ = size;
    return 0;
  };
}

void RegionFile::check(int result, std::string_view what) {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (result < 0) throw_sqfs(result, what);
}

CodecCompressor::CodecCompressor(BlockCompressor& codec) {
  object_.codec = &codec;
  auto& compressor = object_.compressor;
  compressor.base.destroy = [](sqfs_object_t*) {};
  compressor.base.copy = [](const sqfs_object_t*) -> sqfs_object_t* { return nullptr; };
  compressor.get_configuration = [](const sqfs_compressor_t*, sqfs_compressor_config_t* config) { *config = {}; };
  compressor.write_options = [](sqfs_compressor_t*, sqfs_file_t*) { return 0; };
  compressor.read_options = [](sqfs_compressor_t*, sqfs_file_t*) { return 0; };
  compressor.do_block = [](sqfs_compressor_t* c, const sqfs_u8* in, sqfs_u32 size, sqfs_u8* out,
                           sqfs_u32 room) -> sqfs_s32 {
    try {
      const auto written = reinterpret_cast<Object*>(c)->codec->compress({reinterpret_cast<const std::byte*>(in), size},
                                                                         {reinterpret_cast<std::byte*>(out), room});
      return static_cast<sqfs_s32>(written);
    } catch (const std::bad_alloc&) {
      return SQFS_ERROR_ALLOC;
    } catch (...) {
      return SQFS_ERROR_INTERNAL;  // not SQFS_ERROR_COMPRESSOR: nothing that was read is damaged
    }
  };
}

SqfsPtr<sqfs_compressor_t> library_compressor(SQFS_COMPRESSOR id, unsigned level, std::uint32_t block_size,
                                              bool uncompress) {
  sqfs_compressor_config_t config{};
  const auto flags = static_cast<sqfs_u16>(uncompress ? SQFS_COMP_FLAG_UNCOMPRESS : 0);
  int result = sqfs_compressor_config_init(&config, id, block_size, flags);
  if (level != 0) config.level = level;
  sqfs_compressor_t* compressor = nullptr;
  if (result == 0) result = sqfs_compressor_create(&config, &compressor);
  if (result == SQFS_ERROR_UNSUPPORTED) {
    const char* name = sqfs_compressor_name_from_id(id);
    throw Error(ErrorKind::unsupported,
                fmt::format("this libsquashfs was built without {}", name == nullptr ? "that compression" : name),
                "gzip and zstd are always there");
  }
  if (result != 0) throw_sqfs(result, "prepare the compressor");
  return own(compressor);
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only header that includes libsquashfs.

#include <exception>
#include <memory>
#include <string_view>

#include <sqfs/block.h>
#include <sqfs/compressor.h>
#include <sqfs/dir.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>
#include <sqfs/table.h>
#include <sqfs/xattr.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>

#include "squashfs/codec.h"

namespace sifkit::layers {

struct SqfsDelete {
  void operator()(void* object) const noexcept { sqfs_destroy(object); }
};

template <class T>
using SqfsPtr = std::unique_ptr<T, SqfsDelete>;

/// Throws what a libsquashfs error number says; `what` reads like "write the id table".
[[noreturn]] void throw_sqfs(int error, std::string_view what);

/// Takes ownership of a new object; libsquashfs returns null only when memory is short.
template <class T>
SqfsPtr<T> own(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return SqfsPtr<T>(object);
}

/// A Region as libsquashfs's file interface. The library appends at what it takes for the end of the file, so that end
/// is kept here: the region may be longer. An exception of the region is held and thrown by `check`. Its address is
/// given to the library: neither copied nor moved.
class RegionFile {
 public:
  RegionFile(Region& region, std::uint64_t end);
  RegionFile(const RegionFile&) = delete;
  RegionFile& operator=(const RegionFile&) = delete;

  sqfs_file_t* get() noexcept { return &object_.file; }
  std::uint64_t end() const noexcept { return end_; }

  /// Throws the region's own error if there is one, else the library's, if `result` is negative.
  void check(int result, std::string_view what);

 private:
  struct Object {
    sqfs_file_t file{};  // first: the library's pointer is cast back
    RegionFile* self = nullptr;
  };

  Object object_;
  Region& region_;
  std::uint64_t end_;
  std::exception_ptr failure_;
};

/// A BlockCompressor as libsquashfs's compressor interface, for metadata.
class CodecCompressor {
 public:
  explicit CodecCompressor(BlockCompressor& codec);
  CodecCompressor(const CodecCompressor&) = delete;
  CodecCompressor& operator=(const CodecCompressor&) = delete;

  sqfs_compressor_t* get() noexcept { return &object_.compressor; }

 private:
  struct Object {
    sqfs_compressor_t compressor{};  // first, as above
    BlockCompressor* codec = nullptr;
  };

  Object object_;
};

/// libsquashfs's own compressor or decompressor; unsupported where it was built without.
SqfsPtr<sqfs_compressor_t> library_compressor(SQFS_COMPRESSOR id, unsigned level, std::uint32_t block_size,
                                              bool uncompress);

}  // namespace sifkit::layers

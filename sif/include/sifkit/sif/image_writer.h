// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/sif/descriptor.h>

namespace sifkit::sif {

/// What every image that a runtime starts has in its first line.
inline constexpr std::string_view kLaunchScript = "#!/usr/bin/env run-singularity\n";

using Uuid = std::array<std::byte, 16>;

/// Marks 16 bytes as a UUID of a version (RFC 9562).
SIFKIT_API Uuid as_uuid(ByteView bytes, std::uint8_t version);
/// A UUID from the system's random numbers (version 4).
SIFKIT_API Uuid random_uuid();

/// How a new image looks from outside. Times are seconds since 1970.
struct NewImage {
  std::string launch_script;                ///< at most 31 bytes
  Uuid uuid{};                              ///< zeros: none
  std::int64_t time = kNoTime;              ///< of the image and its objects
  std::uint32_t capacity = kDefaultCapacity;
};

/// What an object is, without its bytes.
struct ObjectSpec {
  DataType type = DataType::generic;
  std::uint32_t group = 1;  ///< 0: none
  std::uint32_t link = 0;   ///< 0: none
  bool links_group = false;
  std::string name;         ///< at most 128 bytes
  std::array<std::byte, kExtraSize> extra{};

  /// The descriptor of such an object, still without id, place and times. Throws usage for what does not fit.
  SIFKIT_API Descriptor describe() const;
};

/// Makes a file with an image that has no objects yet. Throws exists as AtomicFile does.
SIFKIT_API void create_image(const std::filesystem::path& path, const NewImage& image, Overwrite overwrite);

/// Writes a new image into an empty file, straight through: one object of unknown size (the file system) goes to its
/// place directly; small ones may stand before it in the table although their bytes come later.
/// Table and header are written by `finish`, so an unfinished file is no image. Not thread safe.
class SIFKIT_API ImageWriter {
 public:
  /// `room_before` bytes are kept free for objects added by `add_before`. The file outlives the writer.
  ImageWriter(File& file, NewImage image, std::uint64_t room_before = 0);
  ~ImageWriter();
  ImageWriter(const ImageWriter&) = delete;
  ImageWriter& operator=(const ImageWriter&) = delete;

  /// Starts the partition; its bytes go into the region, which lives as long as the writer. Once.
  Region& begin(const ObjectSpec& partition);
  /// The partition is `size` bytes; `extra` says what is in it, which its content may decide. `link` is the object that it
  /// is linked to, where one is known by now; 0: as `begin` said.
  void end(std::uint64_t size, const std::array<std::byte, kExtraSize>& extra, std::uint32_t link = 0);

  /// Objects that stand before the partition in the table, in the order of calls. Bytes lie in the room before it while
  /// that lasts, then behind it.
  void add_before(const ObjectSpec& spec, ByteView data);
  /// Objects that stand behind the partition.
  void add(const ObjectSpec& spec, ByteView data);

  /// Known late: the UUID may come from the content.
  void set_uuid(const Uuid& uuid);

  /// Writes table and header. Returns the size of the image.
  std::uint64_t finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::sif

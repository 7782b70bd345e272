// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/locked_file.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/image_writer.h>

namespace sifkit::sif {

struct EditOptions {
  /// When the edit is made, seconds since 1970. Absent: the clock; for a deterministic image (no UUID, no times) none.
  std::optional<std::int64_t> time;
  /// How long another editor of the same file is waited for; then ErrorKind::io.
  std::chrono::milliseconds timeout = kLockTimeout;
  OperationContext operation;
};

/// Where an object goes, and when it was made.
struct Placement {
  /// Bytes that the object's offset is a multiple of. Absent: 4096 for partitions, else none; 0 and 1: none.
  std::optional<std::uint64_t> alignment;
  std::optional<std::int64_t> time;  ///< absent: that of the edit
};

/// Whether the bytes of a removed object are overwritten with zeros.
enum class Erase : bool { no, yes };

enum class Compaction : std::uint8_t {
  tail,  ///< cuts the file behind its last object
  all,   ///< also closes the holes between objects
};

/// Changes a SIF image: adds, removes and describes data objects. Nothing is visible before `commit`; without it the
/// destructor leaves the image as it was.
///
/// An image under its name is locked against other editors from construction to `commit` or destruction. `commit` replaces the descriptor table
/// in place so that a crash, a signal or a full disk leaves the image as before or as after, for every program that
/// reads SIF (docs/formats.md, "Edits"); an edit that a crash left unfinished is undone by the next editor. Compaction
/// that moves objects writes a new file, which takes the name in one step.
///
/// Results are those of the reference implementation, to the byte: the first free slot, whose number is the id; data
/// behind the last object; times. Objects of one edit never lie on bytes of an object that the same edit removes.
/// Throws usage and not_found for wrong arguments, malformed where damage to the image makes an edit unsafe.
/// Not thread safe.
class SIFKIT_API ImageEditor {
 public:
  explicit ImageEditor(const std::filesystem::path& path, EditOptions options = {});
  /// For a file that nobody else knows yet: written straight, without lock and syncs. `file` outlives the editor.
  explicit ImageEditor(File& file, EditOptions options = {});
  ~ImageEditor();
  ImageEditor(const ImageEditor&) = delete;
  ImageEditor& operator=(const ImageEditor&) = delete;

  /// The image as it was when the editor was made.
  const Image& image() const noexcept;
  /// With the edits so far. References to slots live until the editor ends.
  const Header& header() const noexcept;
  const std::vector<Descriptor>& slots() const noexcept;
  /// The object of an id with the edits so far; not_found, or malformed when there are several.
  const Descriptor& object(std::uint32_t id) const;

  /// Adds an object; `data` is read to its end. The digest of OCI objects is computed on the way and replaces the
  /// extra field. Throws limit when no descriptor is free, exists for a second primary partition.
  const Descriptor& add(const ObjectSpec& spec, Source& data, const Placement& placement = {});

  /// Removes one object, or all that are chosen (not_found if none is). Signatures over them stay.
  void remove(std::uint32_t id, Erase erase = Erase::no);
  void remove_if(const std::function<bool(const Descriptor&)>& chosen, Erase erase = Erase::no);

  /// Makes a system partition the primary one; the one that was becomes a plain system partition.
  void set_primary(std::uint32_t id);
  void set_name(std::uint32_t id, std::string_view name);
  /// Of a partition, and of the image when it is the primary one. `goarch`: "amd64".
  void set_architecture(std::uint32_t id, std::string_view goarch);
  /// Replaces the whole type-specific field.
  void set_extra(std::uint32_t id, const std::array<std::byte, kExtraSize>& extra);
  void set_oci_digest(std::uint32_t id, const Digest& digest);

  /// At `commit`, room that no object uses is given back. A partition stays on a multiple of 4096 if it was on one.
  void compact(Compaction compaction);

  /// Puts everything in place; nothing when nothing was changed. Afterwards the editor can only be asked.
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::sif

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/decompress.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/oci/contents.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/image_set.h>
#include <sifkit/oci/reference.h>

namespace sifkit::oci {

/// What a file, a directory or a stream is.
struct SourceIdentity {
  bool directory = false;
  FileKind file = FileKind::unknown;                 ///< of a file; of a compressed one, what is in it
  Compression compression = Compression::none;
  std::optional<ContentsVerdict> contents;           ///< of a directory or a tar archive
  std::string detail;

  const KindWords& words() const { return contents ? words_of(contents->kind, directory) : words_of(file); }
  /// How it is read; `automatic` for what is not.
  SIFKIT_API Transport transport() const;
  /// "'x' is an ext4 file system": what `name` (shown as it is) is in place of what was expected.
  SIFKIT_API Error unexpected(std::string_view name, std::string_view expected) const;
};

/// Says what a regular file or a directory is, and reads no more of it than that takes. Throws usage for devices and
/// sockets, and as reading does for an archive that is damaged.
SIFKIT_API SourceIdentity identify(const std::filesystem::path& path, const Limits& limits = {});

/// A source that has been looked at once; what was opened for that is what is read.
class SIFKIT_API OpenedSource {
 public:
  virtual ~OpenedSource() = default;

  /// With the transport that was found in place of `automatic`.
  virtual const Reference& reference() const = 0;
  /// The one image that the reference and the options choose; once. Throws unsupported for a SIF or a squashfs, which
  /// `image_file` gives.
  virtual std::unique_ptr<Image> open_image() = 0;
  /// Says before `open_image` that layers are going to be opened more than once: a root file system that can be read once
  /// goes to a scratch file then.
  virtual void keep_layers() {}
  /// Everything it holds, without reading any layer.
  virtual std::vector<ImageSummary> list_images() = 0;
  /// All that the reference names, of every platform; once. Throws unsupported where it is no OCI layout and in no registry.
  virtual std::unique_ptr<ImageSet> open_all();
  /// A root file system that no image describes.
  virtual bool is_root() const = 0;
  /// A root file system by its first names alone; whoever has read all of them asks ContentsSurvey again.
  virtual bool is_root_in_doubt() const = 0;
  /// The file of a SIF or a squashfs; nothing for all others.
  virtual std::shared_ptr<const File> image_file() const = 0;
};

/// The one way to a source. `warnings` outlives it; the options are copied. Throws what says what the source is where it is none that is read, or
/// not what its transport says. A stream is read as far as it takes to tell what it is.
SIFKIT_API std::unique_ptr<OpenedSource> open_source(const Reference& reference, const SourceOptions& options, WarningList& warnings);

}  // namespace sifkit::oci

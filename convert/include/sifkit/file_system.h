// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/squashfs.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/source.h>

namespace sifkit::sif {
class Image;
}  // namespace sifkit::sif

namespace sifkit {

/// A file of a layer that a later one, or a later entry of its own, replaces or removes.
struct HiddenFile {
  std::size_t layer = 0;  ///< the oldest being 0
  std::string_view path;
  std::uint64_t size = 0;
};

/// The root file system of an image of any source, open to be looked into: nothing is unpacked, mounted or run. Of a SIF
/// it is the primary partition; of an image of layers what they come to, for which each is read once. Not thread safe.
class SIFKIT_API OpenedFileSystem {
 public:
  virtual ~OpenedFileSystem() = default;

  /// With the transport that was found in place of `automatic`.
  virtual const oci::Reference& reference() const = 0;
  virtual layers::FileSystem& files() = 0;
  const layers::Tree& tree() { return files().tree(); }

  /// The SIF around it; nullptr for all others.
  virtual const sif::Image* sif() const { return nullptr; }
  /// The squashfs image itself; nullptr for all others.
  virtual layers::SquashfsReader* squashfs() { return nullptr; }
  /// The file of a SIF or a squashfs image; nothing for all others.
  virtual std::shared_ptr<const File> image_file() const { return nullptr; }
  /// The image of layers; nullptr for all others. A root file system without an image is one of one layer, whose
  /// configuration has no text.
  virtual oci::Image* image() { return nullptr; }
  /// Which of the image's layers has the bytes of a regular file, the oldest being 0; nothing where that cannot be said.
  virtual std::optional<std::size_t> layer_of(layers::InodeId) const { return std::nullopt; }
  /// What each of the image's layers brings and hides, the oldest first; nothing where there are no layers.
  virtual std::vector<layers::LayerUsage> layer_usage() const { return {}; }
  /// Looks at every regular file with bytes that a layer brought and that is gone at the end, and reads those for which
  /// `sink_for` gives a sink. Layers that have any are read once more.
  virtual void read_hidden(const std::function<layers::ContentSink*(const HiddenFile&)>&) {}
  /// Tells which files `layer_usage` counts as hidden, in the order of the layers that hide them. Layers are read once
  /// more if there are any.
  virtual void list_lost(const layers::TakeLostFile&) {}
};

/// Of a regular file that is a SIF or a squashfs image, whether or not it has a name.
SIFKIT_API std::unique_ptr<OpenedFileSystem> open_file_system(std::shared_ptr<const File> file, const Limits& limits,
                                                              WarningList& warnings);

/// Opens whatever a source is; of what is packed no more than `opening` says is read. Flaws of
/// a SIF that do not keep it from being read are warnings "sif-flaw", its overlays warnings "overlay". `warnings`
/// outlives the result. Throws as `convert` does for a source that is no image.
SIFKIT_API std::unique_ptr<OpenedFileSystem> open_file_system(const oci::Reference& reference,
                                                              const oci::SourceOptions& options, WarningList& warnings,
                                                              layers::Opening opening = layers::Opening::whole);

/// The same of a source that is open already.
SIFKIT_API std::unique_ptr<OpenedFileSystem> open_file_system(std::shared_ptr<oci::OpenedSource> source,
                                                              const oci::SourceOptions& options, WarningList& warnings,
                                                              layers::Opening opening = layers::Opening::whole);

/// How the files of a source have their attributes outside of it: capabilities have the kernel's name, under which no image
/// may have them. In a directory anybody can have given a file of their own the other name, so there root's count alone.
SIFKIT_API std::function<layers::Xattrs(const layers::Inode&, const layers::Xattrs&)> attributes_outside(
    const OpenedFileSystem& source);

}  // namespace sifkit

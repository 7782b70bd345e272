// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/layers/squashfs.h>

namespace sifkit::sif {
class Image;
}  // namespace sifkit::sif

namespace sifkit {

/// The root file system inside a SIF file (its primary system partition) or a bare squashfs image, read by this library
/// alone: no mount, no FUSE, no privilege. Not thread safe.
class SIFKIT_API RootFs {
 public:
  /// Throws unsupported for a partition that is no squashfs, not_found for a SIF without one, and says what the file is
  /// that is neither SIF nor squashfs.
  static RootFs open(const std::filesystem::path& path, const Limits& limits = {});
  /// Of a regular file that is one of the two, as `oci::OpenedSource::image_file` gives it.
  static RootFs open(std::shared_ptr<const File> file, const Limits& limits = {},
                     layers::Opening opening = layers::Opening::whole);

  /// What is wrong with the SIF around it, as sif::Image says.
  std::span<const std::string> problems() const noexcept;
  /// That SIF; nullptr for a bare squashfs image.
  const sif::Image* sif() const noexcept { return sif_.get(); }

  layers::SquashfsReader& reader() noexcept { return *reader_; }
  const layers::Tree& tree() const { return reader_->tree(); }

 private:
  RootFs(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size, const Limits& limits,
         layers::Opening opening);

  std::shared_ptr<const sif::Image> sif_;
  std::shared_ptr<const File> file_;
  std::unique_ptr<FileRegion> region_;
  std::unique_ptr<layers::SquashfsReader> reader_;
};

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/image_config.h>
#include <sifkit/oci/reference.h>
#include <sifkit/oci/registry.h>

namespace sifkit::oci {

/// OCI image-spec manifest.md, or Docker's image manifest version 2, schema 2.
struct Manifest {
  std::string media_type;
  std::string text;  ///< the document
};

/// One image whose small documents are read and checked. Layers are opened one at a time, as often as wanted.
class SIFKIT_API Image {
 public:
  virtual ~Image() = default;

  virtual const ImageConfig& config() const = 0;
  /// Oldest first; as many as diff_ids.
  virtual const std::vector<Layer>& layers() const = 0;
  /// The stored bytes of a layer, not yet verified: the caller checks digest, size and diff_id while it reads. Where there
  /// is a manifest it may be called from several threads.
  virtual std::unique_ptr<Source> open_layer(std::size_t index) = 0;
  /// Says before the first `open_layer` that the `count` oldest layers are not going to be opened, so that nothing of them
  /// is fetched.
  virtual void pass_over(std::size_t count) { static_cast<void>(count); }
  /// Whether the layers that are wanted next are fetched before they are opened.
  virtual bool fetches_ahead() const { return false; }

  virtual std::optional<Digest> manifest_digest() const = 0;
  /// The manifest as it is stored; nothing where the source has none (docker-archive).
  virtual std::optional<Manifest> manifest() const { return std::nullopt; }
  virtual std::optional<Digest> config_digest() const = 0;
  /// The sum of the layers' stored sizes, where known.
  virtual std::uint64_t compressed_bytes() const = 0;
};

/// Whether an image of a source can be converted.
enum class ImageState : std::uint8_t {
  complete,
  absent,       ///< some of its blobs are not there: an index of several platforms may hold one only
  unsupported,  ///< sound, but not for us: an artifact, another operating system
  broken,
};

SIFKIT_API std::string_view to_string(ImageState state) noexcept;

/// One line of `sifkit images`. Of an image that is not complete as much is filled in as could be read.
struct ImageSummary {
  unsigned index = 0;  ///< what `@N` chooses
  std::vector<std::string> tags;
  std::optional<Platform> platform;
  std::optional<Digest> manifest_digest;
  std::optional<Digest> config_digest;  ///< Docker's image ID
  std::string created;
  std::size_t layers = 0;
  std::uint64_t compressed_bytes = 0;
  ImageState state = ImageState::complete;
  std::string problem;  ///< why it cannot be converted; empty where it can
};

struct SourceOptions {
  Limits limits;
  std::optional<Platform> platform;  ///< asked for; absent: the host's where there is a choice
  std::filesystem::path scratch;     ///< directory for what cannot be decided while streaming; empty: scratch_directory()
  std::string daemon_host;           ///< "unix:///run/docker.sock", "tcp://127.0.0.1:2375"; empty: what Docker's program uses
  std::chrono::seconds service_timeout{300};  ///< how long a service may be silent, from 1
  RegistryOptions registry;
  OperationContext operation;

  /// Where scratch data goes.
  SIFKIT_API std::filesystem::path scratch_place() const;
};

/// Opens the one image that `reference` and `options` choose, whatever is wrong with the others. Throws not_found with
/// the list of what is there, usage where a choice must be made. Not for `sif` and `squashfs` (they are not images of
/// layers). `warnings` outlives the image.
SIFKIT_API std::unique_ptr<Image> open_image(const Reference& reference, const SourceOptions& options,
                                             WarningList& warnings);

/// Everything a source holds, without reading any layer. Each image is judged alone: one that is broken is listed with
/// its problem.
SIFKIT_API std::vector<ImageSummary> list_images(const Reference& reference, const SourceOptions& options,
                                                 WarningList& warnings);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/reference.h>

namespace sifkit::oci {

/// Where an image of layers is written: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`,
/// `docker://NAME` or `docker-daemon:NAME`.
struct Target {
  Transport transport = Transport::oci_layout;
  std::filesystem::path path;  ///< none of a registry or a daemon
  std::string name;            ///< tag of a layout, name of a Docker image; empty: none
  std::string text;            ///< as given

  /// Nothing where no such transport stands in front. Throws usage for what it is followed by.
  SIFKIT_API static std::optional<Target> parse(std::string_view text);
  /// The same where there must be one: throws usage, with the hint, where no such transport stands in front.
  SIFKIT_API static Target require(std::string_view text, Hint hint = {});
};

struct StoredBlob {
  Digest digest;
  std::uint64_t size = 0;
};

/// A blob while it is written. One that is not finished is not in the image.
class SIFKIT_API BlobWriter : public Sink {
 public:
  virtual StoredBlob finish() = 0;
};

/// A blob that is known before it is read, and can be read more than once.
struct ReadableBlob {
  Digest digest;
  std::uint64_t size = 0;
  std::function<std::unique_ptr<Source>()> open;  ///< from its start
  bool hashed = false;  ///< the digest was computed from what it opens, and holds while that can be read
  std::string context;  ///< in front of what goes wrong; empty: nothing
};

/// The documents of an image whose layers are all there.
struct ImageDocuments {
  std::string config;
  std::vector<Digest> diff_ids;  ///< oldest first
  Descriptor manifest;           ///< digest and size are computed
  std::string manifest_text;
};

/// Takes an image: its layers, then its documents; only then has the target its name. What is not finished leaves nothing
/// behind. Not thread safe.
class SIFKIT_API ImageDestination {
 public:
  virtual ~ImageDestination() = default;

  /// Whether layers must come uncompressed.
  virtual bool plain_layers() const = 0;
  /// Starts the next layer; one at a time.
  virtual std::unique_ptr<BlobWriter> begin_layer() = 0;
  /// Whether `add_layer` takes layers, too, which saves what begin_layer would store of them until their end.
  virtual bool takes_readable_layers() const { return false; }
  /// The next layer, which is read as often as it takes: not at all where it is there already.
  virtual void add_layer(ReadableBlob layer);
  /// Throws what has gone wrong with an earlier one: layers may be sent while later ones are added, on other threads, until
  /// `finish`. What they are read of outlives the object.
  virtual void check() {}
  virtual void finish(const ImageDocuments& documents) = 0;

  /// Whether it takes what an ImageSet has, by the three that follow, in place of one image.
  virtual bool takes_sets() const { return false; }
  /// A blob of whatever kind, as `add_layer`.
  virtual void add_blob(ReadableBlob blob);
  /// A document that another one lists, when everything that it names itself is there.
  virtual void add_manifest(const Descriptor& descriptor, const std::string& text);
  /// The document that gets the target's name, as `finish`.
  virtual void finish_set(const Descriptor& top, const std::string& text);
};

struct DestinationOptions : SourceOptions {
  Overwrite overwrite = Overwrite::no;
  std::optional<Reference> from;  ///< the source: a registry need not be sent what it has in another repository
};

/// Throws exists where the target is there and `overwrite` is no; a layout that is there takes an image under another
/// tag. In a registry and a daemon a name is taken from the image that has it. The options are copied.
SIFKIT_API std::unique_ptr<ImageDestination> open_destination(const Target& target, const DestinationOptions& options);

}  // namespace sifkit::oci

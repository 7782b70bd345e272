// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/layer_reader.h>
#include <sifkit/layers/squashfs.h>
#include <sifkit/oci/image.h>

namespace sifkit {

namespace oci {
class OpenedSource;
}

enum class OutputFormat : std::uint8_t {
  sif,
  squashfs,  ///< the root file system alone
  sandbox,   ///< a directory
};

/// A file, a link or a directory of the machine that goes into an image.
struct AddedFile {
  std::filesystem::path from;
  std::string to;  ///< path in the image
};

/// What is changed of a container beside labels, variables and what is left out (sifkit/image_edit.h).
struct ImageEdit {
  std::vector<std::string> removed_labels;
  std::vector<std::string> unset;          ///< variables
  std::optional<std::string> runscript;    ///< its text
  std::optional<std::string> definition;   ///< likewise
  std::optional<std::string> name;         ///< of the partition in a SIF
  std::vector<AddedFile> files;            ///< `convert` takes each name by itself, a directory before what is in it
  bool same_packing = false;               ///< blocks of the image are kept, whatever level or program packed them
  /// The file that is changed, locked; one that takes its name meanwhile is not replaced.
  std::shared_ptr<const File> original;

  /// Whether what the container says of itself changes.
  bool changes_container() const noexcept {
    return !removed_labels.empty() || !unset.empty() || runscript || definition;
  }
};

/// How an image becomes a container file: where it comes from, within which limits, and how it is written. The defaults
/// are those of `sifkit build`.
struct ConvertOptions : oci::SourceOptions {
  OutputFormat format = OutputFormat::sif;
  Overwrite overwrite = Overwrite::no;
  layers::LayerOptions layers;
  layers::SquashfsOptions squashfs;
  unsigned threads = 0;  ///< 0: what the process may use

  /// An image, and a directory that is not root's, has the capabilities of programs as the attribute
  /// "user.sifkit.cap", from which they come back; this keeps them as "security.capability".
  bool keep_capabilities = false;
  bool all_root = false;              ///< every file belongs to 0:0
  std::vector<std::string> excludes;  ///< shell patterns over whole paths; what matches is left out with all below it
  std::vector<std::pair<std::string, std::string>> labels;  ///< added to the image's
  /// Added to the image's. A name that no container can have set is a usage error.
  std::vector<std::pair<std::string, std::string>> env;

  /// Times and the UUID come from the image, so that the same image gives the same bytes. Otherwise from the clock and
  /// the system's random numbers.
  bool reproducible = true;
  std::optional<std::int64_t> source_date_epoch;  ///< seconds; stands in for the image's `created`

  /// An image that was made before of much the same files: blocks that hold the same bytes are taken from it, not packed
  /// again. Empty: the output that is replaced, if it is an image. The new image is the same with and without it.
  std::filesystem::path base;
  bool use_base = true;

  bool digests_output = true;  ///< `ConvertReport::digest`: one more pass over the finished file
  bool verify_after = false;  ///< read the finished image back and compare every file before it gets its name
  bool dry_run = false;       ///< read and check everything, write nothing

  /// The image is changed: it may be replaced by what is made of it, and nothing makes a container of what is none.
  std::optional<ImageEdit> edit;

  /// Called with the finished, still unnamed SIF, for signing it.
  std::function<void(File&)> before_commit;
  bool signs = false;       ///< `before_commit` does
  bool makes_sbom = false;  ///< `before_commit` does: those of a source that is a SIF stay behind
};

/// Where the time went and what came out.
struct ConvertReport {
  std::filesystem::path target;
  std::uint64_t bytes = 0;              ///< of the target; 0 for a sandbox
  std::optional<Digest> digest;         ///< sha256 of the target file, where it was asked for
  std::string architecture;             ///< GOARCH word, "unknown" where nothing tells
  std::string uuid;                     ///< of a SIF
  std::size_t layers = 0;
  std::uint64_t entries = 0;            ///< changes read from all layers
  std::uint64_t compressed_bytes = 0;   ///< read from the source
  std::uint64_t uncompressed_bytes = 0; ///< the same, uncompressed
  std::uint64_t file_bytes = 0;         ///< of files handed to the image
  std::uint64_t duplicate_bytes = 0;    ///< of them, stored once already
  std::uint64_t reused_bytes = 0;       ///< of them, in blocks that were taken from the base
  std::size_t base_layers = 0;          ///< layers that were not read, since the base holds them
  std::uint64_t inodes = 0;
  std::uint64_t hidden_files = 0;       ///< files whose bytes were passed over because an upper layer hides them
  std::uint64_t layers_read_again = 0;  ///< for files that turned out to be needed after all
  unsigned threads = 0;
  double seconds = 0;
  std::optional<Digest> manifest_digest;
  std::optional<Digest> config_digest;
};

/// Converts the image that `reference` names into `target`, which appears whole or not at all. One straight pass:
/// layers newest first, into the squashfs at its place in the SIF. Throws Error. Safe to call from several threads for
/// different targets.
SIFKIT_API ConvertReport convert(const oci::Reference& reference, const std::filesystem::path& target,
                                 const ConvertOptions& options, WarningList& warnings);

/// The same of an image that is open already; `image` is the one that `source` holds.
SIFKIT_API ConvertReport convert(oci::OpenedSource& source, oci::Image& image, const std::filesystem::path& target,
                                 const ConvertOptions& options, WarningList& warnings);

}  // namespace sifkit

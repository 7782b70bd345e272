// SPDX-License-Identifier: Apache-2.0
#include <sifkit/copy_image.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/compress.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/resources.h>
#include <sifkit/file_system.h>
#include <sifkit/layers/entry_names.h>
#include <sifkit/layers/layer_reader.h>
#include <sifkit/layers/tar_tree.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>

#include "added_files.h"
#include "container_files.h"
#include "container_metadata.h"
#include "copying.h"
#include "manifest_format.h"
#include "own_source.h"
#include "runtime_scripts.h"

namespace sifkit {

using namespace layers;

namespace {

std::string layer_type(Compression compression) {
  switch (compression) {
    case Compression::none: return std::string(oci::kLayerType);
    case Compression::gzip: return fmt::format("{}+gzip", oci::kLayerType);
    case Compression::zstd: return fmt::format("{}+zstd", oci::kLayerType);
    default:
      throw Error(ErrorKind::unsupported,
                  fmt::format("a layer compressed with {}, which no media type of OCI names", to_string(compression)),
                  "a docker-archive holds it uncompressed");
  }
}

/// Hands on what it reads, and hashes it.
class HashingSource : public Source {
 public:
  HashingSource(std::unique_ptr<Source> source, const OperationContext& operation, Sink* copy = nullptr)
      : source_(std::move(source)), operation_(operation), copy_(copy) {}

  std::size_t read(std::span<std::byte> into) override {
    operation_.check();
    const auto got = source_->read(into);
    const ByteView bytes = ByteView(into).first(got);
    hasher_.update(bytes);
    if (other_) other_->update(bytes);
    size_ += got;
    if (copy_ != nullptr) copy_->write(bytes);
    return got;
  }

  /// Makes it hash with the algorithm of a digest that is stated, too.
  void state(const std::optional<Digest>& stated) {
    stated_ = stated;
    if (stated && stated->algorithm() != DigestAlgorithm::sha256) other_.emplace(stated->algorithm());
  }

  std::uint64_t size() const noexcept { return size_; }

  /// SHA-256 of all bytes. Throws integrity where the stated digest, `what`, is another one.
  Digest digest(std::string_view what) {
    Digest out = hasher_.finish();
    const Digest found = other_ ? other_->finish() : out;
    if (stated_ && *stated_ != found) {
      throw Error(ErrorKind::integrity, fmt::format("expected {}{}, found {}", what, stated_->text(), found.text()));
    }
    return out;
  }

 private:
  std::unique_ptr<Source> source_;
  const OperationContext& operation_;
  Sink* copy_;
  Hasher hasher_;
  std::optional<Digest> stated_;
  std::optional<Hasher> other_;
  std::uint64_t size_ = 0;
};

/// Hands on what is written to it, and hashes it.
class HashingSink : public Sink {
 public:
  explicit HashingSink(Sink& to) : to_(to) {}

  void write(ByteView bytes) override {
    hasher_.update(bytes);
    to_.write(bytes);
  }

  Digest digest() { return hasher_.finish(); }

 private:
  Sink& to_;
  Hasher hasher_;
};

/// Whether a runscript is one that starts these words: what a build writes for them, or what Apptainer does, which differs in
/// the lines behind the words.
bool starts_words(std::string_view script, const std::vector<std::string>& entrypoint, const std::vector<std::string>& cmd) {
  const std::string own = run_script(entrypoint, cmd);
  if (script == own) return true;
  const auto words = std::string_view(own).substr(own.find("\nOCI_ENTRYPOINT="));
  const auto with_words = [&](std::string_view text) { return script.find(text) != std::string_view::npos; };
  return with_words(words.substr(0, words.find("\n\n# ") + 1)) && with_words("\neval \"set ${SINGULARITY_OCI_RUN}\"\n");
}

class Copy {
 public:
  Copy(const oci::Target& target, oci::ImageDestination& destination, const CopyOptions& options, WarningList& warnings,
       CopyReport& report)
      : target_(target), destination_(destination), options_(options), warnings_(warnings), report_(report) {}

  void image(oci::Image& image) {
    anew_ = options_.compression && !are_compressed_so(image);
    options_.operation.progress->stage("copying layers", image.compressed_bytes());
    for (std::size_t i = 0; i < image.layers().size(); ++i) {
      in_context([&] { return fmt::format("layer {} of {}", i + 1, image.layers().size()); }, [&] { layer(image, i); });
      destination_.check();
    }
    const auto& config = image.config();
    if (config.diff_ids.empty() && !diff_ids_.empty()) return finish(with_layers(config.raw), config.platform, {}, {});
    SIFKIT_CHECK(config.diff_ids.size() == diff_ids_.size());
    const auto manifest = image.manifest();
    if (anew_ || !manifest) return finish(config.raw, config.platform, {}, {});
    finish(config.raw, config.platform, manifest->text, manifest->media_type);
  }

  /// As one layer, which is compressed by `compression`.
  void file_system(OpenedFileSystem& opened, const StreamCompression& compression) {
    options_.operation.progress->stage("writing the layer", 0);
    const AddedFiles added(opened, options_.limits, options_.operation);
    TarTreeOptions tar;
    tar.keep = [&](std::string_view path, InodeId inode) {
      if (split_path(path).name.starts_with(kWhiteoutPrefix)) {
        throw Error(ErrorKind::unsupported,
                    fmt::format("{} has the name of a whiteout, which a layer cannot hold as a file", in_quotes(path)));
      }
      return !added.contain(path, inode);
    };
    tar.xattrs = attributes_outside(opened);
    const auto blob = destination_.begin_layer();
    if (compression.kind == Compression::none) {
      write_tar(opened.files(), tar, *blob, warnings_, options_.operation);
      const auto stored = blob->finish();
      add_layer(stored, compression.kind, stored.digest);
    } else {
      CompressingSink compressed(*blob, compression, available_threads());
      HashingSink plain(compressed);
      write_tar(opened.files(), tar, plain, warnings_, options_.operation);
      compressed.finish();
      add_layer(blob->finish(), compression.kind, plain.digest());
    }
    Json config = config_of(opened);
    warn_of_runscript(opened, config["config"]);
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", Json::array({diff_ids_.at(0).text()})}};
    const oci::Platform platform{"linux", config["architecture"].get<std::string>(), ""};
    finish(config.dump(), platform, {}, {});
  }

 private:
  /// By what the manifest says of each: then there is nothing to do.
  bool are_compressed_so(const oci::Image& image) const {
    if (options_.compression->level != 0) return false;
    return std::all_of(image.layers().begin(), image.layers().end(), [&](const oci::Layer& layer) {
      return stated_compression(layer.media_type) == options_.compression->kind;
    });
  }

  void layer_anew(oci::Image& image, std::size_t index) {
    const auto blob = destination_.begin_layer();
    CompressingSink compressed(*blob, *options_.compression, available_threads());
    const auto read = read_layer(image, index, &compressed, true, *options_.operation.progress);
    compressed.finish();
    add_layer(blob->finish(), options_.compression->kind, read.diff_id);
  }

  void layer(oci::Image& image, std::size_t index) {
    if (anew_) return layer_anew(image, index);
    const auto& stated = image.layers()[index];
    const bool known = stated.digest && stated.size && stated.diff_id && image.manifest();
    if (known && (destination_.takes_readable_layers() || destination_.takes_sets())) return known_layer(image, index);
    if (destination_.takes_readable_layers()) return readable_layer(image, index);
    const auto blob = destination_.begin_layer();
    const bool plain = destination_.plain_layers();
    const auto read = read_layer(image, index, blob.get(), plain, *options_.operation.progress);
    add_layer(blob->finish(), plain ? Compression::none : read.compression, read.diff_id);
  }

  static oci::ReadableBlob blob_of(oci::Image& image, std::size_t index) {
    oci::ReadableBlob blob;
    blob.open = [&image, index] { return image.open_layer(index); };
    blob.context = fmt::format("layer {} of {}", index + 1, image.layers().size());
    return blob;
  }

  /// A layer whose digest and size are stated is not uncompressed here: whoever takes its bytes checks them.
  void known_layer(oci::Image& image, std::size_t index) {
    const auto& stated = image.layers()[index];
    auto blob = blob_of(image, index);
    blob.digest = *stated.digest;
    blob.size = *stated.size;
    destination_.takes_sets() ? destination_.add_blob(blob) : destination_.add_layer(blob);
    diff_ids_.push_back(*stated.diff_id);
    ++report_.layers;
    report_.bytes += blob.size;
  }

  /// It is read twice.
  void readable_layer(oci::Image& image, std::size_t index) {
    auto blob = blob_of(image, index);
    const auto read = read_layer(image, index, nullptr, false, no_progress());
    blob.digest = read.stored.digest;
    blob.size = read.stored.size;
    destination_.add_layer(blob);
    add_layer(read.stored, read.compression, read.diff_id);
  }

  struct ReadLayer {
    oci::StoredBlob stored;
    Compression compression = Compression::none;
    Digest diff_id;
  };

  /// Hands on the bytes as they are stored or, `plain`, uncompressed. What is stated of them is checked.
  ReadLayer read_layer(oci::Image& image, std::size_t index, Sink* copy, bool plain, Progress& progress) const {
    const auto& stated = image.layers()[index];
    ReadLayer out;
    auto source = std::make_unique<HashingSource>(image.open_layer(index), options_.operation, plain ? nullptr : copy);
    HashingSource& stored = *source;
    stored.state(stated.digest);
    HashingSource contents(open_decompressed(std::move(source), "the layer", options_.limits, &out.compression),
                           options_.operation, plain ? copy : nullptr);
    contents.state(stated.diff_id);
    Bytes buffer(std::size_t{1} << 17);
    for (std::uint64_t shown = 0; contents.read(buffer) != 0; shown = stored.size()) {
      progress.advance(stored.size() - shown);
    }
    if (stated.size && *stated.size != stored.size()) {
      throw Error(ErrorKind::integrity, fmt::format("expected {} bytes, found {}", *stated.size, stored.size()));
    }
    out.stored = {stored.digest(""), stored.size()};
    out.diff_id = contents.digest("diff_id ");
    return out;
  }

  void add_layer(oci::StoredBlob blob, Compression compression, const Digest& diff_id) {
    descriptors_.push_back(
        {{"mediaType", layer_type(compression)}, {"digest", blob.digest.text()}, {"size", blob.size}});
    diff_ids_.push_back(diff_id);
    ++report_.layers;
    report_.bytes += blob.size;
  }

  void finish(const std::string& config, const oci::Platform& platform, std::string manifest, std::string type) {
    report_.config_digest = digest_of(as_bytes(config));
    if (manifest.empty()) {
      type = oci::kManifestType;
      manifest = Json{{"schemaVersion", 2},
                      {"mediaType", type},
                      {"config", {{"mediaType", oci::kConfigType}, {"digest", report_.config_digest.text()}, {"size", config.size()}}},
                      {"layers", descriptors_}}
                     .dump();
    }
    const auto written = manifest_for(target_, {type, manifest}, options_.format, warnings_);
    report_.manifest_digest = digest_of(as_bytes(written.text));
    oci::ImageDocuments documents;
    documents.config = config;
    documents.diff_ids = diff_ids_;
    documents.manifest.media_type = written.media_type;
    documents.manifest.platform = platform;
    documents.manifest_text = written.text;
    options_.operation.check();
    destination_.finish(documents);
  }

  /// The configuration of a container with the layer that its files become: who reads it counts diff_ids and layers.
  std::string with_layers(const std::string& config) const {
    Json document = parse_json(config, "config", options_.limits);
    Json ids = Json::array();
    for (const auto& id : diff_ids_) ids.push_back(id.text());
    document["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
    document["history"] = Json::array({Json{{"created_by", "sifkit"}}});
    if (const auto at = member_text(document, "created"); !at.empty()) document["history"][0]["created"] = at;
    return document.dump();
  }

  /// The configuration that a SIF keeps of its image, with what a document of its own needs. Its key words are those of
  /// the SIF or, for a root without one, of the machine.
  Json config_of(OpenedFileSystem& opened) const {
    Json inner = Json::object();
    std::string architecture = oci::Platform::host().architecture;
    std::int64_t created = opened.squashfs() != nullptr ? opened.squashfs()->time() : 0;
    if (const sif::Image* sif = opened.sif()) {
      if (sif->header().architecture != "unknown") architecture = sif->header().architecture;
      created = sif->header().time_created().value_or(created);
      if (const auto* object = sif->find(sif::DataType::generic_json, kOciConfigName)) {
        const auto text = sif->read_data(*object, options_.limits.json_bytes);
        inner = parse_json(as_text(text), kOciConfigName, options_.limits);
        JsonView(inner, std::string(kOciConfigName) + ": ").require_object();
      }
    }
    return {{"architecture", architecture},
            {"config", inner},
            {"created", utc_timestamp(created)},
            {"history", {{{"created", utc_timestamp(created)}, {"created_by", "sifkit"}}}},
            {"os", "linux"}};
  }

  /// A configuration says which words are started, and cannot hold a script.
  void warn_of_runscript(OpenedFileSystem& opened, const Json& config) const {
    const Tree& tree = opened.tree();
    if (opened.squashfs() == nullptr || !is_container(tree)) return;
    const auto inode = tree.resolve(kRunScriptPath, true);
    if (!inode || tree.inode(*inode).type != EntryType::regular) return;
    std::vector<std::string> entrypoint;
    std::vector<std::string> cmd;
    try {
      const JsonView view(config, std::string(kOciConfigName) + ": ");
      entrypoint = view["Entrypoint"].text_list();
      cmd = view["Cmd"].text_list();
    } catch (const Error&) {  // what is no list of words starts nothing
    }
    if (entrypoint == std::vector<std::string>{""}) entrypoint.clear();
    const auto most = options_.limits.json_bytes;
    if (tree.inode(*inode).size <= most && starts_words(opened.files().text(*inode, most), entrypoint, cmd)) return;
    warnings_.add("runscript-left-out", "the runscript does not go into the copy, which starts what its configuration names");
  }

  const oci::Target& target_;
  oci::ImageDestination& destination_;
  const CopyOptions& options_;
  WarningList& warnings_;
  CopyReport& report_;
  bool anew_ = false;                 ///< layers are compressed in another way
  Json descriptors_ = Json::array();  ///< of the layers
  std::vector<Digest> diff_ids_;
};

/// What is no image that is read can be copied with all that lists it.
std::unique_ptr<oci::Image> open_to_copy(oci::OpenedSource& source, const oci::ImageDestination& destination) {
  const auto from = source.reference().transport;
  const bool archive = from == oci::Transport::oci_layout || from == oci::Transport::oci_archive;
  try {
    return source.open_image();
  } catch (Error& error) {
    if (error.kind() == ErrorKind::unsupported && error.hint().empty() && destination.takes_sets() &&
        (archive || from == oci::Transport::docker))
      error.set_hint(Advice::copy_all);
    throw;
  }
}

}  // namespace

CopyReport copy_image(const oci::Reference& given, const oci::Target& target, const CopyOptions& options,
                      WarningList& warnings) {
  std::unique_ptr<oci::Image> image;
  const auto accept = [&](const oci::ImageDestination& destination) {
    const bool docker = target.transport == oci::Transport::docker_archive || target.transport == oci::Transport::docker_daemon;
    if (options.format && docker)
      throw Error(ErrorKind::usage, fmt::format("{}: Docker's archives and daemon take no manifest, so it has no format",
                                                in_quotes(target.text)));
    if (options.format == ManifestFormat::docker && options.compression && options.compression->kind == Compression::zstd)
      throw Error(ErrorKind::usage, fmt::format("{}: Docker's manifests have no layers that are compressed by zstd",
                                                in_quotes(target.text)));
    if (!options.compression || !destination.plain_layers()) return;
    throw Error(ErrorKind::usage,
                fmt::format("{}: Docker's archives and daemon hold plain layers, which are not compressed",
                            in_quotes(target.text)));
  };
  const auto work = [&](const std::shared_ptr<oci::OpenedSource>& source, oci::ImageDestination& destination,
                        CopyReport& report) {
    if (!target.path.empty()) refuse_inside_source(*source, target.path);
    Copy copy(target, destination, options, warnings, report);
    if (source->image_file() || source->is_root()) {
      // What is downloaded again and again is worth the time; a daemon and archives of Docker take nothing else than plain.
      const bool registry = target.transport == oci::Transport::docker;
      const StreamCompression usual{registry ? Compression::gzip : Compression::none};
      copy.file_system(*open_file_system(source, options, warnings), options.compression.value_or(usual));
    } else {
      image = open_to_copy(*source, destination);
      copy.image(*image);
    }
  };
  return copying(given, target, options, warnings, accept, work);
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "oci_layout.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/json.h>

#include "media_types.h"

namespace sifkit::oci {

namespace {

Error no_type_of_image(std::string_view where, std::string_view stated) {
  return {ErrorKind::unsupported, fmt::format("{}: {} is no type of an image", where, in_quotes(stated))};
}

/// BuildKit lists the layers of a cache and, last, what it knows of them.
void refuse_cache(const JsonView& view) {
  for (const auto& entry : view["manifests"].value()) {
    if (member_text(entry, "mediaType").starts_with("application/vnd.buildkit.cacheconfig.")) {
      throw Error(ErrorKind::unsupported, fmt::format("{}a BuildKit cache, not an image", view.place()));
    }
  }
}

/// Where an entry stands.
struct Place {
  unsigned depth = 0;             ///< of the index that lists it
  std::optional<unsigned> index;  ///< number of that index
  std::string file;               ///< that holds it
  Descriptor top;                 ///< of the entry in the top index that led here
};

/// Fills in as much as is sound before it throws, names and platform first.
void read_descriptor(const JsonView& view, Descriptor& out) {
  view.require_object().refuse_case_variants({"mediaType", "digest", "size", "platform", "annotations", "urls"});
  const auto annotations = view["annotations"];
  if (annotations.is_object()) {
    for (const auto& [name, value] : annotations.value().items()) {
      if (value.is_string()) out.annotations.emplace_back(name, value);
    }
  }
  if (const auto platform = view["platform"]; !platform.is_null()) {
    platform.require_object();
    out.platform = Platform{platform["os"].text_or(""), platform["architecture"].text_or(""), platform["variant"].text_or("")};
  }
  out.media_type = view["mediaType"].text_or("");
  out.digest = Digest::parse(view["digest"].text(), view["digest"].place());
  out.size = view["size"].unsigned_number();
  out.annotations = annotations.text_map();
  out.urls = view["urls"].text_list();
}

std::string annotation(const Descriptor& descriptor, std::string_view key) {
  for (const auto& [name, value] : descriptor.annotations) {
    if (name == key) return value;
  }
  return {};
}

bool is_attestation(const Descriptor& descriptor) {
  const bool unknown = descriptor.platform && descriptor.platform->os == "unknown" && descriptor.platform->architecture == "unknown";
  return unknown || !annotation(descriptor, "vnd.docker.reference.type").empty();
}

std::vector<std::string> tags_of(const Descriptor& descriptor) {
  std::vector<std::string> out;
  for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"}) {
    auto value = annotation(descriptor, key);
    if (value.empty()) continue;
    // Docker writes the full name beside its tag; one is enough.
    if (!out.empty() && out.front().ends_with(":" + value)) continue;
    if (std::find(out.begin(), out.end(), value) == out.end()) out.push_back(std::move(value));
  }
  return out;
}

void check_schema(const JsonView& view) {
  view.require_object().refuse_case_variants({"schemaVersion", "mediaType", "manifests", "config", "layers", "annotations"});
  const auto version = view["schemaVersion"];
  if (version.is_null()) return;
  if (version.unsigned_number() == 1) {
    throw Error(ErrorKind::unsupported, fmt::format("{}schema 1 manifests are not supported", view.place()), "push or save the image again with a Docker of this decade");
  }
  if (version.unsigned_number() != 2) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: expected 2, found {}", version.place(), version.unsigned_number()));
  }
}

/// A document must not be readable as an index and as a manifest (CVE-2021-41190).
void check_kind(const JsonView& view, bool index, const std::string& stated, std::string_view where) {
  const auto type = view["mediaType"].text_or("");
  if (!type.empty() && !stated.empty() && type != stated) {
    throw Error(ErrorKind::malformed, fmt::format("{}: its media type is {}, its descriptor says {}", where, in_quotes(type), in_quotes(stated)));
  }
  const bool other_type = index ? is_one_of(kManifestTypes, type) : is_one_of(kIndexTypes, type);
  const bool confused = index ? !view["layers"].is_null() || !view["config"].is_null() : !view["manifests"].is_null();
  if (confused || other_type || !view["fsLayers"].is_null()) {
    throw Error(ErrorKind::malformed, fmt::format("{} has members of an index and of a manifest", where));
  }
}

class LayoutReader {
 public:
  LayoutReader(std::shared_ptr<BlobStore> blobs, const Limits& limits, WarningList& warnings)
      : blobs_(std::move(blobs)), limits_(limits), warnings_(warnings) {}

  /// Entries that an index states another platform for are listed, but not read.
  void read_only(std::optional<Platform> platform) { only_ = std::move(platform); }

  std::vector<Candidate> read(std::string_view text) {
    const Json document = parse_json(text, kIndexFile, limits_);
    const JsonView view(document, std::string(kIndexFile) + ": ");
    check_schema(view);
    check_kind(view, true, "", kIndexFile);
    read_index(view, 0, nullptr);
    return std::move(out_);
  }

  /// The one manifest or index that no index lists.
  std::vector<Candidate> read_alone(std::string_view text, std::string_view name, const Descriptor& descriptor) {
    try {
      read_document(text, name, descriptor,
                    {.depth = 0, .index = std::nullopt, .file = std::string(name), .top = descriptor});
    } catch (const Error& error) {
      if (out_.empty()) throw;
      out_.back().set_problem(error);
    }
    return std::move(out_);
  }

 private:
  /// A document by its descriptor, verified; nothing when the blob is absent.
  std::optional<std::string> read_blob(const Descriptor& descriptor, BlobKind kind, std::string_view what) {
    auto text = blobs_->read(descriptor, kind, limits_, what);
    if (!text) return std::nullopt;
    if (const auto found = digest_of(as_bytes(*text), descriptor.digest.algorithm()); found != descriptor.digest) {
      throw Error(ErrorKind::integrity, fmt::format("{}: expected {}, found {}", what, descriptor.digest.text(), found.text()));
    }
    return text;
  }

  /// Each entry is judged alone: what is broken, absent or not for us does not hide what stands beside it.
  void read_index(const JsonView& view, unsigned depth, const Descriptor* top) {
    if (depth > limits_.index_depth) throw Error(ErrorKind::limit, fmt::format("indexes are nested more than {} deep", limits_.index_depth));
    const auto list = view["manifests"];
    list.require_array();
    if (depth != 0) refuse_cache(view);
    const unsigned number = indexes_++;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (++entries_ > limits_.archive_members)
        throw_over_limit(fmt::format("more than {} manifests", limits_.archive_members), &Limits::archive_members);
      Place place{.depth = depth, .index = number};
      Descriptor descriptor;
      const auto before = out_.size();
      try {
        read_descriptor(list.at(i), descriptor);
        if (is_attestation(descriptor)) continue;
        place.top = top == nullptr ? descriptor : *top;
        place.file = blobs_->name_of(descriptor.digest, BlobKind::manifest);
        read_entry(descriptor, place);
      } catch (const Error& error) {
        if (entries_ > limits_.archive_members) throw;
        if (is_attestation(descriptor)) continue;
        if (out_.size() == before) add(descriptor, place);
        out_.back().set_problem(error);
      }
    }
  }

  void read_entry(const Descriptor& descriptor, const Place& place) {
    const auto where = where_of(descriptor);
    const bool other = only_ && descriptor.platform && !descriptor.platform->empty() && !matches(*descriptor.platform, *only_);
    if (other) {
      add(descriptor, place);
      return;
    }
    if (!may_be_document(descriptor.media_type)) throw no_type_of_image(where, descriptor.media_type);
    const auto text = read_blob(descriptor, BlobKind::manifest, where);
    if (text) {
      read_document(*text, where, descriptor, place);
    } else {
      add(descriptor, place).set_problem(absent(place.file), true);
    }
  }

  void read_document(std::string_view text, std::string_view where, const Descriptor& descriptor, const Place& place) {
    const Json document = parse_json(text, where, limits_);
    const JsonView view(document, std::string(where) + ": ");
    if (is_index(view, descriptor.media_type, where)) {
      read_index(view, place.depth + 1, &place.top);
    } else {
      read_manifest(view, add(descriptor, place));
    }
  }

  Candidate& add(const Descriptor& descriptor, const Place& place) {
    Candidate& candidate = out_.emplace_back();
    candidate.depth = place.depth;
    candidate.index = place.index;
    candidate.platform_stated = descriptor.platform && !descriptor.platform->empty();
    auto& summary = candidate.summary;
    summary.index = static_cast<unsigned>(out_.size() - 1);
    summary.tags = tags_of(descriptor);
    if (summary.tags.empty()) summary.tags = tags_of(place.top);
    summary.platform = descriptor.platform;
    // A descriptor that could not be read has the placeholder.
    if (descriptor.digest != Digest()) summary.manifest_digest = descriptor.digest;
    if (place.top.digest != Digest()) candidate.top = place.top;
    candidate.load = [blobs = blobs_, &limits = limits_, descriptor](Candidate& into, WarningList& said) {
      blobs->forget_documents();
      return in_file(blobs->name(), [&] { return LayoutReader(blobs, limits, said).read_one(descriptor, into); });
    };
    return candidate;
  }

  StoredParts read_one(const Descriptor& descriptor, Candidate& into) {
    const auto where = where_of(descriptor);
    const auto text = read_blob(descriptor, BlobKind::manifest, where);
    if (!text) throw absent(blobs_->name_of(descriptor.digest, BlobKind::manifest));
    const Json document = parse_json(*text, where, limits_);
    const JsonView view(document, where + ": ");
    check_schema(view);
    if (!view["manifests"].is_null()) {
      throw_over_limit(
          fmt::format("{}: an index behind more than {} bytes of documents", where, limits_.documents_bytes),
          &Limits::documents_bytes);
    }
    check_kind(view, false, descriptor.media_type, where);
    auto parts = read_manifest(view, into);
    parts.manifest = Manifest{view["mediaType"].text_or(descriptor.media_type), *text};
    if (parts.manifest->media_type.empty()) parts.manifest->media_type = kManifestTypes[0];
    return parts;
  }

  static std::string where_of(const Descriptor& descriptor) {
    return fmt::format("manifest {}", descriptor.digest.text());
  }

  static Error absent(const std::string& file) { return {ErrorKind::malformed, fmt::format("{} is not there", file)}; }

  StoredParts read_manifest(const JsonView& view, Candidate& candidate) {
    if (view["config"].is_null()) throw Error(ErrorKind::malformed, fmt::format("{}no config", view.place()));
    const auto config = parse_descriptor(view["config"]);
    if (!config.media_type.empty() && !is_one_of(kConfigTypes, config.media_type)) {
      const auto layers = view["layers"].value();
      // An artifact says what it is either way; one without a configuration has an empty one.
      const auto artifact = member_text(view.value(), "artifactType");
      const bool sif = layers.is_array() && !layers.empty() && layers[0].is_object() && layers[0].value("mediaType", Json()).dump().find(".sylabs.sif.layer.") != std::string::npos;
      throw Error(ErrorKind::unsupported,
                  fmt::format("{}an artifact of type {}, not an image", view.place(),
                              in_quotes(artifact.empty() ? config.media_type : artifact)),
                  sif ? "it is a SIF file: a registry has it under a name with oras://, not docker://" : "");
    }
    auto& summary = candidate.summary;
    summary.config_digest = config.digest;
    StoredParts parts;
    parts.config_digest = config.digest;
    const auto text = read_blob(config, BlobKind::other, "config");
    if (!text) {
      candidate.set_problem(absent(blobs_->name_of(config.digest, BlobKind::other)), true);
      return parts;
    }
    parts.config = in_context([&] { return config.digest.text(); },
                              [&] { return read_config(*text, summary, limits_, warnings_); });
    read_layers(view["layers"], parts, candidate);
    return parts;
  }

  void read_layers(const JsonView& list, StoredParts& parts, Candidate& candidate) {
    const auto& diff_ids = parts.config.diff_ids;
    expect_layers(list, parts.config, candidate.summary);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto descriptor = parse_descriptor(list.at(i));
      if (descriptor.media_type.ends_with("+encrypted")) {
        throw Error(ErrorKind::unsupported, fmt::format("{}: the layer is encrypted", list.at(i).place()));
      }
      if (!is_one_of(kLayerTypes, descriptor.media_type)) {
        throw Error(ErrorKind::unsupported, fmt::format("{}: {} is no layer of an image", list.at(i).place(), in_quotes(descriptor.media_type)));
      }
      std::string name = blobs_->name_of(descriptor.digest, BlobKind::other);
      const auto size = blobs_->size_of(descriptor, BlobKind::other);
      if (!size && !candidate.problem) {
        candidate.set_problem(
            Error(ErrorKind::malformed, fmt::format("layer {} of {}: {} is not there", i + 1, list.size(), name)),
            true);
      }
      if (size && *size != descriptor.size) {
        throw Error(ErrorKind::integrity, fmt::format("layer {} of {}: expected {} bytes, found {}", i + 1, list.size(), descriptor.size, *size));
      }
      candidate.summary.compressed_bytes += descriptor.size;
      parts.layers.push_back(
          {descriptor.media_type, descriptor.digest, descriptor.size, diff_ids[i], descriptor.urls});
      parts.layer_names.push_back(std::move(name));
    }
  }

  std::shared_ptr<BlobStore> blobs_;
  const Limits& limits_;
  WarningList& warnings_;
  std::vector<Candidate> out_;
  std::optional<Platform> only_;
  std::uint64_t entries_ = 0;
  unsigned indexes_ = 0;
};

constexpr std::string_view kLayoutFileHint =
    R"(if nothing else is missing, make that file beside index.json: printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout)";

void check_layout_file(FileSet& files, const Limits& limits) {
  if (!files.find(kLayoutFile)) throw Error(ErrorKind::malformed, "no oci-layout file: this is no OCI layout", std::string(kLayoutFileHint));
  const auto text = files.read_document(kLayoutFile, limits, kLayoutFile);
  const Json document = parse_json(text, kLayoutFile, limits);
  const JsonView view(document, std::string(kLayoutFile) + ": ");
  const auto version = view.require_object()["imageLayoutVersion"].text();
  if (!version.starts_with("1.")) {
    throw Error(ErrorKind::unsupported, fmt::format("oci-layout: expected version 1.0.0, found {}", in_quotes(version)));
  }
}

}  // namespace

Descriptor parse_descriptor(const JsonView& view) {
  Descriptor out;
  read_descriptor(view, out);
  return out;
}

bool is_index(const JsonView& view, const std::string& stated, std::string_view where) {
  check_schema(view);
  const bool index = is_one_of(kIndexTypes, stated) || (!is_one_of(kManifestTypes, stated) && !view["manifests"].is_null());
  if (!index && !stated.empty() && !is_one_of(kManifestTypes, stated))
    throw no_type_of_image(where, stated);
  check_kind(view, index, stated, where);
  return index;
}

std::vector<Candidate> read_oci_layout(FileSet& files, bool strict_layout, const Limits& limits, WarningList& warnings) {
  return in_file(files.name(), [&] {
    if (strict_layout) check_layout_file(files, limits);
    const auto text = files.read_document(kIndexFile, limits, kIndexFile);
    return LayoutReader(std::make_shared<FileBlobs>(files, false), limits, warnings).read(text);
  });
}

std::unique_ptr<ImageSet> open_layout_set(const std::shared_ptr<FileSet>& files, const std::string& selector,
                                          const Limits& limits) {
  WarningList ignored;  // what a build would warn of is copied as it is
  auto candidates = read_oci_layout(*files, true, limits, ignored);
  const auto top = choose_top(candidates, selector, files->name());
  files->forget_documents();
  return std::make_unique<ImageSet>(std::make_shared<FileBlobs>(*files, false), top, limits, files);
}

std::vector<Candidate> read_skopeo_dir(FileSet& files, const Limits& limits, WarningList& warnings) {
  static constexpr std::string_view kName = "manifest.json";
  return in_file(files.name(), [&] {
    const auto text = files.read_document(kName, limits, kName);
    Descriptor descriptor;
    descriptor.digest = digest_of(as_bytes(text));
    descriptor.size = text.size();
    auto blobs = std::make_shared<FileBlobs>(files, true);
    blobs->set_name_of(descriptor.digest, std::string(kName));
    return LayoutReader(std::move(blobs), limits, warnings).read_alone(text, kName, descriptor);
  });
}

std::vector<Candidate> read_manifest(std::shared_ptr<BlobStore> blobs, std::string_view text,
                                     const Descriptor& descriptor, const std::optional<Platform>& only,
                                     const Limits& limits, WarningList& warnings) {
  const std::string name = blobs->name();
  return in_file(name, [&] {
    LayoutReader reader(std::move(blobs), limits, warnings);
    reader.read_only(only);
    return reader.read_alone(text, fmt::format("manifest {}", descriptor.digest.text()), descriptor);
  });
}

}  // namespace sifkit::oci

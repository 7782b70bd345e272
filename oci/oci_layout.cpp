// SPDX-License-Identifier: Apache-2.0
#include "oci_layout.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit::oci {

namespace {

constexpr std::string_view kIndexTypes[] = {"application/vnd.oci.image.index.v1+json",
                                            "application/vnd.docker.distribution.manifest.list.v2+json"};
constexpr std::string_view kManifestTypes[] = {"application/vnd.oci.image.manifest.v1+json",
                                               "application/vnd.docker.distribution.manifest.v2+json"};
constexpr std::string_view kConfigTypes[] = {"application/vnd.oci.image.config.v1+json",
                                             "application/vnd.docker.container.image.v1+json"};
constexpr std::string_view kLayerTypes[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

template <std::size_t N>
bool one_of(const std::string_view (&list)[N], std::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

/// What a blob is, where its file's name depends on that.
enum class Blob { manifest, other };

Descriptor parse_descriptor(const JsonView& view) {
  view.require_object().refuse_case_variants({"mediaType", "digest", "size", "platform", "annotations"});
  Descriptor out;
  out.media_type = view["mediaType"].text_or("");
  out.digest = Digest::parse(view["digest"].text(), view["digest"].place());
  out.size = view["size"].unsigned_number();
  if (const auto platform = view["platform"]; !platform.is_null()) {
    platform.require_object();
    out.platform = Platform{platform["os"].text_or(""), platform["architecture"].text_or(""), platform["variant"].text_or("")};
  }
  out.annotations = view["annotations"].text_map();
  return out;
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

class LayoutReader {
 public:
  LayoutReader(FileSet& files, bool flat, const Limits& limits, WarningList& warnings)
      : files_(files), flat_(flat), limits_(limits), warnings_(warnings) {}

  std::vector<Candidate> read() {
    const auto text = files_.read_document(kIndexFile, limits_, kIndexFile);
    const Json document = parse_json(text, kIndexFile, limits_);
    const JsonView view(document, std::string(kIndexFile) + ": ");
    check_schema(view);
    check_kind(view, true, "", kIndexFile);
    read_index(view, 0, nullptr);
    return std::move(out_);
  }

  /// The one manifest or index that no descriptor names.
  std::vector<Candidate> read_alone(std::string_view name) {
    const auto text = files_.read_document(name, limits_, name);
    Descriptor descriptor;
    descriptor.digest = digest_of(as_bytes(text));
    read_document(text, name, descriptor, 0, descriptor);
    return std::move(out_);
  }

 private:
  std::string blob_name(const Digest& digest, Blob kind) const {
    if (!flat_) return fmt::format("blobs/{}/{}", to_string(digest.algorithm()), digest.hex());
    return digest.hex() + (kind == Blob::manifest ? ".manifest.json" : "");
  }

  /// A document by its descriptor, verified; nothing when the blob is absent.
  std::optional<std::string> read_blob(const Descriptor& descriptor, Blob kind, std::string_view what) {
    const auto name = blob_name(descriptor.digest, kind);
    const auto size = files_.find(name);
    if (!size) return std::nullopt;
    if (*size != descriptor.size) {
      throw Error(ErrorKind::integrity, fmt::format("{} {}: expected {} bytes, found {}", what, name, descriptor.size, *size));
    }
    auto text = files_.read_document(name, limits_, what);
    if (const auto found = digest_of(as_bytes(text), descriptor.digest.algorithm()); found != descriptor.digest) {
      throw Error(ErrorKind::integrity, fmt::format("{}: expected {}, found {}", what, descriptor.digest.text(), found.text()));
    }
    return text;
  }

  static void check_schema(const JsonView& view) {
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

  void read_index(const JsonView& view, unsigned depth, const Descriptor* top) {
    if (depth > limits_.index_depth) throw Error(ErrorKind::limit, fmt::format("indexes are nested more than {} deep", limits_.index_depth));
    const auto list = view["manifests"];
    list.require_array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto descriptor = parse_descriptor(list.at(i));
      if (is_attestation(descriptor)) continue;
      read_entry(descriptor, depth, top == nullptr ? descriptor : *top);
    }
  }

  /// A document must not be readable as an index and as a manifest (CVE-2021-41190).
  static void check_kind(const JsonView& view, bool index, const std::string& stated, std::string_view where) {
    const auto type = view["mediaType"].text_or("");
    if (!type.empty() && !stated.empty() && type != stated) {
      throw Error(ErrorKind::malformed, fmt::format("{}: its media type is {}, its descriptor says {}", where, in_quotes(type), in_quotes(stated)));
    }
    const bool other_type = index ? one_of(kManifestTypes, type) : one_of(kIndexTypes, type);
    const bool confused = index ? !view["layers"].is_null() || !view["config"].is_null() : !view["manifests"].is_null();
    if (confused || other_type || !view["fsLayers"].is_null()) {
      throw Error(ErrorKind::malformed, fmt::format("{} has members of an index and of a manifest", where));
    }
  }

  /// What is sound but cannot be converted (an artifact, an image of another system) must not hide what can.
  void read_entry(const Descriptor& descriptor, unsigned depth, const Descriptor& top) {
    const auto before = out_.size();
    try {
      read_sound_entry(descriptor, depth, top);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unsupported) throw;
      out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(before), out_.end());
      add_unusable(descriptor, top, error);
    }
  }

  void read_sound_entry(const Descriptor& descriptor, unsigned depth, const Descriptor& top) {
    if (++entries_ > limits_.archive_members) throw_over_limit(fmt::format("more than {} manifests", limits_.archive_members), &Limits::archive_members);
    const auto where = fmt::format("manifest {}", descriptor.digest.text());
    const auto text = read_blob(descriptor, Blob::manifest, where);
    if (!text) {
      add_unusable(descriptor, top, absent(descriptor, Blob::manifest));
      return;
    }
    read_document(*text, where, descriptor, depth, top);
  }

  void read_document(std::string_view text, std::string_view where, const Descriptor& descriptor, unsigned depth, const Descriptor& top) {
    const Json document = parse_json(text, where, limits_);
    const JsonView view(document, std::string(where) + ": ");
    check_schema(view);
    const bool index = one_of(kIndexTypes, descriptor.media_type) || (!one_of(kManifestTypes, descriptor.media_type) && !view["manifests"].is_null());
    if (!index && !descriptor.media_type.empty() && !one_of(kManifestTypes, descriptor.media_type)) {
      throw Error(ErrorKind::unsupported, fmt::format("{}: {} is no type of an image", where, in_quotes(descriptor.media_type)));
    }
    check_kind(view, index, descriptor.media_type, where);
    if (index) {
      read_index(view, depth + 1, &top);
    } else {
      read_manifest(view, descriptor, top);
    }
  }

  Candidate& add(const Descriptor& descriptor, const Descriptor& top) {
    Candidate& candidate = out_.emplace_back();
    candidate.top_digest = top.digest;
    candidate.parts.tags = tags_of(descriptor);
    if (candidate.parts.tags.empty()) candidate.parts.tags = tags_of(top);
    candidate.parts.manifest_digest = descriptor.digest;
    candidate.summary.index = static_cast<unsigned>(out_.size() - 1);
    candidate.summary.tags = candidate.parts.tags;
    candidate.summary.manifest_digest = descriptor.digest;
    candidate.summary.platform = descriptor.platform;
    candidate.platform_stated = descriptor.platform && !descriptor.platform->empty();
    return candidate;
  }

  Error absent(const Descriptor& descriptor, Blob kind) const {
    return {ErrorKind::malformed, fmt::format("{} is not there", blob_name(descriptor.digest, kind))};
  }

  void add_unusable(const Descriptor& descriptor, const Descriptor& top, Error problem) {
    Candidate& candidate = add(descriptor, top);
    candidate.summary.complete = false;
    candidate.problem = std::move(problem);
  }

  void read_manifest(const JsonView& view, const Descriptor& descriptor, const Descriptor& top) {
    if (view["config"].is_null()) throw Error(ErrorKind::malformed, fmt::format("{}no config", view.place()));
    const auto config = parse_descriptor(view["config"]);
    if (!config.media_type.empty() && !one_of(kConfigTypes, config.media_type)) {
      throw Error(ErrorKind::unsupported, fmt::format("{}an artifact of type {}, not an image", view.place(), in_quotes(config.media_type)));
    }
    const auto text = read_blob(config, Blob::other, "config");
    if (!text) {
      add_unusable(descriptor, top, absent(config, Blob::other));
      return;
    }
    Candidate& candidate = add(descriptor, top);
    auto& parts = candidate.parts;
    auto& summary = candidate.summary;
    parts.config_digest = config.digest;
    parts.config = in_context([&] { return config.digest.text(); }, [&] { return ImageConfig::parse(*text, limits_, warnings_); });
    read_layers(view["layers"], candidate);
    summary.config_digest = parts.config_digest;
    if (!summary.platform || summary.platform->empty()) summary.platform = parts.config.platform;
    summary.created = parts.config.created;
    summary.layers = parts.layers.size();
  }

  void read_layers(const JsonView& list, Candidate& candidate) {
    auto& parts = candidate.parts;
    list.require_array();
    if (list.size() != parts.config.diff_ids.size()) {
      throw Error(ErrorKind::malformed, fmt::format("{}: {} layers, the configuration has {} diff_ids", list.place(), list.size(), parts.config.diff_ids.size()));
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto descriptor = parse_descriptor(list.at(i));
      if (descriptor.media_type.ends_with("+encrypted")) {
        throw Error(ErrorKind::unsupported, fmt::format("{}: the layer is encrypted", list.at(i).place()));
      }
      if (!one_of(kLayerTypes, descriptor.media_type)) {
        throw Error(ErrorKind::unsupported, fmt::format("{}: {} is no layer of an image", list.at(i).place(), in_quotes(descriptor.media_type)));
      }
      std::string name = blob_name(descriptor.digest, Blob::other);
      const auto size = files_.find(name);
      if (!size && candidate.summary.complete) {
        candidate.summary.complete = false;
        candidate.problem = Error(ErrorKind::malformed, fmt::format("layer {} of {}: {} is not there", i + 1, list.size(), name));
      }
      if (size && *size != descriptor.size) {
        throw Error(ErrorKind::integrity, fmt::format("layer {} of {}: expected {} bytes, found {}", i + 1, list.size(), descriptor.size, *size));
      }
      candidate.summary.stored_bytes += descriptor.size;
      parts.layers.push_back({descriptor.media_type, descriptor.digest, descriptor.size, parts.config.diff_ids[i]});
      parts.layer_names.push_back(std::move(name));
    }
  }

  FileSet& files_;
  bool flat_;  ///< files are named by their digest's hex digits alone
  const Limits& limits_;
  WarningList& warnings_;
  std::vector<Candidate> out_;
  std::uint64_t entries_ = 0;
};

void check_layout_file(FileSet& files, const Limits& limits) {
  if (!files.find(kLayoutFile)) throw Error(ErrorKind::malformed, "no oci-layout file: this is no OCI layout");
  const auto text = files.read_document(kLayoutFile, limits, kLayoutFile);
  const Json document = parse_json(text, kLayoutFile, limits);
  const JsonView view(document, std::string(kLayoutFile) + ": ");
  const auto version = view.require_object()["imageLayoutVersion"].text();
  if (!version.starts_with("1.")) {
    throw Error(ErrorKind::unsupported, fmt::format("oci-layout: expected version 1.0.0, found {}", in_quotes(version)));
  }
}

}  // namespace

std::vector<Candidate> read_oci_layout(FileSet& files, bool strict_layout, const Limits& limits, WarningList& warnings) {
  return in_context([&] { return in_quotes(files.name()); }, [&] {
    if (strict_layout) check_layout_file(files, limits);
    return LayoutReader(files, false, limits, warnings).read();
  });
}

std::vector<Candidate> read_flat_folder(FileSet& files, const Limits& limits, WarningList& warnings) {
  return in_context([&] { return in_quotes(files.name()); }, [&] { return LayoutReader(files, true, limits, warnings).read_alone("manifest.json"); });
}

}  // namespace sifkit::oci

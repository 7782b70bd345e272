// SPDX-License-Identifier: Apache-2.0
#include "docker_archive.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit::oci {

namespace {

constexpr std::size_t kSha256Hex = 64;

/// The digest that a member's name states: "blobs/sha256/HEX", "HEX.json", "sha256:HEX".
std::optional<Digest> digest_in_name(std::string_view name) {
  static constexpr std::string_view kPrefix = "sha256:";
  const auto slash = name.rfind('/');
  auto last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (last.ends_with(".json")) last.remove_suffix(5);
  const bool prefixed = last.starts_with(kPrefix);
  if (prefixed) last.remove_prefix(kPrefix.size());
  const bool hex = last.size() == kSha256Hex && last.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  const bool content_named = prefixed || name.starts_with("blobs/sha256/") || name.ends_with(".json");
  if (!hex || !content_named) return std::nullopt;
  return Digest(DigestAlgorithm::sha256, std::string(last));
}

std::string member_name(const JsonView& value) {
  const auto text = value.text();
  const auto clean = clean_name(text);
  if (!clean) throw Error(ErrorKind::malformed, fmt::format("{}: {} names no member of the archive", value.place(), in_quotes(text)));
  return *clean;
}

void read_layers(FileSet& files, const JsonView& list, Candidate& candidate) {
  auto& parts = candidate.parts;
  const auto& diff_ids = parts.config.diff_ids;
  if (list.is_null() && diff_ids.empty()) return;  // Docker writes null where there are none
  list.require_array();
  if (list.size() != diff_ids.size()) {
    throw Error(ErrorKind::malformed, fmt::format("{}: {} layers, the configuration has {} diff_ids", list.place(), list.size(), diff_ids.size()));
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    Layer layer;
    std::string name = member_name(list.at(i));
    layer.diff_id = diff_ids[i];
    layer.digest = digest_in_name(name);
    layer.size = files.find(name);
    if (!layer.size && candidate.summary.complete) {
      candidate.summary.complete = false;
      candidate.problem = Error(ErrorKind::malformed, fmt::format("layer {} of {}: member {} is not in the archive", i + 1, list.size(), in_quotes(name)));
    }
    parts.layers.push_back(std::move(layer));
    parts.layer_names.push_back(std::move(name));
  }
}

Candidate read_entry(FileSet& files, const JsonView& entry, const Limits& limits, WarningList& warnings) {
  entry.require_object().refuse_case_variants({"Config", "RepoTags", "Layers"});
  Candidate candidate;
  auto& parts = candidate.parts;
  const auto config_name = member_name(entry["Config"]);
  if (!files.find(config_name)) {
    throw Error(ErrorKind::malformed, fmt::format("{}: configuration {} is not in the archive", entry["Config"].place(), in_quotes(config_name)));
  }
  const auto config = files.read_document(config_name, limits, config_name);
  parts.config_digest = digest_of(as_bytes(config));
  if (const auto stated = digest_in_name(config_name); stated && *stated != *parts.config_digest) {
    throw Error(ErrorKind::integrity, fmt::format("{}: expected {}, found {}", config_name, stated->text(), parts.config_digest->text()));
  }
  parts.config = in_context([&] { return config_name; }, [&] { return ImageConfig::parse(config, limits, warnings); });
  parts.tags = entry["RepoTags"].text_list();
  read_layers(files, entry["Layers"], candidate);
  return candidate;
}

}  // namespace

std::vector<Candidate> read_docker_archive(FileSet& files, const Limits& limits, WarningList& warnings) {
  return in_context([&] { return in_quotes(files.name()); }, [&] {
    const auto text = files.read_document(kDockerManifest, limits, kDockerManifest);
    const Json document = parse_json(text, kDockerManifest, limits);
    const JsonView list(document, std::string(kDockerManifest) + ": ");
    list.require_array();
    if (list.size() == 0) throw Error(ErrorKind::malformed, "manifest.json lists no image");
    std::vector<Candidate> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
      out.push_back(read_entry(files, list.at(i), limits, warnings));
      auto& candidate = out.back();
      auto& summary = candidate.summary;
      summary.index = static_cast<unsigned>(i);
      summary.tags = candidate.parts.tags;
      summary.config_digest = candidate.parts.config_digest;
      if (!candidate.parts.config.platform.empty()) summary.platform = candidate.parts.config.platform;
      summary.created = candidate.parts.config.created;
      summary.layers = candidate.parts.layers.size();
      for (const auto& layer : candidate.parts.layers) summary.stored_bytes += layer.size.value_or(0);
    }
    return out;
  });
}

}  // namespace sifkit::oci

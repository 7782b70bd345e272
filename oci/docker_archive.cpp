// SPDX-License-Identifier: Apache-2.0
#include "docker_archive.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
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

/// One entry of manifest.json. What is read before a fault stays in the summary.
class EntryReader {
 public:
  EntryReader(FileSet& files, const Limits& limits, WarningList& warnings)
      : files_(files), limits_(limits), warnings_(warnings) {}

  StoredParts read(const JsonView& entry, Candidate& candidate) {
    auto& summary = candidate.summary;
    summary.tags = texts_of(entry["RepoTags"]);
    entry.require_object().refuse_case_variants({"Config", "RepoTags", "Layers"});
    StoredParts parts;
    const auto name = member_name(entry["Config"]);
    const auto stated = digest_in_name(name);
    summary.config_digest = stated;
    if (!files_.find(name)) {
      throw Error(ErrorKind::malformed,
                  fmt::format("{}: configuration {} is not in the archive", entry["Config"].place(), in_quotes(name)));
    }
    const auto config = files_.read_document(name, limits_, name);
    parts.config_digest = digest_of(as_bytes(config));
    if (stated && *stated != *parts.config_digest) {
      throw Error(ErrorKind::integrity,
                  fmt::format("{}: expected {}, found {}", name, stated->text(), parts.config_digest->text()));
    }
    summary.config_digest = parts.config_digest;
    parts.config = in_context([&] { return name; }, [&] { return read_config(config, summary, limits_, warnings_); });
    entry["RepoTags"].text_list();
    read_layers(entry["Layers"], parts, candidate);
    return parts;
  }

 private:
  void read_layers(const JsonView& list, StoredParts& parts, Candidate& candidate) {
    const auto& diff_ids = parts.config.diff_ids;
    if (list.is_null() && diff_ids.empty()) return;  // Docker writes null where there are none
    expect_layers(list, parts.config, candidate.summary);
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::string name = member_name(list.at(i));
      const auto size = files_.find(name);
      if (!size && !candidate.problem) {
        candidate.set_problem(Error(ErrorKind::malformed, fmt::format("layer {} of {}: member {} is not in the archive",
                                                                      i + 1, list.size(), in_quotes(name))),
                              true);
      }
      candidate.summary.compressed_bytes += size.value_or(0);
      parts.layers.push_back({"", digest_in_name(name), size, diff_ids[i]});
      parts.layer_names.push_back(std::move(name));
    }
  }

  FileSet& files_;
  const Limits& limits_;
  WarningList& warnings_;
};

}  // namespace

std::vector<Candidate> read_docker_archive(FileSet& files, const Limits& limits, WarningList& warnings) {
  return in_file(files.name(), [&] {
    const auto text = files.read_document(kDockerManifest, limits, kDockerManifest);
    const auto document = std::make_shared<const Json>(parse_json(text, kDockerManifest, limits));
    const std::string place = std::string(kDockerManifest) + ": ";
    const JsonView list(*document, place);
    list.require_array();
    if (list.size() == 0) throw Error(ErrorKind::malformed, "manifest.json lists no image");
    std::vector<Candidate> out(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto& candidate = out[i];
      candidate.summary.index = static_cast<unsigned>(i);
      try {
        EntryReader(files, limits, warnings).read(list.at(i), candidate);
      } catch (const Error& error) {
        candidate.set_problem(error);
      }
      candidate.load = [&files, &limits, document, place, i](Candidate& into, WarningList& said) {
        files.forget_documents();
        return in_context(
            [&] { return in_quotes(files.name()); },
            [&] { return EntryReader(files, limits, said).read(JsonView(*document, place).at(i), into); });
      };
    }
    return out;
  });
}

}  // namespace sifkit::oci

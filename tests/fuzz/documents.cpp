// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <sifkit/core/stream.h>

#include "docker_archive.h"
#include "fuzz.h"
#include "oci_layout.h"

using namespace sifkit;

namespace {

/// Documents separated by bytes of value 1. "%N" in one is the digest of the N-th before it, so that an input can get
/// past the checks of digests. Each is a blob under its digest; the last is the index and the manifest list.
class Documents : public oci::FileSet {
 public:
  explicit Documents(std::string_view input) {
    std::vector<std::string> digests;
    for (std::string rest(input); digests.size() < 10;) {
      const auto end = rest.find('\1');
      std::string text = rest.substr(0, end);
      for (std::size_t at = 0; (at = text.find('%', at)) != std::string::npos && text.size() < 65536; ++at) {
        const auto number = at + 1 < text.size() ? static_cast<std::size_t>(text[at + 1] - '0') : digests.size();
        if (number < digests.size()) text.replace(at, 2, digests[number]);
      }
      digests.push_back(digest_of(as_bytes(text)).text());
      files_["blobs/sha256/" + digests.back().substr(7)] = text;
      files_["index.json"] = files_["manifest.json"] = text;
      if (end == std::string::npos) break;
      rest.erase(0, end + 1);
    }
    files_["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  }
  const std::string& name() const override { return name_; }
  const oci::ContentsSurvey& survey() override { return survey_; }
  std::optional<std::uint64_t> find(std::string_view name) override {
    const auto at = files_.find(std::string(name));
    return at == files_.end() ? std::nullopt : std::optional<std::uint64_t>(at->second.size());
  }
  std::unique_ptr<Source> open(std::string_view name) override { return std::make_unique<MemorySource>(as_bytes(files_.at(std::string(name)))); }

 private:
  oci::ContentsSurvey survey_;
  std::string name_ = "input";
  std::map<std::string, std::string> files_;
};

}  // namespace

/// The JSON documents of archives and layouts: manifest list, index, manifest, configuration.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Documents files(fuzz::text_of(data, size));
  const Limits limits = fuzz::small_limits();
  WarningList warnings;
  const auto check = [&](const std::vector<oci::Candidate>& candidates) {
    for (const auto& candidate : candidates) {
      fuzz::require(candidate.problem.has_value() == (candidate.summary.state != oci::ImageState::complete),
                    "what cannot be opened has a reason");
      if (candidate.problem) continue;
      oci::Candidate again;
      const auto parts = candidate.load(again, warnings);
      fuzz::require(parts.layers.size() == parts.config.diff_ids.size(), "every layer has its diff_id");
      fuzz::require(parts.layers.size() == parts.layer_names.size(), "every layer has its name");
    }
  };
  fuzz::accepted([&] { check(oci::read_oci_layout(files, true, limits, warnings)); });
  fuzz::accepted([&] { check(oci::read_docker_archive(files, limits, warnings)); });
  return 0;
}

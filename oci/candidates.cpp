// SPDX-License-Identifier: Apache-2.0
#include "candidates.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "docker_archive.h"
#include "oci_layout.h"

namespace sifkit::oci {

namespace {

bool of_platform(const std::vector<Candidate>& candidates, const Platform& wanted) {
  return std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return candidate.summary.platform && matches(*candidate.summary.platform, wanted);
  });
}

/// Docker 25.0.0 wrote manifests without layers; what stands beside them in manifest.json is sound. `replaced` is taken
/// in place of what `why` says.
void say_half_broken(Candidate& replaced, const Error& why) {
  replaced.load = [load = std::move(replaced.load),
                   text = fmt::format("{}; manifest.json is taken instead", why.what())](Candidate& into,
                                                                                         WarningList& warnings) {
    warnings.add("oci-half-broken", text);
    return load(into, warnings);
  };
}

bool same_image(const Candidate& a, const Candidate& b) {
  if (a.summary.config_digest && b.summary.config_digest) return *a.summary.config_digest == *b.summary.config_digest;
  return !a.summary.tags.empty() && a.summary.tags == b.summary.tags;
}

/// Takes from manifest.json what is broken in the layout and sound there.
void mend(std::vector<Candidate>& layout, FileSet& files, const Limits& limits, WarningList& warnings) {
  const auto is_broken = [](const Candidate& candidate) {
    return candidate.problem && candidate.problem->kind() == ErrorKind::malformed;
  };
  if (std::none_of(layout.begin(), layout.end(), is_broken)) return;
  auto docker = read_docker_archive(files, limits, warnings);
  for (auto& candidate : layout) {
    if (!is_broken(candidate)) continue;
    const auto other = std::find_if(docker.begin(), docker.end(),
                                    [&](const Candidate& c) { return !c.problem && same_image(c, candidate); });
    if (other == docker.end()) continue;
    const Error why = *candidate.problem;
    const auto index = candidate.summary.index;
    candidate = *other;
    candidate.summary.index = index;
    say_half_broken(candidate, why);
  }
}

}  // namespace

std::vector<Candidate> read_candidates(FileSet& files, Transport transport, const SourceOptions& options, WarningList& warnings) {
  const bool docker = files.find(kDockerManifest).has_value();
  const bool oci = files.find(kIndexFile).has_value();
  if (!docker && !oci) {
    throw Error(ErrorKind::malformed, fmt::format("{} holds neither manifest.json nor index.json", in_quotes(files.name())));
  }
  if (files.survey().verdict().kind == ContentsKind::skopeo_dir) return read_skopeo_dir(files, options.limits, warnings);
  const bool layout_only = transport == Transport::oci_archive || transport == Transport::oci_layout;
  if ((layout_only && oci) || !docker) {
    try {
      auto candidates = read_oci_layout(files, !is_service(transport), options.limits, warnings);
      if (docker) mend(candidates, files, options.limits, warnings);
      return candidates;
    } catch (const Error& error) {
      if (!docker || error.kind() != ErrorKind::malformed) throw;
      auto candidates = read_docker_archive(files, options.limits, warnings);
      for (auto& candidate : candidates) say_half_broken(candidate, error);
      return candidates;
    }
  }
  auto candidates = read_docker_archive(files, options.limits, warnings);
  // manifest.json knows one platform an image; the index beside it may hold the one that is asked for.
  if (!oci || !options.platform || of_platform(candidates, *options.platform)) return candidates;
  try {
    auto more = read_oci_layout(files, false, options.limits, warnings);
    if (of_platform(more, *options.platform)) return more;
  } catch (const Error& error) {
    // The images of manifest.json are those to list, then.
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::integrity) throw;
  }
  return candidates;
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "candidates.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "docker_archive.h"
#include "oci_layout.h"

namespace sifkit::oci {

std::vector<Candidate> read_candidates(FileSet& files, Transport transport, const SourceOptions& options, WarningList& warnings) {
  const bool docker = files.find(kDockerManifest).has_value();
  const bool oci = files.find(kIndexFile).has_value();
  if (!docker && !oci) {
    const bool service = transport == Transport::docker_daemon || transport == Transport::podman;
    throw Error(ErrorKind::malformed, fmt::format("{} holds neither manifest.json nor index.json", in_quotes(files.name())),
                service ? "" : "is it a root file system? then say tar:; else save the image again");
  }
  if (transport == Transport::oci_layout && !oci && files.find(kFlatFolderFile)) return read_flat_folder(files, options.limits, warnings);
  const bool layout_only = transport == Transport::oci_archive || transport == Transport::oci_layout;
  if ((layout_only && oci) || !docker) {
    try {
      return read_oci_layout(files, layout_only, options.limits, warnings);
    } catch (const Error& error) {
      // Docker 25.0.0 wrote manifests without layers; what stands beside them is sound.
      if (!docker || error.kind() != ErrorKind::malformed) throw;
      warnings.add("oci-half-broken", fmt::format("{}; manifest.json is taken instead", error.what()));
    }
  }
  auto candidates = read_docker_archive(files, options.limits, warnings);
  // manifest.json knows one platform an image; the index beside it may hold the one that is asked for.
  const bool there = !options.platform || std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
    return candidate.summary.platform && matches(*candidate.summary.platform, *options.platform);
  });
  if (there || !oci) return candidates;
  try {
    auto more = read_oci_layout(files, false, options.limits, warnings);
    if (!more.empty()) return more;
  } catch (const Error& error) {
    // As above; the images of manifest.json are those to list, then.
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::integrity) throw;
  }
  return candidates;
}

}  // namespace sifkit::oci

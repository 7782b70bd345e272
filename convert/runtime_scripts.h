// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/container_tree.h>
#include <sifkit/core/operation.h>

namespace sifkit {

/// A script that every container has, the same for each image.
struct FixedScript {
  std::string_view path;  ///< below the root, without a leading slash
  std::string text;
};

/// The action and environment scripts below /.singularity.d that do not depend on the image. All have mode 0755.
const std::vector<FixedScript>& fixed_scripts();

/// /.singularity.d/env/10-docker2singularity.sh: the image's variables, which give way to what the caller has set,
/// except PATH. Entries whose name no shell accepts are left out with a warning.
std::string environment_script(const std::vector<std::string>& env, WarningList& warnings);

/// /.singularity.d/runscript: what `run` starts. The runtime looks for its line `eval "set ${SINGULARITY_OCI_RUN}"`
/// and then needs no shell in the image.
std::string run_script(const std::vector<std::string>& entrypoint, const std::vector<std::string>& cmd);

inline constexpr std::string_view kEnvironmentScriptPath = ".singularity.d/env/10-docker2singularity.sh";
inline constexpr std::string_view kCustomEnvironmentPath = ".singularity.d/env/90-environment.sh";
inline constexpr std::string_view kRunScriptPath = ".singularity.d/runscript";
inline constexpr std::string_view kStartScriptPath = ".singularity.d/startscript";
inline constexpr std::string_view kLabelsPath = ".singularity.d/labels.json";
inline constexpr std::string_view kDefinitionPath = ".singularity.d/Singularity";

}  // namespace sifkit

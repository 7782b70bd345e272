// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <sifkit/core/export.h>

namespace sifkit {

/// What the control groups of a process leave it, of both versions: the least of its own group and those above it.
struct CgroupLimits {
  std::optional<std::uint64_t> threads;  ///< that can run at once, rounded up
  std::optional<std::uint64_t> memory;   ///< bytes
};

/// `groups` is the list of a process's groups (cgroups(7)), `root` where their hierarchies are mounted. What cannot be read
/// is no limit.
SIFKIT_API CgroupLimits cgroup_limits(const std::filesystem::path& groups = "/proc/self/cgroup", const std::filesystem::path& root = "/sys/fs/cgroup");

}  // namespace sifkit

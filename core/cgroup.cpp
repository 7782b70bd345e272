// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include <sifkit/core/text.h>

namespace sifkit {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void lower(std::optional<std::uint64_t>& limit, std::optional<std::uint64_t> other) {
  if (other) limit = limit ? std::min(*limit, *other) : other;
}

/// Threads that a share of processor time is worth.
std::optional<std::uint64_t> threads_of(std::string_view quota, std::string_view period) {
  const auto time = whole_number<std::uint64_t>(quota);  // "max" or "-1" where there is no quota
  const auto each = whole_number<std::uint64_t>(period);
  if (!time || !each || *each == 0) return std::nullopt;
  return *time / *each + (*time % *each != 0 ? 1 : 0);
}

/// Calls `see` with the directory of a group and of each one above it. In a container the outer ones are not to be seen.
template <class See>
void for_each_directory(const fs::path& mount, std::string_view group, See see) {
  while (!group.empty() && group != "/") {
    see(fs::path(mount.native() + std::string(group)));
    group = group.substr(0, group.rfind('/'));
  }
  see(mount);
}

}  // namespace

CgroupLimits cgroup_limits(const fs::path& groups, const fs::path& root) {
  CgroupLimits limits;
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {
    // "ID:CONTROLLER,...:PATH"; version 2 names no controllers.
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string_view group = std::string_view(line).substr(second + 1);
    if (controllers == ",,") {
      for_each_directory(root, group, [&](const fs::path& directory) {
        const std::string share = first_line(directory / "cpu.max");
        if (const auto space = share.find(' '); space != std::string::npos) lower(limits.threads, threads_of(share.substr(0, space), share.substr(space + 1)));
        lower(limits.memory, whole_number<std::uint64_t>(first_line(directory / "memory.max")));
      });
    }
    if (controllers.find(",cpu,") != std::string::npos) {
      for_each_directory(root / "cpu", group, [&](const fs::path& directory) {
        lower(limits.threads, threads_of(first_line(directory / "cpu.cfs_quota_us"), first_line(directory / "cpu.cfs_period_us")));
      });
    }
    if (controllers.find(",memory,") != std::string::npos) {
      for_each_directory(root / "memory", group, [&](const fs::path& directory) { lower(limits.memory, whole_number<std::uint64_t>(first_line(directory / "memory.limit_in_bytes"))); });
    }
  }
  return limits;
}

}  // namespace sifkit

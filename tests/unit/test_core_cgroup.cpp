// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <map>
#include <string>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

CgroupLimits limits_of(const std::string& groups, const std::map<std::string, std::string>& files) {
  const TempDir directory;
  write_file(directory / "groups", groups);
  for (const auto& [name, text] : files) {
    const auto path = directory / "root" / name;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, text + "\n");
  }
  return cgroup_limits(directory / "groups", directory / "root");
}

}  // namespace

TEST_CASE("the least of a control group and those above it counts, in both versions", "[resources]") {
  const auto second = limits_of("0::/job/step\n", {{"job/step/cpu.max", "max 100000"}, {"job/cpu.max", "250000 100000"}, {"job/step/memory.max", "max"},
                                                   {"job/memory.max", "1000000"}, {"memory.max", "2000000"}});
  CHECK(second.threads == 3);
  CHECK(second.memory == 1000000);

  const auto first = limits_of("5:memory:/job/step\n4:cpu,cpuacct:/job/step\n0::/\n",
                               {{"memory/job/step/memory.limit_in_bytes", "3000000"}, {"memory/job/memory.limit_in_bytes", "4000000"},
                                {"memory/memory.limit_in_bytes", "9223372036854771712"}, {"cpu/job/step/cpu.cfs_quota_us", "-1"},
                                {"cpu/job/step/cpu.cfs_period_us", "100000"}, {"cpu/job/cpu.cfs_quota_us", "400000"}, {"cpu/job/cpu.cfs_period_us", "100000"}});
  CHECK(first.threads == 4);
  CHECK(first.memory == 3000000);
}

TEST_CASE("inside a container the group's path is of the host, and the mount is the group", "[resources]") {
  const auto limits = limits_of("5:memory:/docker/0123\n0::/docker/0123\n", {{"memory/memory.limit_in_bytes", "5000000"}, {"cpu.max", "100000 100000"}});
  CHECK(limits.memory == 5000000);
  CHECK(limits.threads == 1);
}

TEST_CASE("what is no limit and what cannot be read limits nothing", "[resources]") {
  const auto [groups, files] = GENERATE(table<std::string, std::map<std::string, std::string>>({
      {"", {}},
      {"0::/\n", {{"cpu.max", "max 100000"}, {"memory.max", "max"}}},
      {"0::/job\n", {}},
      {"0::\n", {{"cpu.max", "100000"}, {"memory.max", ""}}},
      {"no group\n1:2\n::\n", {{"cpu.max", "100000 0"}, {"memory.max", "-1"}}},
      {"1:cpuset,cpuacct:/\n", {{"cpu/cpu.cfs_quota_us", "100000"}, {"cpu/cpu.cfs_period_us", "100000"}}},
  }));
  CAPTURE(groups);
  const auto limits = limits_of(groups, files);
  CHECK_FALSE(limits.threads);
  CHECK_FALSE(limits.memory);
}

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/resources.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/linux_names.h>
#include <sifkit/core/text.h>

#include "cgroup.h"

namespace sifkit {

namespace {

constexpr std::string_view kGetRandom = "get random numbers from the system";

void read_random_device(std::span<std::byte> into) {
  static constexpr const char* kDevice = "/dev/urandom";
  in_context([] { return std::string(kGetRandom); },
             [&] {
               const UniqueFd fd(::open(kDevice, O_RDONLY | O_CLOEXEC));
               struct stat status {};
               if (!fd || ::fstat(fd.get(), &status) != 0) throw_errno(fmt::format("open {}", kDevice));
               // A file that somebody put there is not random.
               if (!S_ISCHR(status.st_mode)) throw Error(ErrorKind::io, fmt::format("{} is no device", kDevice));
               while (!into.empty()) {
                 const auto got = ::read(fd.get(), into.data(), into.size());
                 if (got < 0 && errno == EINTR) continue;
                 if (got <= 0) throw_errno(fmt::format("read {}", kDevice), got < 0 ? errno : EIO);
                 into = into.subspan(static_cast<std::size_t>(got));
               }
             });
}

}  // namespace

unsigned available_threads() {
  std::uint64_t threads = std::numeric_limits<unsigned>::max();
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    threads = static_cast<std::uint64_t>(CPU_COUNT(&set));
  } else if (const long online = ::sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    threads = static_cast<std::uint64_t>(online);
  }
  if (const auto limit = cgroup_limits().threads) threads = std::min(threads, *limit);
  if (const char* slurm = std::getenv("SLURM_CPUS_PER_TASK")) {
    if (const auto value = whole_number<std::uint64_t>(slurm); value && *value > 0) threads = std::min(threads, *value);
  }
  return static_cast<unsigned>(std::clamp<std::uint64_t>(threads, 1, 1024));
}

std::uint64_t available_memory() {
  std::uint64_t memory = std::numeric_limits<std::uint64_t>::max();
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  if (const auto limit = cgroup_limits().memory) memory = std::min(memory, *limit);
  return memory;
}

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::optional<std::string> environment(std::string_view name) {
  for (const char* prefix : {"SIFKIT_", "APPTAINER_", "SINGULARITY_"}) {
    if (const char* value = std::getenv((prefix + std::string(name)).c_str())) return value;
  }
  return std::nullopt;
}

std::string first_environment_variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto value = environment_variable(name); !value.empty()) return value;
  }
  return {};
}

std::filesystem::path home_directory() {
  if (auto home = environment_variable("HOME"); !home.empty()) return home;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_dir;
  return "/";
}

void fill_random(std::span<std::byte> into) {
  while (!into.empty()) {
    const auto got = ::getrandom(into.data(), into.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      // A kernel before 3.17, or a filter that knows it not.
      if (errno == ENOSYS || errno == EPERM) return read_random_device(into);
      throw_errno(kGetRandom);
    }
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace sifkit

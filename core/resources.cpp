// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/resources.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <pwd.h>
#include <sched.h>
#include <sys/random.h>
#include <unistd.h>

#include <sifkit/core/error.h>

namespace sifkit {

namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The folder of this process's cgroup (version 2), or nothing.
std::string cgroup_folder() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return "/sys/fs/cgroup" + line.substr(3);
  }
  return {};
}

/// Calls `see` with the first line of `name` in the process's cgroup and in each one above it.
template <class See>
void for_each_cgroup(std::string_view name, See see) {
  static constexpr std::string_view kRoot = "/sys/fs/cgroup";
  for (std::string folder = cgroup_folder(); folder.size() >= kRoot.size();) {
    see(first_line(folder + "/" + std::string(name)));
    const auto slash = folder.rfind('/');
    if (slash == std::string::npos || slash < kRoot.size()) break;
    folder.resize(slash);
  }
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
  for_each_cgroup("cpu.max", [&](const std::string& line) {
    const auto space = line.find(' ');
    if (space == std::string::npos) return;
    const auto quota = parse_number(std::string_view(line).substr(0, space));
    const auto period = parse_number(std::string_view(line).substr(space + 1));
    if (quota && period && *period > 0) threads = std::min(threads, (*quota + *period - 1) / *period);
  });
  if (const char* slurm = std::getenv("SLURM_CPUS_PER_TASK")) {
    if (const auto value = parse_number(slurm); value && *value > 0) threads = std::min(threads, *value);
  }
  return static_cast<unsigned>(std::clamp<std::uint64_t>(threads, 1, 1024));
}

std::uint64_t available_memory() {
  std::uint64_t memory = std::numeric_limits<std::uint64_t>::max();
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) memory = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  for_each_cgroup("memory.max", [&](const std::string& line) {
    if (const auto value = parse_number(line)) memory = std::min(memory, *value);
  });
  return memory;
}

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::filesystem::path home_folder() {
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
      throw_errno("get random numbers from the system");
    }
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace sifkit

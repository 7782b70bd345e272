// SPDX-License-Identifier: Apache-2.0
#include "accelerators.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::string_view kOpenMpi = "Open MPI";
constexpr std::string_view kMpich = "MPICH";
constexpr std::string_view kMpichKin = "MPICH or its kin";
constexpr std::string_view kIntelMpi = "Intel MPI";
constexpr std::string_view kMvapich = "MVAPICH";
constexpr std::string_view kCrayMpich = "Cray MPICH";
constexpr std::string_view kStandardAbi = "MPI of the standard ABI";
constexpr std::string_view kSomeMpi = "MPI";
constexpr std::uint64_t kLargestStub = 64u << 10;  ///< of libcuda.so, which has no code
constexpr std::string_view kCrayCompilers[] = {"libmpi_amd",   "libmpi_aocc",   "libmpi_cray", "libmpi_gnu",
                                               "libmpi_intel", "libmpi_nvidia", "libmpi_pgi"};
constexpr std::size_t kMaxMpiReleases = 64;
constexpr std::size_t kMaxShown = 8;  ///< versions in one fact
constexpr std::string_view kDigits = "0123456789";

/// The first `count` parts of a version.
std::string_view parts_of(std::string_view version, unsigned count) {
  std::size_t end = 0;
  for (; count != 0 && end != std::string_view::npos; --count) end = version.find('.', end == 0 ? 0 : end + 1);
  return version.substr(0, end);
}

/// The path up to the file's name.
std::string_view start_of(std::string_view path) { return path.substr(0, path.rfind('/') + 1); }

/// Whether some directory on the way is called so, or begins so.
bool has_directory(std::string_view path, std::string_view start) {
  for (std::size_t at = 0; at < path.size();) {
    const auto end = path.find('/', at);
    if (end == std::string_view::npos) return false;
    if (path.substr(at, end - at).starts_with(start)) return true;
    at = end + 1;
  }
  return false;
}

/// "12.2.140" of "libcudart.so.12.2.140", "11.0" of the "libcudart-d0da41ae.so.11.0" that a wheel has; "" for another
/// name.
std::string version_behind(std::string_view name, std::string_view library) {
  if (!name.starts_with(library)) return {};
  name.remove_prefix(library.size());
  if (name.starts_with('-')) {
    const auto hash = name.substr(1, name.find('.') - 1);
    if (hash.empty() || hash.find_first_not_of("0123456789abcdef") != std::string_view::npos) return {};
    name.remove_prefix(1 + hash.size());
  }
  if (!name.starts_with(".so.")) return {};
  name.remove_prefix(4);
  return name.find_first_not_of("0123456789.") == std::string_view::npos ? std::string(name) : std::string();
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

/// The oldest driver for each series.
constexpr std::pair<std::string_view, std::string_view> kDrivers[] = {
    {"11", "450.80"}, {"12", "525.60"}, {"13", "580"}};

std::string_view driver_for(std::string_view cuda) {
  const auto found = std::find_if(std::begin(kDrivers), std::end(kDrivers),
                                  [&](const auto& entry) { return entry.first == parts_of(cuda, 1); });
  return found == std::end(kDrivers) ? std::string_view() : found->second;
}

/// "6.0.2" of libamdhip64.so.6.0.60002, where the third part repeats the other two; "5.7" of libamdhip64.so.5.7.31921,
/// where it is a number of the build, as Debian has it.
std::string rocm_release(std::string version) {
  const auto release = parts_of(version, 2);
  if (release.size() == version.size()) return version;
  const auto number = whole_number<unsigned>(std::string_view(version).substr(release.size() + 1));
  if (!number || *number < 10000) return version;
  const auto major = whole_number<unsigned>(parts_of(version, 1));
  const auto minor = whole_number<unsigned>(release.substr(release.find('.') + 1));
  const bool repeats = major && minor && *number / 100 == std::uint64_t{*major} * 100 + *minor;
  return repeats ? fmt::format("{}.{}", release, *number % 100) : std::string(release);
}

/// The release series of an Open MPI by the version of its libmpi.so.
constexpr std::pair<std::string_view, std::string_view> kOpenMpiSeries[] = {
    {"12.0", "1.10"}, {"20.0", "2.0"},  {"20.10", "2.1"}, {"40.0", "3.0"},
    {"40.10", "3.1"}, {"40.20", "4.0"}, {"40.30", "4.1"}, {"40.40", "5.0"}};

/// What a header defines as a number or a text in quotes; "" where it does not.
std::string defined(std::string_view header, std::string_view name) {
  for (std::size_t at = 0; (at = header.find(name, at)) != std::string_view::npos;) {
    const auto start = header.rfind('\n', at) + 1;
    auto line = header.substr(start, header.find('\n', at) - start);
    at = start + line.size();
    if (!line.starts_with('#')) continue;
    line = trimmed(line.substr(1));
    if (!line.starts_with("define")) continue;
    line = trimmed(line.substr(6));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    if (line.find_first_of(" \t") != 0) continue;
    line = trimmed(line, " \t\r\"");
    return std::string(line.substr(0, line.find_first_not_of("0123456789.")));
  }
  return {};
}

/// "4.1.4" of the line `Version: 4.1.4`.
std::string pkg_config_version(std::string_view text) {
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with("Version:")) continue;
    const auto version = trimmed(std::string_view(line).substr(8), " \t\r");
    return std::string(version.substr(0, version.find_first_not_of("0123456789.")));
  }
  return {};
}

}  // namespace

void Releases::add(std::string version, const std::string& path, bool stated) {
  if (version.empty() || kDigits.find(version[0]) == std::string_view::npos) return;
  auto& known = by_release_[std::string(parts_of(version, 2))];
  const auto better = [&](const Release& other) {
    if (stated != other.stated) return stated;
    return std::count(version.begin(), version.end(), '.') >
           std::count(other.version.begin(), other.version.end(), '.');
  };
  if (known.version.empty() || better(known)) known = {std::move(version), path, stated};
}

std::vector<Releases::Release> Releases::newest_first() const {
  std::vector<Release> out;
  for (const auto& [name, release] : by_release_) {
    // A series alone says less than any release of it.
    const bool series = name.find('.') == std::string::npos;
    const auto of_it = series ? by_release_.lower_bound(name + ".") : by_release_.end();
    if (of_it != by_release_.end() && of_it->first.starts_with(name + ".")) continue;
    out.push_back(release);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return is_older(b.version, a.version); });
  return out;
}

bool Accelerators::is_version(std::string_view path) {
  const auto name = name_of(path);
  return (path.starts_with("usr/local/cuda") && (name == "version.json" || name == "version.txt")) ||
         (path.starts_with("opt/rocm") && path.ends_with("/.info/version")) || name == "mpi.h" || name == "ompi.pc" ||
         name == "mpich.pc";
}

void Accelerators::read_mpi_version(const std::string& path, std::string_view text) {
  const auto name = name_of(path);
  const auto note = [&](std::string_view kind, std::string version) {
    if (version.empty()) return false;
    if (mpi_releases_.size() < kMaxMpiReleases) mpi_releases_.push_back({path, kind, std::move(version)});
    return true;
  };
  if (name == "ompi.pc") {
    note(kOpenMpi, pkg_config_version(text));
  } else if (name == "mpich.pc") {
    note(kMpich, pkg_config_version(text));
  } else if (const auto major = defined(text, "OMPI_MAJOR_VERSION"); !major.empty()) {
    note(kOpenMpi, fmt::format("{}.{}.{}", major, defined(text, "OMPI_MINOR_VERSION"),
                               defined(text, "OMPI_RELEASE_VERSION")));
  } else {
    // Those that are made of MPICH keep its number beside their own.
    for (const auto& [kind, word] : {std::pair(kIntelMpi, "I_MPI_VERSION"), std::pair(kMvapich, "MVAPICH2_VERSION"),
                                     std::pair(kMvapich, "MVAPICH_VERSION"), std::pair(kMpich, "MPICH_VERSION")}) {
      if (note(kind, defined(text, word))) break;
    }
  }
}

void Accelerators::read_version(const std::string& path, std::string_view text) {
  // A file is looked at under each of its names, of which there can be any number.
  if (text.size() > left_) return;
  left_ -= text.size();
  if (path.starts_with("opt/rocm") && path.ends_with("/.info/version"))
    return rocm_.add(std::string(trimmed(text.substr(0, text.find_first_of("-\n")), " \r")), path, true);
  if (!path.starts_with("usr/local/cuda") || !name_of(path).starts_with("version."))
    return read_mpi_version(path, text);
  auto at = text.find("\"cuda\"");
  at = at == std::string_view::npos ? at : text.find("\"version\"", at);
  auto rest = at == std::string_view::npos ? text : text.substr(at + 9);
  const auto digit = rest.find_first_of(kDigits);
  if (digit == std::string_view::npos) return;
  rest = rest.substr(digit);
  cuda_.add(std::string(rest.substr(0, rest.find_first_not_of("0123456789."))), path, true);
}

void Accelerators::look(const std::string& path, const Inode& inode) {
  if (inode.type != EntryType::regular && inode.type != EntryType::symlink) return;
  const auto name = name_of(path);
  if (!name.starts_with("lib")) return;
  if (auto version = version_behind(name, "libcudart"); !version.empty())
    cuda_.add(version == "11.0" ? "11" : std::move(version), path, false);
  rocm_.add(rocm_release(version_behind(name, "libamdhip64")), path, false);
  const auto bare = name.substr(0, name.find(".so"));
  const bool is_mpi = bare == "libmpi" || bare == "libmpich" || bare == "libmpi_abi";
  // Cray's are called after the compiler that they go with.
  const bool is_cray = std::any_of(std::begin(kCrayCompilers), std::end(kCrayCompilers), [&](auto compiler) {
    return bare.starts_with(compiler) &&
           bare.find_first_not_of("0123456789_", compiler.size()) == std::string_view::npos;
  });
  if (is_mpi || is_cray) {
    if (auto version = version_behind(name, bare); !version.empty())
      mpi_.push_back({path, std::move(version), inode.type == EntryType::symlink});
  }
  if (bare == "libmpich" || bare == "libmpichcxx" || bare == "libmpi_ilp64")
    neighbours_.insert(std::string(start_of(path)) + std::string(bare));
  // Those of Open MPI 1.10, whose libmpi has the number of MPICH's.
  if (name.starts_with("libopen-pal.so.13") || name.starts_with("libopen-rte.so.12"))
    neighbours_.insert(std::string(start_of(path)) + "libopen");
  if (bare == "libpmix" || bare == "libpmi2") {
    const auto version = version_behind(name, bare);
    if (!version.empty()) pmi_.try_emplace(fmt::format("{}.so.{}", bare, parts_of(version, 1)), path);
  }
  const bool stub = path.find("/stubs/") != std::string::npos || path.find("/compat/") != std::string::npos;
  if (inode.type == EntryType::regular && name.starts_with("libcuda.so") && !stub && inode.size > kLargestStub &&
      driver_path_.empty())
    driver_path_ = path;
}

std::string_view Accelerators::kind_of(const Mpi& library) const {
  const auto name = name_of(library.path);
  const auto bare = name.substr(0, name.find(".so"));
  const auto abi = parts_of(library.version, 1);
  const auto beside = [&](std::string_view other) {
    return neighbours_.contains(std::string(start_of(library.path)) + std::string(other));
  };
  if (bare == "libmpi_abi") return kStandardAbi;
  if (bare == "libmpich") return kMpich;
  if (bare != "libmpi") return kCrayMpich;
  if (abi == "40" || abi == "20" || abi == "1" || abi == "0") return kOpenMpi;
  if (abi != "12") return kSomeMpi;
  if (beside("libopen")) return kOpenMpi;
  const std::string_view path = library.path;
  if (has_directory(path, "cray")) return kCrayMpich;
  if (has_directory(path, "intel") || beside("libmpi_ilp64")) return kIntelMpi;
  if (has_directory(path, "mvapich")) return kMvapich;
  if (has_directory(path, "mpich") || beside("libmpich") || beside("libmpichcxx")) return kMpich;
  return kMpichKin;
}

/// As the header or the .pc file says that has the longest part of the way with it; else as the library's number tells.
std::string Accelerators::release_of(const Mpi& library, std::string_view kind) const {
  const auto series = std::find_if(std::begin(kOpenMpiSeries), std::end(kOpenMpiSeries), [&](const auto& entry) {
    return entry.first == parts_of(library.version, 2);
  });
  const bool known = kind == kOpenMpi && series != std::end(kOpenMpiSeries);
  std::string out(known ? series->second : std::string_view());
  std::size_t longest = 0;
  for (const auto& release : mpi_releases_) {
    if (release.kind != kind && !(kind == kMpichKin && release.kind == kMpich)) continue;
    if (known && parts_of(release.version, 2) != series->second) continue;  // of another installation
    const auto common = static_cast<std::size_t>(
        std::mismatch(release.path.begin(), release.path.end(), library.path.begin(), library.path.end()).first -
        release.path.begin());
    if (common < longest) continue;
    longest = common;
    out = release.version;
  }
  return out;
}

void Accelerators::tell_mpi(Facts& facts, Findings& out) const {
  std::set<std::pair<std::string_view, std::string_view>> real;  // kinds and their ABIs
  for (const auto& library : mpi_) {
    if (!library.link) real.insert({kind_of(library), parts_of(library.version, 1)});
  }
  std::vector<std::string> shown;
  for (const auto& library : mpi_) {
    const auto kind = kind_of(library);
    const auto abi = parts_of(library.version, 1);
    if (library.link && real.contains({kind, abi})) continue;  // it leads to one of them
    const auto release = release_of(library, kind);
    const auto whole = release.empty() ? std::string(kind) : fmt::format("{} {}", kind, release);
    const auto name = name_of(library.path);
    const auto bare = kind == kMpich ? std::string_view("libmpi") : name.substr(0, name.find(".so"));
    auto fact = fmt::format("{} ({})", whole, printable(name));
    if (std::find(shown.begin(), shown.end(), fact) == shown.end() && shown.size() < kMaxShown)
      shown.push_back(std::move(fact));
    out.add("mpi", "/" + library.path, fmt::format("{}, ABI {}.so.{}", printable(whole), bare, abi));
  }
  if (mpi_.empty()) return;
  facts.mpi = joined(shown);
  for (const auto& [name, path] : pmi_) out.add("mpi", "/" + path, fmt::format("it is started through {}", name));
}

void Accelerators::finish(Facts& facts, Findings& out) const {
  const auto tell = [&](const Releases& releases, std::string_view code, std::string_view product, auto driver) {
    std::vector<std::string> shown;
    for (const auto& release : releases.newest_first()) {
      // A driver for the newest is one for all.
      const std::string_view needs = shown.empty() ? driver(release.version) : std::string_view();
      out.add(code, "/" + release.path,
              fmt::format("{} {}{}{}", product, printable(release.version),
                          needs.empty() ? "" : fmt::format(", which needs a driver from {} on", needs),
                          shown.empty() ? "" : fmt::format(", beside {}", printable(shown.front()))));
      if (shown.size() < kMaxShown) shown.push_back(release.version);
    }
    return joined(shown);
  };
  facts.cuda = tell(cuda_, "cuda", "CUDA", driver_for);
  facts.rocm = tell(rocm_, "rocm", "ROCm", [](std::string_view) { return std::string_view(); });
  tell_mpi(facts, out);
  if (!driver_path_.empty())
    out.add("driver-in-image", "/" + driver_path_, "libcuda.so belongs to the driver of one host");
}

}  // namespace sifkit::check

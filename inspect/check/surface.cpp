// SPDX-License-Identifier: Apache-2.0
#include "surface.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/image_path.h>

#include "texts.h"
#include "usual_files.h"

namespace sifkit::check {

using namespace layers;

namespace {

/// Directories of the host that sites bind, beside those that the runtime itself mounts.
constexpr std::string_view kSiteDirectories[] = {"/home", "/scratch", "/work",   "/project", "/projects",
                                                 "/data", "/gpfs",    "/lustre", "/beegfs",  "/cvmfs"};
constexpr std::uint32_t kLargestPage = 64u << 10;
constexpr std::string_view kBoundOver[] = {"home", "root", "tmp", "var/tmp"};

/// "12.2.140" of "libcudart.so.12.2.140"; "" for another name.
std::string version_behind(std::string_view name, std::string_view library) {
  return name.starts_with(library) ? std::string(name.substr(library.size())) : std::string();
}

/// The version with more parts says more.
void take_version(std::string& version, std::string& place, std::string found, const std::string& path) {
  const auto parts = [](const std::string& text) { return std::count(text.begin(), text.end(), '.'); };
  if (found.empty() || (!version.empty() && parts(found) <= parts(version))) return;
  version = std::move(found);
  place = path;
}

std::string driver_for(const std::string& cuda) {
  if (cuda.starts_with("11.")) return "450.80";
  if (cuda.starts_with("12.")) return "525.60";
  if (cuda.starts_with("13.")) return "580";
  return {};
}

}  // namespace

void Surface::look(const std::string& path, const Inode& inode) {
  const auto mode = inode.metadata.mode;
  const bool regular = inode.type == EntryType::regular;
  const bool directory = inode.type == EntryType::directory;
  const bool gains = regular && ((mode & 04000) != 0 || ((mode & 02000) != 0 && (mode & 010) != 0)) && (mode & 0111) != 0;
  if (gains && !is_usual_setuid(path, inode)) {
    out_.add("setuid", "/" + path,
             fmt::format("mode {:04o}, owner {}:{}", mode, inode.metadata.uid, inode.metadata.gid));
  }
  if ((mode & 02) != 0 && (regular || (directory && (mode & 01000) == 0))) {
    out_.add("world-writable", "/" + path,
             fmt::format("{} of mode {:04o}", regular ? "a file" : "a directory without the sticky bit", mode));
  }
  const bool closed = (regular && (mode & 04) == 0) || (directory && (mode & 05) != 05);
  if (closed && !is_usually_closed(path, inode)) {
    if (unreadable_.count++ == 0) unreadable_.first = "/" + path;
  }
  if (regular && (mode & 0111) != 0) {
    for (const auto bound : kBoundOver) {
      if (!path.starts_with(bound) || path.size() <= bound.size() || path[bound.size()] != '/') continue;
      auto& tally = hidden_["/" + std::string(bound)];
      if (tally.count++ == 0) tally.first = "/" + path;
    }
  }
}

void Surface::finish() {
  for (const auto& [directory, tally] : hidden_) {
    const bool of_root = directory == "/root";
    out_.add("hidden-by-bind", tally.first,
             fmt::format("{} of {} in {}, {}", tally.count == 1 ? "a program" : fmt::format("{} programs", tally.count),
                         "the image", in_quotes(directory),
                         of_root ? "which is the home of root and closed to others"
                                 : "where the runtime shows the host's directory"));
  }
  if (unreadable_.count != 0) {
    out_.add("unreadable", unreadable_.first,
             unreadable_.count == 1
                 ? "an ordinary user may not read it"
                 : fmt::format("an ordinary user may not read it and {} {}", unreadable_.count - 1,
                               unreadable_.count == 2 ? "other" : "others"));
  }
  for (const auto directory : kSiteDirectories) {
    const auto itself = tree_.resolve(directory, false);
    if (!itself || tree_.inode(*itself).type == EntryType::directory) continue;
    const bool link = tree_.inode(*itself).type == EntryType::symlink;
    out_.add("bind-point", std::string(directory),
             link ? fmt::format("a link to {}: what is bound there appears in its place, or not at all",
                                in_quotes(tree_.symlink_target(tree_.inode(*itself))))
                  : "no directory: nothing can be bound there");
  }
  for (const auto& [file, severity] :
       {std::pair("/etc/resolv.conf", Severity::warning), std::pair("/etc/localtime", Severity::note)}) {
    const auto found = walk_image_path(tree_, file);
    if (found.inode == kNone && !found.link.empty()) {
      out_.add("bind-point", severity, file,
               fmt::format("a link to {}, which is not in the image: the host's file cannot be bound there",
                           in_quotes(found.link_target)));
    }
  }
}

bool Accelerators::is_version(std::string_view path) {
  return (path.starts_with("usr/local/cuda") && (path.ends_with("/version.json") || path.ends_with("/version.txt"))) ||
         (path.starts_with("opt/rocm") && path.ends_with("/.info/version"));
}

void Accelerators::read_version(const std::string& path, std::string_view text) {
  if (path.starts_with("opt/rocm"))
    return take_version(rocm_, rocm_path_, std::string(trimmed(text.substr(0, text.find_first_of("-\n")), " \r")),
                        path);
  auto at = text.find("\"cuda\"");
  at = at == std::string_view::npos ? at : text.find("\"version\"", at);
  auto rest = at == std::string_view::npos ? text : text.substr(at + 9);
  const auto digit = rest.find_first_of("0123456789");
  if (digit == std::string_view::npos) return;
  rest = rest.substr(digit);
  take_version(cuda_, cuda_path_, std::string(rest.substr(0, rest.find_first_not_of("0123456789."))), path);
}

void Accelerators::look(const std::string& path, const Inode& inode) {
  if (inode.type != EntryType::regular && inode.type != EntryType::symlink) return;
  const auto name = name_of(path);
  if (!name.starts_with("lib")) return;
  take_version(cuda_, cuda_path_, version_behind(name, "libcudart.so."), path);
  take_version(rocm_, rocm_path_, version_behind(name, "libamdhip64.so."), path);
  take_version(mpi_, mpi_path_, version_behind(name, "libmpi.so."), path);
  open_mpi_ = open_mpi_ || name.starts_with("libopen-pal.so") || name.starts_with("libopen-rte.so");
  mpich_ = mpich_ || name.starts_with("libmpich.so") || name.starts_with("libmpichcxx.so");
  const bool stub = path.find("/stubs/") != std::string::npos || path.find("/compat/") != std::string::npos;
  if (inode.type == EntryType::regular && name.starts_with("libcuda.so") && !stub && inode.size > (1u << 16) &&
      driver_path_.empty())
    driver_path_ = path;
}

void Accelerators::finish(Facts& facts, Findings& out) const {
  if (!cuda_.empty()) {
    facts.cuda = cuda_;
    const auto driver = driver_for(cuda_);
    out.add("cuda", "/" + cuda_path_,
            fmt::format("CUDA {}{}", printable(cuda_),
                        driver.empty() ? "" : fmt::format(", which needs a driver from {} on", driver)));
  }
  if (!rocm_.empty()) {
    facts.rocm = rocm_;
    out.add("rocm", "/" + rocm_path_, fmt::format("ROCm {}", printable(rocm_)));
  }
  if (!mpi_.empty()) {
    const auto abi = mpi_.substr(0, mpi_.find('.'));
    const std::string_view kind = open_mpi_ || abi == "40" || abi == "20" || abi == "1" ? "Open MPI"
                                  : mpich_ || abi == "12"                               ? "MPICH and its kin"
                                                                                        : "MPI";
    facts.mpi = fmt::format("{} (libmpi.so.{})", kind, mpi_);
    out.add("mpi", "/" + mpi_path_, fmt::format("{}, ABI libmpi.so.{}", kind, printable(abi)));
  }
  if (!driver_path_.empty())
    out.add("driver-in-image", "/" + driver_path_, "libcuda.so belongs to the driver of one host");
}

void look_at_container(std::uint32_t block_size, SquashfsCodec codec, Findings& out) {
  if (block_size < kLargestPage) {
    out.add("block-size", "",
            fmt::format(
                "blocks of {} bytes: kernels with pages of 64 KiB, as some on ARM and POWER have, do not mount them",
                block_size));
  }
  switch (codec) {
    case SquashfsCodec::zstd:
      out.add("compressor", "", "zstd: kernels before 4.14, as that of Enterprise Linux 7, do not read it");
      break;
    case SquashfsCodec::lz4:
      out.add("compressor", "", "lz4: kernels before 3.19, as that of Enterprise Linux 7, do not read it");
      break;
    case SquashfsCodec::xz:
      out.add("compressor", "", "xz: kernels that are built without it do not read it");
      break;
    case SquashfsCodec::gzip:
    case SquashfsCodec::none:
      break;
  }
}

}  // namespace sifkit::check

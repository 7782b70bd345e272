// SPDX-License-Identifier: Apache-2.0
#include "surface.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/image_path.h>

#include "texts.h"
#include "usual_files.h"

namespace sifkit::check {

using namespace layers;

namespace {

/// Directories of the host that sites bind, beside those that the runtime itself mounts.
constexpr std::string_view kSiteDirectories[] = {
    "/home",   "/scratch", "/work",  "/project", "/projects", "/data", "/gpfs",      "/lustre",
    "/beegfs", "/cvmfs",   "/p",     "/nfs",     "/apps",     "/run/munge", "/var/spool/slurm"};
constexpr std::uint32_t kLargestPage = 64u << 10;
/// Where loaders look for libraries by themselves.
constexpr std::string_view kLibraryPath = "/lib:/lib64:/usr/lib:/usr/lib64:/usr/local/lib:/usr/local/lib64";
/// What distributions give capabilities instead of setuid.
constexpr std::string_view kCapable[] = {"arping",      "clockdiff", "dumpcap", "gst-ptp-helper", "mtr-packet",
                                         "newgidmap",   "newuidmap", "ping",    "rcp",            "rlogin",
                                         "rsh",         "suexec",    "traceroute6.iputils",
                                         "systemd-detect-virt"};
constexpr std::string_view kBoundOver[] = {"home", "root", "tmp", "var/tmp"};

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path[directory.size()] == '/' && path.starts_with(directory);
}

}  // namespace

void Surface::set_path(std::string_view path) {
  for (const auto& [list, places] : {std::pair(path, &program_places_), std::pair(kLibraryPath, &library_places_)}) {
    for (const auto& directory : split(list, ':')) {
      const auto found = walk_image_path(tree_, directory);
      if (found.inode != kNone && !found.place.empty()) places->insert(found.place.substr(1));
    }
  }
}

/// Whether a user of the container meets it: a program of PATH, a library where loaders look, a directory on the way to
/// them. What lies in an sbin is for root.
bool Surface::is_on_path(std::string_view path, const Inode& inode) const {
  if (inode.type == EntryType::directory) {
    if ((inode.metadata.mode & 1) != 0) return false;
    return std::any_of(program_places_.begin(), program_places_.end(), [&](const auto& place) {
      return name_of(place) != "sbin" && (place == path || is_below(place, path));
    });
  }
  const auto directory = path.substr(0, std::min(path.rfind('/'), path.size()));
  if (is_library_name(name_of(path))) {
    return std::any_of(library_places_.begin(), library_places_.end(),
                       [&](const auto& place) { return place == directory || is_below(directory, place); });
  }
  return (inode.metadata.mode & 0111) != 0 && (inode.metadata.mode & 1) == 0 && name_of(directory) != "sbin" &&
         program_places_.contains(directory);
}

void Surface::look_at_capabilities(const std::string& path, const Inode& inode) {
  if (inode.metadata.xattrs == 0) return;
  const auto& attributes = tree_.xattrs(inode.metadata.xattrs);
  const bool has = std::any_of(attributes.begin(), attributes.end(), [](const auto& attribute) {
    return attribute.first == kRealCapability || attribute.first == kStoredCapability;
  });
  const bool of_system = path.starts_with("bin/") || path.starts_with("sbin/") ||
                         (path.starts_with("usr/") && !path.starts_with("usr/local/"));
  const bool usual = of_system && std::find(std::begin(kCapable), std::end(kCapable), name_of(path)) !=
                                      std::end(kCapable);
  if (has && !usual) out_.add("setuid", "/" + path, "it has file capabilities");
}

void Surface::look(const std::string& path, const Inode& inode) {
  const auto mode = inode.metadata.mode;
  const bool regular = inode.type == EntryType::regular;
  const bool directory = inode.type == EntryType::directory;
  const bool gains = regular && ((mode & 04000) != 0 || ((mode & 02000) != 0 && (mode & 010) != 0)) && (mode & 0111) != 0;
  if (gains && !is_usual_setuid(path, inode)) {
    out_.add("setuid", "/" + path,
             fmt::format("mode {:04o}, owner {}:{}", mode, inode.metadata.uid, inode.metadata.gid));
  }
  if (regular) look_at_capabilities(path, inode);
  if ((mode & 02) != 0 && (regular || (directory && (mode & 01000) == 0))) {
    out_.add("world-writable", "/" + path,
             fmt::format("{} of mode {:04o}", regular ? "a file" : "a directory without the sticky bit", mode));
  }
  const bool closed = (regular && (mode & 04) == 0) || (directory && (mode & 05) != 05);
  // What is in a directory that is told of comes behind it, and is closed with it.
  if (closed && !(closed_ && is_below(path, *closed_)) && !is_usually_closed(path, inode)) {
    if (directory && (mode & 1) == 0) closed_ = path;
    const bool met = is_on_path(path, inode);
    const auto severity = met ? Severity::warning : Severity::note;
    out_.add("unreadable", severity, "/" + path,
             directory                              ? "an ordinary user may not enter and list it"
             : met && !is_library_name(name_of(path)) ? "an ordinary user may not run it"
                                                    : "an ordinary user may not read it");
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

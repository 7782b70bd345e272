// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/contents.h>

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include <sifkit/core/text.h>

#include "file_set.h"

namespace sifkit::oci {

namespace {

struct Row {
  ContentsKind kind;
  KindWords archive;
  KindWords directory;
};

constexpr auto kMalformed = ErrorKind::malformed;
constexpr std::string_view kCut = "it was cut off, or files of it are missing: save or copy the image again";
constexpr std::string_view kLoad = "load it and save it again with a newer Docker: 'docker load', 'docker save'";

constexpr Row kRows[] = {
    {ContentsKind::docker_archive, {"a docker archive", ""}, {"an unpacked docker archive", ""}},
    {ContentsKind::oci_layout, {"an OCI archive", ""}, {"an OCI layout", ""}},
    {ContentsKind::skopeo_dir, {"the archive of a directory of skopeo's dir:", ""}, {"a directory of skopeo's dir:", ""}},
    {ContentsKind::rootfs, {"the archive of a root file system", "tar:FILE says so"}, {"a root file system", "dir:DIRECTORY says so"}},
    {ContentsKind::old_docker, {"an archive saved by Docker before 1.10", kLoad}, {"an unpacked archive saved by Docker before 1.10", kLoad}},
    {ContentsKind::cut, {"a part of an archive of images", kCut, kMalformed},
     {"a part of an unpacked archive of images", kCut, kMalformed}},
    {ContentsKind::wrapped, {"an archive packed with its parent directory", "pack the content of 'DIRECTORY'"}, {"the parent of the right directory", "give the directory 'DIRECTORY' in it"}},
    {ContentsKind::beside, {"an archive of the right directory with other things beside it", "unpack it and give 'DIRECTORY'; tar:FILE takes all of it as one root file system"}, {"the parent of the right directory, with other things in it", "give the directory 'DIRECTORY' in it; dir:DIRECTORY takes all of it as one root file system"}},
    {ContentsKind::packed, {"a tar archive with an archive or an image in it", "unpack it and give 'FILE'"}, {"a directory with an archive or an image in it", "give 'FILE'"}},
    {ContentsKind::mixed, {"both a root file system and an archive of images", "docker-archive:FILE or oci-archive:FILE takes the images, tar:FILE the root file system"},
     {"both a root file system and an unpacked archive of images", "oci:DIRECTORY takes the images, dir:DIRECTORY the root file system"}},
    {ContentsKind::other, {"a tar archive of other files", "tar:FILE takes it as a root file system all the same"}, {"a directory of other files", "dir:DIRECTORY takes it as a root file system all the same"}},
    {ContentsKind::nothing, {"a tar archive that holds no file", "tar:FILE takes it as a root file system all the same"}, {"a directory that holds no file", "dir:DIRECTORY takes it as a root file system all the same"}},
};

constexpr auto kKinds = [] {
  std::array<ContentsKind, std::size(kRows)> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = kRows[i].kind;
  return out;
}();
static_assert([] {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].kind != static_cast<ContentsKind>(i)) return false;
  }
  return kRows[std::size(kRows) - 1].kind == ContentsKind::nothing;
}());

/// Directories, or links in their place, that only a root file system has at its top. Those that any directory may have
/// (home, opt, var, run) tell nothing.
constexpr std::string_view kRootNames[] = {"bin", "sbin", "usr", "etc", "lib", "lib32", "lib64", "libx32", "nix", "gnu"};

/// What sources of programs have at their top, and root file systems have not. A program beside or below such names is no
/// container's.
constexpr std::string_view kProjectNames[] = {
    ".git",       ".gitignore", ".hg",      ".svn",           "Makefile", "makefile",    "GNUmakefile",   "configure",
    "Cargo.toml", "setup.py",   "pom.xml",  "CMakeLists.txt", "go.mod",   "meson.build", "pyproject.toml", "build.gradle"};

/// What home directories and sources have there, and images of one program, too: that lies at the top then.
constexpr std::string_view kPersonalNames[] = {".bashrc", ".profile", ".ssh", ".cache", ".config", "package.json"};

/// Directories at the top of images that hold nothing but a program, however deep it lies in them.
constexpr std::string_view kProgramPlaces[] = {"app", "apps", "home", "ko-app", "opt", "root", "run", "srv", "tmp", "var", "workspace"};

constexpr std::uint32_t bit_of(std::string_view root_name) {
  return 1u << (std::find(std::begin(kRootNames), std::end(kRootNames), root_name) - std::begin(kRootNames));
}

/// What programs leave beside the files that matter.
constexpr std::string_view kClutter[] = {".DS_Store", "__MACOSX", "lost+found", "pax_global_header", ".Trash-1000"};

constexpr std::size_t kNames = 3;  ///< shown in a message

bool is_hex64(std::string_view text) {
  return text.size() >= 64 && text.substr(0, 64).find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         (text.size() == 64 || text[64] == '.');
}

/// The components of a clean path; nothing for clutter.
std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto word = path.substr(at, slash - at);
    at = slash + 1;
    if (word.starts_with("._") || std::find(std::begin(kClutter), std::end(kClutter), word) != std::end(kClutter)) return {};
    out.push_back(word);
  }
  return out;
}

std::size_t depth_of(std::string_view clean) { return static_cast<std::size_t>(std::count(clean.begin(), clean.end(), '/')) + 1; }

/// Whether a file with such first bytes is one that somebody may have packed by mistake.
bool is_packed_image(FileKind kind) {
  switch (kind) {
    case FileKind::tar:
    case FileKind::gzip:
    case FileKind::zstd:
    case FileKind::xz:
    case FileKind::bzip2:
    case FileKind::sif:
    case FileKind::squashfs:
    case FileKind::squashfs_codec:
    case FileKind::singularity2:
    case FileKind::ext2:
    case FileKind::ext3:
    case FileKind::ext4:
    case FileKind::qcow:
    case FileKind::lz4:
    case FileKind::seven_zip:
    case FileKind::zip: return true;
    default: return false;
  }
}

void replace(std::string& text, std::string_view word, std::string_view with) {
  if (const auto at = text.find(word); at != std::string::npos) text.replace(at, word.size(), with);
}

}  // namespace

std::span<const ContentsKind> contents_kinds() noexcept { return kKinds; }

const KindWords& words_of(ContentsKind kind, bool directory) noexcept {
  const auto& row = kRows[static_cast<std::size_t>(kind)];
  return directory ? row.directory : row.archive;
}

std::string ContentsVerdict::hint(bool directory) const {
  if (kind == ContentsKind::other && !inner.empty()) return "pack it again, with no '..' in its names";
  std::string out(words_of(kind, directory).hint);
  if (kind == ContentsKind::wrapped || kind == ContentsKind::beside) replace(out, "DIRECTORY", printable(inner));
  if (kind == ContentsKind::packed) replace(out, "FILE", printable(inner));
  return out;
}

bool ContentsSurvey::wants_head(std::string_view path, Type type, bool executable) const {
  if (type != Type::regular) return false;
  if (files_ < kMaxSniffed || path.ends_with("manifest.json") || path.ends_with("index.json")) return true;
  if (!executable || has_program()) return false;
  const auto clean = clean_member_name(path);
  return clean && is_near(*clean);
}

bool ContentsSurvey::is_near(std::string_view path) {
  return depth_of(path) <= kMaxProgramDepth || is_one_of(kProgramPlaces, path.substr(0, path.find('/')));
}

bool ContentsSurvey::has_program() const noexcept {
  const bool at_top = program_.find('/') == std::string::npos;
  return !program_.empty() && !levels_[0].project && (at_top || !levels_[0].personal);
}

void ContentsSurvey::add(std::string_view path, Type type, bool executable, ByteView head) {
  const auto clean = clean_member_name(path);
  if (!clean) {
    if (climbing_.empty() && path.find("..") != std::string_view::npos) climbing_ = path;
    return;
  }
  const auto words = components(*clean);
  if (words.empty()) return;
  if (type == Type::regular) {
    if (files_++ < kMaxSniffed && !head.empty()) {
      if (const auto kind = sniff_file(head).kind; is_packed_image(kind)) packed_.push_back({*clean, kind});
    }
    const bool counts = executable && (program_.empty() || words.size() == 1) && is_near(*clean);
    if (counts && as_text(head).starts_with("\x7f" "ELF")) program_ = *clean;
  } else if (type == Type::other) {
    others_ = true;
  }
  const bool short_names = words[0].size() <= kMaxNameBytes && words.size() > 1 && words[1].size() <= kMaxNameBytes;
  if (short_names && !has_root()) {
    auto found = below_.find(words[0]);
    if (found == below_.end() && below_.size() < kMaxDirectories) found = below_.emplace(words[0], Level()).first;
    if (found != below_.end()) note(found->second, std::span(words).subspan(1), type, head);
  }
  std::span<const std::string_view> rest(words);
  for (std::size_t depth = 0; !rest.empty() && depth < levels_.size(); ++depth, rest = rest.subspan(1)) {
    note(levels_[depth], rest, type, head);
    // What is below one directory matters only while there is nothing beside it.
    const bool only = levels_[depth].names.size() == 1 && levels_[depth].only_directory;
    if (!only) {
      levels_.resize(depth + 1);
    } else if (depth + 1 == levels_.size() && levels_.size() < kMaxLevels) {
      levels_.emplace_back();
    }
  }
}

void ContentsSurvey::note(Level& level, std::span<const std::string_view> path, Type type, ByteView head) {
  const auto top = path[0];
  const bool leaf = path.size() == 1;
  const bool directory = !leaf || type == Type::directory;
  if (std::find(level.names.begin(), level.names.end(), top) == level.names.end()) {
    if (level.names.size() < kNames) {
      level.names.emplace_back(top);
    } else {
      level.more = true;
    }
    level.only_directory = level.names.size() == 1 && directory;
  }
  const auto root_name = std::find(std::begin(kRootNames), std::end(kRootNames), top) - std::begin(kRootNames);
  if (root_name < std::ssize(kRootNames) && (directory || type == Type::other)) {
    if (level.root.empty()) level.root = top;
    level.root_names |= 1u << root_name;
  }
  level.project = level.project || is_one_of(kProjectNames, top);
  level.personal = level.personal || is_one_of(kPersonalNames, top);

  const auto part = [&] {
    if (level.part.empty()) level.part = top;
  };
  if (is_hex64(top) || (top.starts_with("sha256:") && is_hex64(top.substr(7)))) {
    part();
    level.bare_blob = level.bare_blob || (top.size() == 64 && !directory);
    level.docker_config = level.docker_config || top.ends_with(".json") || top.ends_with(".tar");
    level.legacy_json = level.legacy_json || (path.size() == 2 && path[1] == "json");
  }
  if (path.size() == 2 && path[1] == "layer.tar") part();
  if (path.size() >= 2 && top == "blobs" && (path[1] == "sha256" || path[1] == "sha512")) {
    part();
    level.blobs = true;
  }
  if (directory) return;
  if (top == "manifest.json") {
    level.manifest = true;
    const auto text = as_text(head);
    const auto start = text.find_first_not_of(" \t\r\n");
    if (start != std::string_view::npos) level.manifest_start = text[start];
  }
  level.index = level.index || top == "index.json";
  if (top == "manifest.json" || top == "index.json") {
    const auto has = [text = as_text(head)](std::string_view name) { return text.find(name) != std::string_view::npos; };
    level.lone_list = level.lone_list || (has("\"schemaVersion\"") && (has("\"manifests\"") || has("\"layers\"")));
  }
  level.config = level.config || top == "config.json";
  level.version = level.version || top == "version";
  level.repositories = level.repositories || top == "repositories";
  if (top == "oci-layout") {
    level.layout = true;
    part();
  }
}

std::string ContentsSurvey::names_of(const Level& level) {
  std::string out;
  for (const auto& name : level.names) out += (out.empty() ? "it holds " : ", ") + in_quotes(name);
  return out + (level.more ? " and more" : "");
}

/// What names alone say; nothing where they say nothing.
std::optional<ContentsVerdict> ContentsSurvey::of_level(const Level& level) {
  const bool part = !level.part.empty();
  if (!level.root.empty()) {
    if (!part) return ContentsVerdict{ContentsKind::rootfs, {}, {}};
    return ContentsVerdict{ContentsKind::mixed, fmt::format("it holds {} and {}", in_quotes(level.root), in_quotes(level.part)), {}};
  }
  if (level.manifest) {
    if (level.bare_blob && (level.version || level.manifest_start == '{')) return ContentsVerdict{ContentsKind::skopeo_dir, {}, {}};
    if (part || level.manifest_start == '[') return ContentsVerdict{ContentsKind::docker_archive, {}, {}};
  }
  if (level.index && (level.layout || level.blobs)) return ContentsVerdict{ContentsKind::oci_layout, {}, {}};
  if (!part) return std::nullopt;
  if (level.repositories && level.legacy_json && !level.docker_config) return ContentsVerdict{ContentsKind::old_docker, {}, {}};
  const bool listed = level.manifest || level.index;
  return ContentsVerdict{ContentsKind::cut, fmt::format("it holds {}{}", in_quotes(level.part.substr(0, 20)), listed ? "" : ", and neither manifest.json nor index.json"), {}};
}

std::optional<ContentsVerdict> ContentsSurvey::by_names() const {
  if (auto found = of_level(levels_[0])) return found;
  std::string inner;
  for (std::size_t depth = 1; depth < levels_.size(); ++depth) {
    inner += (depth == 1 ? "" : "/") + levels_[depth - 1].names[0];
    if (const auto found = of_level(levels_[depth])) {
      return ContentsVerdict{ContentsKind::wrapped, fmt::format("{} in it is {}", in_quotes(inner), words_of(found->kind, true).name), inner};
    }
  }
  return std::nullopt;
}

std::string ContentsSurvey::only_directory(std::size_t depth) const {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) {
    if (i >= levels_.size() || levels_[i].names.size() != 1 || !levels_[i].only_directory) return {};
    out += (i == 0 ? "" : "/") + levels_[i].names[0];
  }
  return out;
}

bool ContentsSurvey::tells_by_names() const { return by_names().has_value(); }

/// Whether a directory beside other things is what was meant. Programs are installed into directories with a bin, a lib and
/// an etc, and have data of any name: only what is surely a root file system or an image counts, and nothing where a program
/// lies elsewhere.
bool ContentsSurvey::is_meant(const std::string& name, const Level& level, ContentsKind kind) const {
  const bool program_elsewhere = !program_.empty() && !program_.starts_with(name + "/");
  if (program_elsewhere) return false;
  constexpr auto kBoth = bit_of("usr") | bit_of("etc");
  switch (kind) {
    case ContentsKind::rootfs:
      return (level.root_names & kBoth) == kBoth || (name == "rootfs" && std::popcount(level.root_names) > 1);
    case ContentsKind::docker_archive: return !level.part.empty();
    case ContentsKind::oci_layout: return level.layout;
    case ContentsKind::skopeo_dir: return true;
    default: return false;
  }
}

std::optional<ContentsVerdict> ContentsSurvey::by_directories() const {
  std::optional<ContentsVerdict> out;
  std::size_t count = 0;
  for (const auto& [name, level] : below_) {
    const auto found = of_level(level);
    if (!found || !is_meant(name, level, found->kind)) continue;
    if (++count > kNames) break;
    const auto words = words_of(found->kind, true).name;
    if (out) {
      out->detail += fmt::format(", {} is {}", in_quotes(name), words);
      continue;
    }
    const bool bundle = name == "rootfs" && levels_[0].config;
    out = ContentsVerdict{ContentsKind::beside, fmt::format("{}{} in it is {}", bundle ? "an OCI runtime bundle: " : "", in_quotes(name), words), name};
  }
  return out;
}

/// A few files may lie beside archives, such as their sums.
std::optional<ContentsVerdict> ContentsSurvey::by_packed() const {
  if (packed_.empty() || others_ || packed_.size() * 2 < files_) return std::nullopt;
  auto packed = packed_;
  std::sort(packed.begin(), packed.end(), [](const Packed& a, const Packed& b) { return a.path < b.path; });
  ContentsVerdict out{ContentsKind::packed, {}, packed[0].path};
  for (std::size_t i = 0; i < std::min(packed.size(), kNames); ++i) {
    out.detail += fmt::format("{}{} is {}", i == 0 ? "" : ", ", in_quotes(packed[i].path), words_of(packed[i].kind).name);
  }
  return out;
}

ContentsVerdict ContentsSurvey::verdict() const {
  if (auto found = by_names()) return *found;
  if (auto found = by_directories()) return *found;
  if (has_program()) return {ContentsKind::rootfs, {}, {}};
  if (levels_[0].lone_list) return {ContentsKind::cut, "it holds their list alone", {}};
  if (files_ == 0 && !others_) {
    if (climbing_.empty()) return {ContentsKind::nothing, {}, {}};
    return {ContentsKind::other, fmt::format("the name {} leads out of it", in_quotes(climbing_)), climbing_};
  }
  if (auto found = by_packed()) return *found;
  return {ContentsKind::other, names_of(levels_[0]), {}};
}

}  // namespace sifkit::oci

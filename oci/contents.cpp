// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/contents.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

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
    {ContentsKind::cut, {"an archive of images without manifest.json or index.json", kCut, kMalformed},
     {"an unpacked archive of images without manifest.json or index.json", kCut, kMalformed}},
    {ContentsKind::wrapped, {"an archive packed with its parent directory", "pack the content of 'DIRECTORY'"}, {"the parent of the right directory", "give the directory 'DIRECTORY' in it"}},
    {ContentsKind::one_file, {"a tar archive that holds one file", "unpack it and give 'FILE'"}, {"a directory that holds one file", "give 'FILE'"}},
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

/// What programs leave beside the files that matter.
constexpr std::string_view kClutter[] = {".DS_Store", "__MACOSX", "lost+found", "pax_global_header", ".Trash-1000"};

constexpr std::size_t kNames = 3;  ///< shown in a message

bool is_hex64(std::string_view text) {
  return text.size() >= 64 && text.substr(0, 64).find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         (text.size() == 64 || text[64] == '.');
}

/// The components of a path without "." and empty ones; nothing for one that climbs, and for clutter.
std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < path.size();) {
    const auto slash = std::min(path.find('/', at), path.size());
    const auto word = path.substr(at, slash - at);
    at = slash + 1;
    if (word.empty() || word == ".") continue;
    if (word == ".." || word.starts_with("._") || std::find(std::begin(kClutter), std::end(kClutter), word) != std::end(kClutter)) return {};
    out.push_back(word);
  }
  return out;
}

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
  std::string out(words_of(kind, directory).hint);
  if (kind == ContentsKind::wrapped) replace(out, "DIRECTORY", printable(inner));
  if (kind == ContentsKind::one_file) replace(out, "FILE", printable(inner));
  return out;
}

bool ContentsSurvey::wants_head(std::string_view path, Type type, bool executable) const {
  if (type != Type::regular) return false;
  return (executable && program_.empty()) || files_ == 0 || path.ends_with("manifest.json");
}

void ContentsSurvey::add(std::string_view path, Type type, bool executable, ByteView head) {
  const auto words = components(path);
  if (words.empty()) return;
  if (type == Type::regular) {
    if (files_++ == 0) {
      file_ = path;
      file_kind_ = head.empty() ? FileKind::unknown : sniff_file(head).kind;
    }
    if (executable && program_.empty() && as_text(head).starts_with("\x7f" "ELF")) program_ = path;
  } else if (type == Type::other) {
    others_ = true;
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
  const bool root_name = std::find(std::begin(kRootNames), std::end(kRootNames), top) != std::end(kRootNames);
  if (root_name && level.root.empty() && (directory || type == Type::other)) level.root = top;

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
  return ContentsVerdict{ContentsKind::cut, fmt::format("it holds {}", in_quotes(level.part.substr(0, 20))), {}};
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

ContentsVerdict ContentsSurvey::verdict() const {
  if (auto found = by_names()) return *found;
  if (!program_.empty()) return {ContentsKind::rootfs, {}, {}};
  if (files_ == 0 && !others_) return {ContentsKind::nothing, {}, {}};
  if (files_ == 1 && !others_ && is_packed_image(file_kind_)) {
    return {ContentsKind::one_file, fmt::format("{} is {}", in_quotes(file_), words_of(file_kind_).name), file_};
  }
  return {ContentsKind::other, names_of(levels_[0]), {}};
}

}  // namespace sifkit::oci

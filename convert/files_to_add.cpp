// SPDX-License-Identifier: Apache-2.0
#include "files_to_add.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/layers/entry_names.h>

#include "runtime_files.h"
#include "tree_edit.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr std::size_t kPiece = 1u << 20;  ///< of a file, read at once

struct stat look_at(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw_errno(fmt::format("open {}", in_quotes(path.native())));
  const auto refuse = [&] {
    throw Error(ErrorKind::unsupported,
                fmt::format("{} is no regular file, directory or link", in_quotes(path.native())));
  };
  if (S_ISLNK(status.st_mode)) {
    // A shell's <(COMMAND) is a link, but nobody wants that in an image.
    struct stat target {};
    if (::stat(path.c_str(), &target) == 0 && S_ISFIFO(target.st_mode)) refuse();
  } else if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    expect_readable(path);
    refuse();
  }
  return status;
}

ContentId store(const std::filesystem::path& path, std::uint64_t size, ContentSink& sink) {
  if (size == 0) return kEmptyContent;
  FileSource source(std::make_shared<const File>(File::open_read(path)));
  Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPiece)));
  sink.begin(size);
  for (std::uint64_t left = size; left != 0;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    const auto got = source.read(std::span(buffer).first(wanted));
    if (got == 0) {
      throw Error(ErrorKind::io, fmt::format("{} became shorter while it was read", in_quotes(path.native())));
    }
    sink.append(ByteView(buffer).first(got));
    left -= got;
  }
  return sink.end();
}

}  // namespace

[[noreturn]] void refuse_runtime_file(std::string_view path) {
  const auto name = in_quotes("/" + std::string(path));
  throw Error(ErrorKind::usage, fmt::format("{} is the runtime's own: it is changed by what it says", name),
              "labels, variables, runscript and definition have options of their own");
}

std::string place_in_image(std::string_view path, const Limits& limits) {
  const std::string clean = clean_path(path, limits).path;
  const bool climbs = fmt::format("/{}/", path).find("/../") != std::string::npos;
  // Of a whiteout's name `clean_path` does not count the mark; here it is a name like others.
  const bool fits = clean.size() <= limits.path_bytes && split_path(clean).name.size() <= limits.name_bytes;
  if (climbs || !fits || path.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::usage, fmt::format("{} is no path of a file in an image", in_quotes(path)));
  }
  if (clean.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("{} is the root of the image, a path below it was expected", in_quotes(path)),
                "what is in a directory is added name by name");
  }
  if (path.ends_with('/')) {
    throw Error(ErrorKind::usage, fmt::format("{} names no file", in_quotes(path)));
  }
  return clean;
}

void expect_own_place(const Tree& tree, const std::string& path) {
  const auto there = tree.resolve(path, false);
  if (is_in_runtime_directory(path) || (there && is_of_runtime(tree, path, *there))) refuse_runtime_file(path);
  // The last directory on the way that is there.
  for (auto parent = split_path(path).parent; !parent.empty(); parent = split_path(parent).parent) {
    auto real = tree.real_path(parent, true);
    if (!real) continue;
    if (*real == "/") real->clear();
    *real += path.substr(parent.size());
    if (is_in_runtime_directory(std::string_view(*real).substr(1))) refuse_runtime_file(path);
    return;
  }
}

std::vector<AddedFile> files_to_add(const AddedFile& added, const Limits& limits) {
  std::vector<AddedFile> out{{added.from, place_in_image(added.to, limits)}};
  for (std::size_t at = 0; at < out.size(); ++at) {
    const AddedFile here = out[at];
    if (!S_ISDIR(look_at(here.from).st_mode)) continue;
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(here.from, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().native());
    }
    if (error) throw_errno(fmt::format("read {}", in_quotes(here.from.native())), error.value());
    if (names.size() > limits.entries - std::min<std::uint64_t>(limits.entries, out.size())) {
      throw_over_limit(fmt::format("more than {} files to add", limits.entries), &Limits::entries);
    }
    std::sort(names.begin(), names.end());
    for (const auto& name : names) out.push_back({here.from / name, place_in_image(here.to + "/" + name, limits)});
  }
  return out;
}

void add_files(const std::vector<AddedFile>& files, Tree& tree, ContentSink& sink) {
  for (const auto& [from, to] : files) {
    expect_own_place(tree, to);
    const auto status = look_at(from);
    const auto latest = std::numeric_limits<std::uint32_t>::max();
    const auto time = static_cast<std::uint32_t>(std::clamp<std::int64_t>(status.st_mtim.tv_sec, 0, latest));
    TreeEdit edit(tree, sink, time);
    if (S_ISDIR(status.st_mode)) {
      const bool made = edit.look_up(to) == kNone;
      edit.expect_directory(to, "the new directory");
      edit.ensure_directory(to);
      if (made) tree.inode(edit.look_up(to)).metadata.mode = status.st_mode & 01777u;
    } else if (S_ISLNK(status.st_mode)) {
      std::error_code error;
      const auto target = std::filesystem::read_symlink(from, error);
      if (error) throw_errno(fmt::format("read the link {}", in_quotes(from.native())), error.value());
      edit.remove_file(to);
      edit.expect_room(to, "the new link");
      edit.put_symlink(to, target.native());
    } else {
      edit.expect_room(to, "the new file");
      const auto size = static_cast<std::uint64_t>(status.st_size);
      edit.put_content(to, status.st_mode & 0777u, store(from, size, sink), size);
    }
  }
}

}  // namespace sifkit

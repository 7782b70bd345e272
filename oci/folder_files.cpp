// SPDX-License-Identifier: Apache-2.0
#include "folder_files.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

FolderFiles::FolderFiles(std::filesystem::path folder) : folder_(std::move(folder)) {
  fd_ = UniqueFd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd_) throw_errno(fmt::format("open the folder {}", in_quotes(folder_.native())));
}

std::optional<File> FolderFiles::open_file(std::string_view name) const {
  const std::string full = (folder_ / name).native();
  const auto refuse = [&] {
    throw Error(ErrorKind::malformed, fmt::format("{} is not a regular file", in_quotes(full)));
  };
  UniqueFd at;
  int folder = fd_.get();
  // Step by step, so that no component of the way can be a link.
  for (std::size_t start = 0;;) {
    const auto slash = name.find('/', start);
    const bool last = slash == std::string_view::npos;
    const std::string word(name.substr(start, last ? slash : slash - start));
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    UniqueFd next(::openat(folder, word.c_str(), flags));
    if (!next) {
      if (errno == ENOENT) return std::nullopt;
      if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO) refuse();
      throw_errno(fmt::format("open {}", in_quotes(full)));
    }
    at = std::move(next);
    folder = at.get();
    if (last) break;
    start = slash + 1;
  }
  File file(std::move(at), full);
  if (!file.is_regular()) refuse();
  return file;
}

std::optional<std::uint64_t> FolderFiles::find(std::string_view name) {
  const auto file = open_file(name);
  if (!file) return std::nullopt;
  return file->size();
}

std::unique_ptr<Source> FolderFiles::open(std::string_view name) {
  auto file = open_file(name);
  if (!file) throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes((folder_ / name).native())));
  return std::make_unique<FileSource>(std::make_shared<const File>(std::move(*file)));
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "directory_files.h"

#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

DirectoryFiles::DirectoryFiles(UniqueFd directory, std::filesystem::path path, ContentsSurvey survey, const Limits& limits)
    : directory_(std::move(path)), limits_(limits), fd_(std::move(directory)), survey_(std::move(survey)) {}

std::optional<std::string> DirectoryFiles::link_at(const std::string& name) const {
  std::string target(PATH_MAX, '\0');
  const auto length = ::readlinkat(fd_.get(), name.c_str(), target.data(), target.size());
  if (length < 0) return std::nullopt;  // no link, or nothing: opening it says which
  target.resize(static_cast<std::size_t>(length));
  return target;
}

std::optional<File> DirectoryFiles::open_file(std::string_view given) const {
  const std::string full = (directory_ / given).native();
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::malformed, fmt::format("{} {}", in_quotes(full), why));
  };
  const auto followed = follow_links(given, limits_, [this](const std::string& name) { return link_at(name); });
  if (followed.end == Followed::End::outside) refuse("is a link that leaves the directory");
  if (followed.end == Followed::End::too_long) refuse("is a link whose target is too long");
  if (followed.end == Followed::End::circle) refuse("is a link that leads in a circle");
  const std::string_view name = followed.name;
  UniqueFd at;
  int directory = fd_.get();
  // Step by step, so that no component of the way can have become a link by now.
  for (std::size_t start = 0;;) {
    const auto slash = name.find('/', start);
    const bool last = slash == std::string_view::npos;
    const std::string word(name.substr(start, last ? slash : slash - start));
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    UniqueFd next(::openat(directory, word.empty() ? "." : word.c_str(), flags));
    if (!next) {
      if (errno == ENOENT && followed.links == 0) return std::nullopt;
      if (errno == ENOENT) refuse(fmt::format("is a link to {}, which is not there", in_quotes(name)));
      if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO) refuse("is not a regular file");
      throw_errno(fmt::format("open {}", in_quotes(full)));
    }
    at = std::move(next);
    directory = at.get();
    if (last) break;
    start = slash + 1;
  }
  File file(std::move(at), full);
  if (!file.is_regular()) refuse("is not a regular file");
  return file;
}

std::optional<std::uint64_t> DirectoryFiles::find(std::string_view name) {
  const auto file = open_file(name);
  if (!file) return std::nullopt;
  return file->size();
}

std::unique_ptr<Source> DirectoryFiles::open(std::string_view name) {
  auto file = open_file(name);
  if (!file) throw Error(ErrorKind::not_found, fmt::format("{} is not there", in_quotes((directory_ / name).native())));
  return std::make_unique<FileSource>(std::make_shared<const File>(std::move(*file)));
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "symlinks_on_path.h"

#include <cerrno>
#include <climits>
#include <deque>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::trust {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  ///< as Linux

[[noreturn]] void refuse_path(std::string why) { throw Error(ErrorKind::untrusted, std::move(why)); }

/// The components of a path, to be looked at before `rest`.
std::deque<fs::path> steps_of(const fs::path& path, std::deque<fs::path> rest = {}) {
  std::deque<fs::path> steps(path.begin(), path.end());
  steps.insert(steps.end(), rest.begin(), rest.end());
  return steps;
}

}  // namespace

std::string path_of(const File& file) {
  struct stat open {};
  if (::fstat(file.fd(), &open) != 0) throw_errno(fmt::format("look at {}", in_quotes(file.name())));
  if (open.st_nlink == 0) refuse_path("the open file has no path any more, so no rule of a policy is for it");
  std::string path(PATH_MAX, '\0');
  const auto size = ::readlink(fmt::format("/proc/self/fd/{}", file.fd()).c_str(), path.data(), path.size());
  if (size < 0) throw_errno(fmt::format("find the path of {}", in_quotes(file.name())));
  path.resize(static_cast<std::size_t>(size));
  if (!path.starts_with('/') || path.size() == PATH_MAX) refuse_path(fmt::format("the open file has no path that a rule of a policy could be for: {}", in_quotes(path)));
  // A name that is gone has " (deleted)" behind it, and a path in another mount namespace looks like one in ours.
  struct stat named {};
  if (::stat(path.c_str(), &named) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) throw_errno(fmt::format("look at {}", in_quotes(path)));
    refuse_path(fmt::format("the open file was {}, where no such file is any more, so no rule of a policy is for it", in_quotes(path)));
  }
  if (!is_same_file(named, open)) {
    refuse_path(fmt::format("the open file was {}, where another file is, so no rule of a policy is for it", in_quotes(path)));
  }
  return path;
}

std::vector<std::string> symlinks_on_path(const std::string& name) {
  std::vector<std::string> places;
  if (name.empty()) return places;
  std::error_code failed;
  const auto whole = fs::absolute(name, failed);
  if (failed) refuse_path(fmt::format("{} begins at a directory that has been removed, so nobody knows which rules of a policy are for it", in_quotes(name)));
  int links = 0;
  fs::path at;
  for (auto steps = steps_of(whole); !steps.empty();) {
    const auto step = std::move(steps.front());
    steps.pop_front();
    if (step.empty() || step == ".") continue;
    if (step == ".." || step.is_absolute()) {
      at = step.is_absolute() ? fs::path("/") : at.parent_path();
      continue;
    }
    const auto here = at / step;
    std::string target(PATH_MAX, '\0');
    const auto size = ::readlink(here.c_str(), target.data(), target.size());
    if (size < 0) {
      at = here;
      continue;
    }
    if (++links > kMaxLinks) refuse_path(fmt::format("{} leads over more than {} symbolic links", in_quotes(name), kMaxLinks));
    target.resize(static_cast<std::size_t>(size));
    places.push_back(here.native());
    steps = steps_of(target, std::move(steps));
  }
  places.push_back(at.native());
  return places;
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#include "directory_survey.h"

#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

namespace {

using Type = ContentsSurvey::Type;

struct Found {
  std::string path;
  Type type;
};

class Walk {
 public:
  Walk(const UniqueFd& directory, const OperationContext& operation) : top_(directory.get()), operation_(operation) {}

  /// The directory's entries by name, each added to the survey. One that may not be read is as if it were empty here:
  /// whoever reads the files says so.
  std::vector<Found> add_entries(ContentsSurvey& survey, const std::string& path) const {
    UniqueFd fd(::openat(top_, path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    std::vector<Found> out;
    for (const auto& name : names_or_none(fd.get())) {
      operation_.check();
      struct stat status {};
      if (::fstatat(fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      Found found{(path.empty() ? "" : path + "/") + name, S_ISREG(status.st_mode) ? Type::regular : S_ISDIR(status.st_mode) ? Type::directory : Type::other};
      const bool executable = (status.st_mode & 0111u) != 0;
      Bytes head;
      if (survey.wants_head(found.path, found.type, executable)) head = head_of(fd.get(), name);
      survey.add(found.path, found.type, executable, head);
      out.push_back(std::move(found));
    }
    return out;
  }

  bool is_there(const std::string& path) const { return ::faccessat(top_, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0; }

 private:
  static std::vector<std::string> names_or_none(int directory) {
    try {
      return names_in(directory, "a directory");
    } catch (const Error&) {
      return {};
    }
  }

  static Bytes head_of(int directory, const std::string& name) {
    UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    Bytes head(ContentsSurvey::kHeadBytes);
    const auto got = fd ? ::read(fd.get(), head.data(), head.size()) : -1;
    head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return head;
  }

  int top_;
  const OperationContext& operation_;
};

}  // namespace

UniqueFd open_directory(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno(fmt::format("open the directory {}", in_quotes(path.native())));
  return fd;
}

ContentsSurvey survey_directory(const UniqueFd& directory, const OperationContext& operation) {
  const Walk walk(directory, operation);
  ContentsSurvey names;
  std::string path;
  // What tells archives of images lies one or two levels down, under names that are asked for.
  for (std::size_t depth = 1; depth <= ContentsSurvey::kMaxLevels; ++depth) {
    for (const auto& entry : walk.add_entries(names, path)) {
      if (entry.type != Type::directory) continue;
      for (const char* below : {"/layer.tar", "/json"}) {
        if (walk.is_there(entry.path + below)) names.add(entry.path + below, Type::regular, false, {});
      }
      for (const char* below : {"/sha256", "/sha512"}) {
        if (entry.path.ends_with("blobs") && walk.is_there(entry.path + below)) names.add(entry.path + below, Type::directory, false, {});
      }
    }
    path = names.only_directory(depth);
    if (path.empty()) break;
  }
  if (names.tells_by_names()) return names;
  ContentsSurvey all;
  std::vector<std::string> open;
  // What is in each directory at the top goes before a program.
  for (const auto& top : walk.add_entries(all, "")) {
    if (top.type != Type::directory) continue;
    for (auto& entry : walk.add_entries(all, top.path)) {
      if (entry.type == Type::directory) open.push_back(std::move(entry.path));
    }
  }
  while (!open.empty() && !all.has_program()) {
    const std::string next = std::move(open.back());
    open.pop_back();
    for (auto& entry : walk.add_entries(all, next)) {
      if (entry.type == Type::directory && ContentsSurvey::is_near(entry.path + "/program")) open.push_back(std::move(entry.path));
    }
  }
  return all;
}

}  // namespace sifkit::oci

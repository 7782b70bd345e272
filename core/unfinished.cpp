// SPDX-License-Identifier: Apache-2.0
//
// What must not outlive the process. The removal allocates nothing and holds two descriptors, however deep a directory is: it
// runs when memory or descriptors have run out, too.
#include <sifkit/core/file.h>
#include <sifkit/core/unfinished.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/linux_names.h>

namespace sifkit {

namespace {

/// The hidden names that exist right now, so that a program that is told to end can remove them.
struct Unfinished {
  std::mutex mutex;
  std::vector<std::string> paths;

  static Unfinished& instance() {
    static Unfinished unfinished;
    return unfinished;
  }
};

/// The directory itself, not what a link leads to, made open to its owner, which directories of images need not be.
UniqueFd open_to_empty(int parent, const char* name) noexcept {
  static constexpr int kFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(parent, name, O_RDONLY | kFlags));
  if (!fd && errno == EACCES) {
    const UniqueFd closed(::openat(parent, name, O_PATH | kFlags));
    char self[32];
    std::snprintf(self, sizeof self, "/proc/self/fd/%d", closed.get());
    ::chmod(self, S_IRWXU);
    fd = UniqueFd(::openat(parent, name, O_RDONLY | kFlags));
  }
  if (fd) ::fchmod(fd.get(), S_IRWXU);
  return fd;
}

bool has_entries(int parent, const char* name) noexcept {
  const UniqueFd directory = open_to_empty(parent, name);
  alignas(dirent64) char entries[1024];
  const ssize_t size = directory ? ::getdents64(directory.get(), reinterpret_cast<dirent64*>(entries), sizeof entries) : 0;
  for (ssize_t at = 0; at < size;) {
    const auto* const entry = reinterpret_cast<const dirent64*>(entries + at);
    at += entry->d_reclen;
    if (::strcmp(entry->d_name, ".") != 0 && ::strcmp(entry->d_name, "..") != 0) return true;
  }
  return false;
}

/// Removes the entries of a directory up to the first that is a directory and not empty, whose name it returns, or "". Sets
/// `removed` when anything went; another thread may be at the same tree.
void remove_entries(int directory, bool& removed, char (&full)[NAME_MAX + 1]) noexcept {
  full[0] = '\0';
  alignas(dirent64) char entries[4096];
  for (ssize_t size; (size = ::getdents64(directory, reinterpret_cast<dirent64*>(entries), sizeof entries)) > 0;) {
    for (ssize_t at = 0; at < size;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      const char* const name = entry->d_name;
      if (::strcmp(name, ".") == 0 || ::strcmp(name, "..") == 0) continue;
      if (::unlinkat(directory, name, 0) == 0 || (errno == EISDIR && ::unlinkat(directory, name, AT_REMOVEDIR) == 0) || errno == ENOENT) {
        removed = true;
      } else if (errno == ENOTEMPTY || errno == EEXIST || (errno == EPERM && has_entries(directory, name))) {  // SFTP has no word for it
        ::strncpy(full, name, NAME_MAX);
        full[NAME_MAX] = '\0';
        return;
      }
    }
  }
}

void remove_at(const char* path) noexcept {
  if (::unlinkat(AT_FDCWD, path, 0) == 0) return;
  // Each round goes down from the top to the first directory without full ones in it. One that removes nothing has met what
  // cannot be removed, or another thread that is faster.
  static constexpr int kIdleRounds = 100;
  for (int idle = 0; idle < kIdleRounds; ++idle) {
    if (::unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    bool removed = false;
    char full[NAME_MAX + 1];
    UniqueFd directory = open_to_empty(AT_FDCWD, path);
    for (;;) {
      if (!directory) {
        removed = removed || errno == ENOENT;
        break;
      }
      remove_entries(directory.get(), removed, full);
      if (full[0] == '\0') break;
      directory = open_to_empty(directory.get(), full);
    }
    if (removed) idle = 0;
  }
}

}  // namespace

UnfinishedPath::UnfinishedPath(std::string path) : path_(std::move(path)) {
  const std::lock_guard lock(Unfinished::instance().mutex);
  Unfinished::instance().paths.push_back(path_);
}

UnfinishedPath::~UnfinishedPath() {
  const std::lock_guard lock(Unfinished::instance().mutex);
  std::erase(Unfinished::instance().paths, path_);
}

void remove_unfinished() noexcept {
  Unfinished::instance().mutex.lock();  // for good
  for (const auto& path : Unfinished::instance().paths) remove_at(path.c_str());
}

void remove_tree(const std::filesystem::path& path) noexcept { remove_at(path.c_str()); }

}  // namespace sifkit

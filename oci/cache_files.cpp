// SPDX-License-Identifier: Apache-2.0
#include "cache_files.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/oci/cache.h>

namespace sifkit::oci {

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) out.push_back(at->path());
  if (error && error.value() != ENOENT)
    throw_errno(fmt::format("read the directory {}", in_quotes(directory.native())), error.value());
  std::sort(out.begin(), out.end());
  return out;
}

std::optional<std::pair<std::string, std::string>> parts_of_image_name(const std::string& name) {
  static constexpr std::size_t kHex = 64;
  if (name.size() != 2 * kHex + 1 || name[kHex] != '-') return std::nullopt;
  return std::pair(name.substr(0, kHex), name.substr(kHex + 1));
}

std::optional<Digest> parsed_digest(const std::string& algorithm, const std::string& hex) {
  try {
    return Digest::parse(algorithm + ":" + hex);
  } catch (const Error&) {
    return std::nullopt;
  }
}

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kUnfinished{24};  ///< after that nobody writes a file any more

/// Removes files, and remembers what could not be.
class Removal {
 public:
  /// Whether it is gone, by whomever.
  bool remove(const fs::path& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return true;
    if (failed_++ == 0) {
      error_number_ = errno;
      first_ = path;
    }
    return false;
  }

  /// Where a directory cannot be read, the others are gone through all the same.
  template <class Step>
  void attempt(const Step& step) {
    try {
      step();
    } catch (...) {
      if (!unread_) unread_ = std::current_exception();
    }
  }

  void throw_failure() const {
    if (unread_) std::rethrow_exception(unread_);
    if (failed_ == 0) return;
    const auto more = failed_ == 1 ? std::string() : fmt::format(" and {} more", failed_ - 1);
    throw_errno(fmt::format("remove {}{}", in_quotes(first_.native()), more), error_number_);
  }

 private:
  std::size_t failed_ = 0;
  int error_number_ = 0;
  fs::path first_;
  std::exception_ptr unread_;
};

void remove_unfinished(const fs::path& directory, Removal& removal) {
  for (const auto& path : files_in(directory)) {
    const auto status = status_of(path);
    if (!status || !S_ISREG(status->st_mode) || path.extension() != ".partial") continue;
    const auto written = std::chrono::system_clock::from_time_t(status->st_mtim.tv_sec);
    if (std::chrono::system_clock::now() - written > kUnfinished) removal.remove(path);
  }
}

void add_entries(const fs::path& inner, std::vector<CacheEntry>& out) {
  const bool images = inner.filename() == "images";
  for (const auto& path : files_in(inner)) {
    const auto status = status_of(path);
    if (!status || !S_ISREG(status->st_mode)) continue;
    const auto image = parts_of_image_name(path.filename());
    if (images && !image) continue;
    const auto digest = images ? parsed_digest("sha256", image->second) : parsed_digest(inner.filename(), path.filename());
    if (digest)
      out.push_back({path, images, digest->text(), static_cast<std::uint64_t>(status->st_size), status->st_mtim.tv_sec});
  }
}

void sort_by_use(std::vector<CacheEntry>& entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
}

std::vector<fs::path> directories_of(const fs::path& directory) {
  files_in(directory);  // the one that its user knows is named where it cannot be read, or is none
  auto out = files_in(directory / "blobs");
  std::error_code error;
  std::erase_if(out, [&](const fs::path& inner) { return !fs::is_directory(inner, error); });
  out.push_back(directory / "images");
  return out;
}

}  // namespace

std::vector<CacheEntry> cache_entries(const fs::path& directory) {
  std::vector<CacheEntry> out;
  for (const auto& inner : directories_of(directory)) add_entries(inner, out);
  sort_by_use(out);
  return out;
}

std::uint64_t prune_cache(const fs::path& directory, std::uint64_t max_bytes) {
  Removal removal;
  std::vector<CacheEntry> entries;
  for (const auto& inner : directories_of(directory)) {
    removal.attempt([&] {
      remove_unfinished(inner, removal);
      add_entries(inner, entries);
    });
  }
  sort_by_use(entries);
  std::uint64_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.bytes;
  std::uint64_t freed = 0;
  for (const auto& entry : entries) {
    if (bytes - freed <= max_bytes) break;
    if (removal.remove(entry.path)) freed += entry.bytes;
  }
  removal.throw_failure();
  return freed;
}

}  // namespace sifkit::oci

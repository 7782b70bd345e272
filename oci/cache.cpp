// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/cache.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/text.h>

#include "cache_files.h"

namespace sifkit::oci {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kSignOfLife = 5s;    ///< how often a process shows that it runs
constexpr auto kNotRunning = 30s;   ///< without one it is not waited for

fs::path blob_path(const fs::path& directory, const Digest& digest) {
  return directory / "blobs" / to_string(digest.algorithm()) / digest.hex();
}

void touch(int fd) {
  const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  ::futimens(fd, now);  // without it the file only looks older than it is
}

constexpr unsigned kFileMode = 0644;  ///< less the umask: what its group may write to has to be hashed at every use

/// The same of a cache that is only asked: one that cannot be read has nothing.
std::vector<fs::path> readable_files_in(const fs::path& directory) {
  try {
    return files_in(directory);
  } catch (const Error&) {
    return {};
  }
}

/// Of this process. Who has one waits for no other: that may be its own, or that of a process which waits for it.
std::atomic<unsigned> turns_held = 0;

/// The one file that stands for a turn, kept alive by its owner.
class Turn {
 public:
  Turn(File file, std::string path) : file_(std::move(file)), path_(std::move(path)) {
    try {
      thread_ = start_background_thread([this] {
        std::unique_lock lock(mutex_);
        while (!changed_.wait_for(lock, kSignOfLife, [this] { return over_; })) touch(file_.fd());
      });
    } catch (const std::system_error&) {
      // Without a thread there is no sign of life: others wait for kNotRunning, and fetch for themselves then.
    }
    ++turns_held;
  }
  ~Turn() {
    --turns_held;
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    ::unlink(path_.c_str());  // before the lock is given back: whoever waited sees that it is gone
  }

 private:
  File file_;
  std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace

bool others_may_write(const File& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return true;
  const bool trusted = status.st_uid == ::geteuid() || status.st_uid == 0;
  return !trusted || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

Cache::Cache(CacheOptions options, const OperationContext& operation)
    : options_(std::move(options)), operation_(operation) {
  tell_absent();
  // A turn is for one directory, wherever the process that names it is.
  if (!options_.directory.empty()) options_.directory = fs::absolute(options_.directory);
}

Cache::~Cache() {
  if (!kept_) return;
  try {
    prune_cache(options_.directory, options_.max_bytes);
  } catch (const std::exception&) {  // it stays as it is
  }
}

/// Once, as the directories are the same for all that have the same options.
void Cache::tell_absent() const {
  for (const auto& directory : options_.read_only) {
    struct stat status {};
    const bool there = ::stat(directory.c_str(), &status) == 0;
    if (there && S_ISDIR(status.st_mode)) continue;
    const auto why = there ? "it is no directory" : errno == ENOENT ? "it is not there" : "it cannot be reached";
    if (options_.told_absent->exchange(true)) return;
    const auto name = in_quotes(directory.native());
    operation_.logger->write(LogLevel::warning, fmt::format("the shared cache {} is not used: {}", name, why));
  }
}

/// Others need not know what a user fetches; who wants to share makes the directory.
void Cache::make_directories(const fs::path& inner) const {
  const auto make = [](const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw_errno(fmt::format("create directory {}", in_quotes(directory.native())), error.value());
  };
  make(options_.directory.parent_path());
  ::mkdir(options_.directory.c_str(), 0700);
  make(inner);
}

/// Once: what a directory lacks for one file it lacks for the next.
void Cache::tell_unkept(const std::exception& error) {
  if (options_.told_unkept->exchange(true)) return;
  const auto* const known = dynamic_cast<const Error*>(&error);
  const auto why = known != nullptr ? known->message() : "there is no memory for it";
  operation_.logger->write(LogLevel::info, fmt::format("the cache keeps nothing: {}", why));
}

std::shared_ptr<const File> Cache::checked(const fs::path& path, const Digest& digest,
                                           std::optional<std::uint64_t> size, bool own) const {
  std::shared_ptr<const File> file;
  std::string problem;
  try {
    const auto status = status_of(path);
    if (!status || !S_ISREG(status->st_mode)) return nullptr;
    file = std::make_shared<const File>(File::open_read(path));
    Hasher hasher(digest.algorithm());
    hash_ahead(std::make_unique<FileSource>(file), hasher, {operation_.logger, &no_progress(), operation_.stop});
    if (size && file->size() != *size) {
      problem = fmt::format("expected {} bytes, found {}", *size, file->size());
    } else if (const auto found = hasher.finish(); found != digest) {
      problem = fmt::format("its digest is {}", found.text());
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    if (error.kind() == ErrorKind::not_found) return nullptr;  // another process has pruned
    problem = error.message();
  }
  if (problem.empty()) {
    operation_.logger->write(LogLevel::debug, fmt::format("{} is in the {}: {}", digest.text(),
                                                          own ? "cache" : "shared cache", in_quotes(path.native())));
    if (own) touch(file->fd());
    return file;
  }
  operation_.logger->write(LogLevel::warning, fmt::format("{} in the cache is damaged ({}): it is fetched again",
                                                          in_quotes(path.native()), problem));
  if (own) ::unlink(path.c_str());
  return nullptr;
}

std::shared_ptr<const File> Cache::find(const Digest& digest, std::uint64_t size) const {
  for (const auto& directory : options_.read_only) {
    if (auto file = checked(blob_path(directory, digest), digest, size, false)) return file;
  }
  return options_.directory.empty() ? nullptr : checked(blob_path(options_.directory, digest), digest, size, true);
}

/// Errors of the kept file end the keeping, not the reading.
class Cache::KeepingSource : public Source {
 public:
  KeepingSource(Cache& cache, std::unique_ptr<Source> source, const fs::path& path, std::uint64_t size)
      : cache_(cache), source_(std::move(source)), size_(size) {
    quietly([&] {
      cache_.make_directories(path.parent_path());
      file_ = std::make_unique<AtomicFile>(path, Overwrite::yes, kFileMode);
    });
  }

  std::size_t read(std::span<std::byte> into) override {
    const auto got = source_->read(into);
    if (!file_) return got;
    quietly([&] {
      file_->file().write_at(done_, ByteView(into).first(got));
      done_ += got;
      if (done_ > size_) file_.reset();
      if (!file_ || done_ < size_) return;
      file_->commit(Durable::no);
      file_.reset();
      cache_.kept_ = true;
    });
    return got;
  }

 private:
  void quietly(auto&& body) {
    try {
      body();
    } catch (const std::exception& error) {
      file_.reset();
      cache_.tell_unkept(error);
    }
  }

  Cache& cache_;
  std::unique_ptr<Source> source_;
  std::uint64_t size_;
  std::uint64_t done_ = 0;
  std::unique_ptr<AtomicFile> file_;
};

std::unique_ptr<Source> Cache::keep(std::unique_ptr<Source> source, const Digest& digest, std::uint64_t size) {
  if (options_.directory.empty() || size == 0 || size > options_.max_bytes) return source;
  return std::make_unique<KeepingSource>(*this, std::move(source), blob_path(options_.directory, digest), size);
}

std::optional<Cache::KeptImage> Cache::find_image(const Digest& key) const {
  for (const auto& directory : options_.read_only) {
    if (auto found = find_image_in(directory, key, false)) return found;
  }
  return options_.directory.empty() ? std::nullopt : find_image_in(options_.directory, key, true);
}

std::optional<Cache::KeptImage> Cache::find_image_in(const fs::path& directory, const Digest& key, bool own) const {
  for (const auto& path : readable_files_in(directory / "images")) {
    const auto parts = parts_of_image_name(path.filename());
    if (!parts || parts->first != key.hex()) continue;
    const auto digest = parsed_digest("sha256", parts->second);
    if (!digest) continue;
    if (auto file = checked(path, *digest, std::nullopt, own)) return KeptImage{std::move(file), *digest};
  }
  return std::nullopt;
}

void Cache::keep_image(const Digest& key, const File& image, const Digest& digest) {
  if (options_.directory.empty() || image.size() > options_.max_bytes) return;
  try {
    const auto path = options_.directory / "images" / fmt::format("{}-{}", key.hex(), digest.hex());
    make_directories(path.parent_path());
    AtomicFile file(path, Overwrite::yes, kFileMode);
    copy_range(image, 0, file.file(), 0, image.size(), {operation_.logger, &no_progress(), operation_.stop});
    file.commit(Durable::no);
    kept_ = true;
  } catch (const std::exception& error) {
    tell_unkept(error);
  }
}

std::shared_ptr<const void> Cache::take_turn(const Digest& digest) const {
  if (options_.directory.empty()) return nullptr;
  // On this machine: locks of a shared file system may hang.
  const auto place = digest_of(as_bytes(options_.directory.native() + "\n" + digest.text()));
  const auto path = fmt::format("/tmp/.sifkit-{}-{}.turn", ::geteuid(), place.hex().substr(0, 32));
  bool told = false;
  while (true) {
    operation_.check();
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
    struct stat opened {};
    if (!fd || ::fstat(fd.get(), &opened) != 0 || !S_ISREG(opened.st_mode) || opened.st_uid != ::geteuid()) return nullptr;
    File file(std::move(fd), path);
    if (file.try_lock()) {
      const auto named = status_of(path);
      if (!named || !is_same_file(*named, opened)) continue;  // its owner has just ended
      touch(file.fd());
      return std::make_shared<Turn>(std::move(file), path);
    }
    const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(opened.st_mtim.tv_sec);
    if (age > kNotRunning || turns_held != 0) return nullptr;
    if (!std::exchange(told, true))
      operation_.logger->write(LogLevel::info, "waiting for another process that fetches the image");
    std::this_thread::sleep_for(100ms);
  }
}

}  // namespace sifkit::oci

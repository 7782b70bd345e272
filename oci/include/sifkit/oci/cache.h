// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

namespace sifkit::oci {

/// Where what was fetched or made is kept. Empty: nothing is.
struct CacheOptions {
  std::filesystem::path directory;               ///< the user's own; empty: nothing is kept
  std::vector<std::filesystem::path> read_only;  ///< what a site keeps for all, looked at first
  std::uint64_t max_bytes = std::uint64_t{20} << 30;
  /// Whether the user has heard that nothing can be kept: one answer for all that have the same options.
  std::shared_ptr<std::atomic<bool>> told_unkept = std::make_shared<std::atomic<bool>>(false);
  /// The same of directories of the site that are not there.
  std::shared_ptr<std::atomic<bool>> told_absent = std::make_shared<std::atomic<bool>>(false);
};

struct CacheEntry {
  std::filesystem::path path;
  bool is_image = false;  ///< a finished SIF, else a blob
  std::string name;       ///< "sha256:HEX"
  std::uint64_t bytes = 0;
  std::int64_t used = 0;  ///< when it was last made or asked for, in seconds since 1970
};

/// What a directory keeps, the one that goes first in front. Nothing where it is absent; throws denied or io where it
/// cannot be read.
SIFKIT_API std::vector<CacheEntry> cache_entries(const std::filesystem::path& directory);
/// Removes what was used longest ago until no more than `max_bytes` are left, and what others left unfinished a
/// day ago. The bytes that became free come back. Throws denied or io, at the end, when something could not be removed.
SIFKIT_API std::uint64_t prune_cache(const std::filesystem::path& directory, std::uint64_t max_bytes);

/// Whether somebody else than this user and root may write to a file of a cache. What is read of one was then perhaps
/// changed since its digest was computed, and is hashed once more.
SIFKIT_API bool others_may_write(const File& file);

/// Blobs and finished SIFs by content, in a directory that many processes on many machines may share: there are no
/// locks, every file gets its name when it is whole (rename), and its digest is computed whenever it is read. That
/// nothing can be kept is no error. Safe for several threads.
class SIFKIT_API Cache {
 public:
  Cache(CacheOptions options, const OperationContext& operation);
  /// Prunes, if something was kept.
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  bool is_on() const noexcept { return !options_.directory.empty() || !options_.read_only.empty(); }

  /// The blob, its digest checked just now; nothing where it is absent. One that is damaged is told and dropped.
  std::shared_ptr<const File> find(const Digest& digest, std::uint64_t size) const;
  /// The bytes of `source`, which are kept when `size` of them have passed. It throws with the last of them where they
  /// are not of the digest, as downloads do: nobody computes that twice.
  std::unique_ptr<Source> keep(std::unique_ptr<Source> source, const Digest& digest, std::uint64_t size);

  struct KeptImage {
    std::shared_ptr<const File> file;
    Digest digest;
  };
  /// A finished SIF, by what it was made of and how; its digest was checked just now.
  std::optional<KeptImage> find_image(const Digest& key) const;
  void keep_image(const Digest& key, const File& image, const Digest& digest);

  /// Waits while another process of this user on this machine has the turn for `digest`, so that an image is fetched
  /// once. The turn is over when the result is gone; a process that does not run is not waited for. While this process
  /// has a turn it waits for no other, not even its own: to fetch twice is waste, to wait in a circle has no end.
  std::shared_ptr<const void> take_turn(const Digest& digest) const;

 private:
  class KeepingSource;

  std::shared_ptr<const File> checked(const std::filesystem::path& path, const Digest& digest,
                                      std::optional<std::uint64_t> size, bool own) const;
  std::optional<KeptImage> find_image_in(const std::filesystem::path& directory, const Digest& key, bool own) const;
  void make_directories(const std::filesystem::path& inner) const;
  void tell_unkept(const std::exception& error);
  void tell_absent() const;

  CacheOptions options_;
  const OperationContext operation_;
  std::atomic<bool> kept_ = false;
};

}  // namespace sifkit::oci

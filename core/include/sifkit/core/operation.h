// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/hint.h>

namespace sifkit {

/// Something that was dropped or changed, which the user should know. `kind` is a stable word for programs
/// ("xattr-dropped"); `text` says it in a line.
struct Warning {
  std::string kind;
  std::string text;
  Hint hint = {};
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Where messages go. The library's default is silence. Implementations must allow calls from several threads.
class SIFKIT_API Logger {
 public:
  virtual ~Logger() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;
};

/// How far an operation is. Calls come from the thread that runs the operation, a few hundred a second at most.
class SIFKIT_API Progress {
 public:
  virtual ~Progress() = default;
  /// A new phase with `total` bytes to do (0: unknown).
  virtual void stage(std::string_view name, std::uint64_t total) = 0;
  virtual void advance(std::uint64_t bytes) = 0;
};

SIFKIT_API Logger& silent_logger() noexcept;
SIFKIT_API Progress& no_progress() noexcept;

/// What every long operation is given: where to talk, and when to stop. The referents outlive the operation.
struct OperationContext {
  Logger* logger = &silent_logger();
  Progress* progress = &no_progress();
  std::stop_token stop;

  /// Throws cancelled once a stop was requested. Called at least every few MiB of work.
  void check() const {
    if (stop.stop_requested()) throw_cancelled();
  }
  [[noreturn]] SIFKIT_API static void throw_cancelled();
};

/// Collects warnings: each kind is listed up to `kPerKind` times, then only counted, so a hostile input cannot fill
/// the memory with them. `add` may be called from several threads; the rest when they are done.
class SIFKIT_API WarningList {
 public:
  static constexpr std::size_t kPerKind = 20;

  void add(std::string kind, std::string text, Hint hint = {});
  /// Adds the warnings that were held back in another list.
  void add_all(const WarningList& held);
  const std::vector<Warning>& listed() const noexcept { return listed_; }
  /// How many of a kind there were in all, listed or not.
  std::uint64_t count(std::string_view kind) const;
  /// How many of each kind are not listed, where there are any.
  std::vector<std::pair<std::string, std::uint64_t>> unlisted() const;
  std::uint64_t total() const noexcept { return total_; }

 private:
  struct Tally {
    std::string kind;
    std::uint64_t count = 0;
  };
  std::mutex mutex_;
  std::vector<Warning> listed_;
  std::vector<Tally> tallies_;
  std::uint64_t total_ = 0;
};

}  // namespace sifkit

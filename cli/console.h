// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <ostream>
#include <stop_token>
#include <string>

#include <sifkit/core/operation.h>
#include <sifkit/core/units.h>

namespace sifkit::cli {

/// Everything a command may touch of the terminal. Tests make one over string streams and run whole commands in
/// process.
struct Console {
  std::ostream& out;  ///< results
  std::ostream& err;  ///< talk: messages and progress
  int in = 0;         ///< standard input
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool in_is_terminal = false;
  bool out_is_for_others = false;  ///< results go into a file that others may open
  std::function<int()> width = [] { return 80; };  ///< columns of the terminal, as they are now
  std::stop_token stop;

  /// The same over other streams.
  Console with_streams(std::ostream& other_out, std::ostream& other_err) const {
    return {other_out, other_err, in, out_is_terminal, err_is_terminal, in_is_terminal, out_is_for_others, width, stop};
  }
};

enum class ProgressStyle { automatic, bar, plain, json, none };

/// Writes "sifkit: warning: …" lines; clears a progress bar first. Thread safe.
class ConsoleLogger : public Logger {
 public:
  ConsoleLogger(Console& io, LogLevel least) : io_(io), least_(least) {}
  void write(LogLevel level, std::string_view text) override;

  /// One line of progress that stays until the next line of any kind. Empty: clears it.
  void set_status(const std::string& line);
  /// A line of its own, whatever the level.
  void write_line(std::string_view line);

 private:
  void clear_status();

  Console& io_;
  LogLevel least_;
  std::mutex mutex_;
  bool status_shown_ = false;
};

/// Phase, bytes, rate and time left: a bar that redraws itself on a terminal, a line now and then elsewhere, or one
/// JSON record a line.
class ConsoleProgress : public Progress {
 public:
  ConsoleProgress(ConsoleLogger& logger, ProgressStyle style, std::function<int()> width);
  void stage(std::string_view name, std::uint64_t total) override;
  void advance(std::uint64_t bytes) override;
  /// Removes the bar.
  void done();

 private:
  using Clock = std::chrono::steady_clock;
  void show(Clock::time_point now);

  ConsoleLogger& logger_;
  ProgressStyle style_;
  std::function<int()> width_;
  std::string stage_;
  std::uint64_t total_ = 0;
  std::uint64_t bytes_ = 0;
  Clock::time_point started_;
  Clock::time_point shown_;
};

/// "1:02" or "1:02:03".
std::string human_time(double seconds);

}  // namespace sifkit::cli

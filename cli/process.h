// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <csignal>
#include <ostream>
#include <stop_token>
#include <thread>

#include "console.h"

namespace sifkit::cli {

/// Closed standard descriptors are opened on /dev/null, so that no file of ours becomes one of them; SIGPIPE and
/// SIGXFSZ become errors of the call; a setuid program refuses to run. Where memory runs out and nobody can catch it, what
/// is unfinished is removed and the exit code is that of ErrorKind::limit.
void prepare_process();

/// What libraries write to the C stream stderr is dropped from now on, such as the debugging lines that librnp has as
/// distributions build it, of keys and signatures that it does not like. std::cerr is not that stream.
void hush_libraries();

/// No core file can hold a key of this process from now on.
void forbid_core_dumps();

/// A console over the process's own streams.
Console terminal_console(std::ostream& out, std::ostream& err, std::stop_token stop);

/// Turns the first SIGINT, SIGTERM, SIGHUP or SIGQUIT into a stop request. When the work has not ended a second later,
/// or at the second signal (not within a tenth of a second: senders repeat themselves), unfinished files and directories are
/// removed and the process ends with 128 + the signal's number. Make it before any other thread: the signals are blocked
/// in every thread but its own.
class StopOnSignals {
 public:
  StopOnSignals();
  ~StopOnSignals();
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;

  std::stop_token token() const noexcept { return source_.get_token(); }
  /// `code`, or 128 + the signal when one came and the work stopped because of it.
  int exit_code_or(int code) const noexcept;

 private:
  void watch();
  /// True when the process is to end by force; false when it is ending by itself.
  bool wait_for_impatience(const sigset_t& set);

  std::stop_source source_;
  std::atomic<int> signal_ = 0;
  std::atomic<bool> ending_ = false;
  std::jthread thread_;
};

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include <sifkit/core/stream.h>

#include "console.h"

namespace sifkit::cli {

/// Who reads our standard output has gone, as `head` does. No error to talk about; the program ends as SIGPIPE ends others.
struct ReaderGone {};

/// Throws what errno says of a write to standard output that has just failed: ReaderGone or Error.
[[noreturn]] void throw_output_failure();

/// Results that are bytes on standard output. On a terminal text is escaped, as everything is (terminal_filter.h), and what
/// holds a NUL byte is refused (usage).
class StreamSink : public Sink {
 public:
  explicit StreamSink(const Console& io) : out_(io.out), terminal_(io.out_is_terminal) {}
  void write(ByteView bytes) override;

 private:
  std::ostream& out_;
  bool terminal_;
};

}  // namespace sifkit::cli

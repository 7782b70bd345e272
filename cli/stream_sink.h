// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include <sifkit/core/stream.h>

namespace sifkit::cli {

/// Who reads our standard output has gone, as `head` does. No error to talk about; the program ends as SIGPIPE ends others.
struct ReaderGone {};

/// Throws what errno says of a write to standard output that has just failed: ReaderGone or Error.
[[noreturn]] void throw_output_failure();

/// Results that are bytes, not text.
class StreamSink : public Sink {
 public:
  explicit StreamSink(std::ostream& out) : out_(out) {}
  void write(ByteView bytes) override;

 private:
  std::ostream& out_;
};

}  // namespace sifkit::cli

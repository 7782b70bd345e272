// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include <sifkit/core/error.h>
#include <sifkit/core/stream.h>

namespace sifkit::cli {

/// Results that are bytes, not text.
class StreamSink : public Sink {
 public:
  explicit StreamSink(std::ostream& out) : out_(out) {}

  void write(ByteView bytes) override {
    const auto text = as_text(bytes);
    if (!out_.write(text.data(), static_cast<std::streamsize>(text.size()))) throw Error(ErrorKind::io, "cannot write to standard output");
  }

 private:
  std::ostream& out_;
};

}  // namespace sifkit::cli

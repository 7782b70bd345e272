// SPDX-License-Identifier: Apache-2.0
#include "stream_sink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::cli {

void throw_output_failure() {
  const int error_number = errno;
  if (error_number == EPIPE) throw ReaderGone();
  static constexpr std::string_view kWhat = "write to standard output";
  if (error_number == ENOSPC || error_number == EDQUOT) throw_errno(kWhat, error_number);
  throw Error(ErrorKind::io, fmt::format("{}: {}", kWhat, error_number == 0 ? "it is closed" : std::strerror(error_number)));
}

namespace {

bool steers_terminal(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t' && c != '\r') || byte == 0x7f;
}

}  // namespace

void StreamSink::write(ByteView bytes) {
  const auto text = as_text(bytes);
  if (terminal_ && std::any_of(text.begin(), text.end(), steers_terminal)) {
    throw Error(ErrorKind::usage, "these bytes are no text, and not written to a terminal", "let '> FILE' or a pipe take them");
  }
  errno = 0;
  if (!out_.write(text.data(), static_cast<std::streamsize>(text.size()))) throw_output_failure();
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "stream_sink.h"

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

void StreamSink::write(ByteView bytes) {
  const auto text = as_text(bytes);
  if (terminal_ && text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::usage, "binary data is not written to a terminal", "redirect it to a file or a pipe");
  }
  errno = 0;
  if (!out_.write(text.data(), static_cast<std::streamsize>(text.size()))) throw_output_failure();
}

}  // namespace sifkit::cli

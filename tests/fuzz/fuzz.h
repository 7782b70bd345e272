// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <sys/mman.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>

// What every fuzz target is made of. A target is one function over bytes; libFuzzer or replay_main.cpp calls it.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sifkit::fuzz {

/// A property that holds for every input that was accepted.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "does not hold: " << what << '\n';
  std::abort();
}

/// Whether `body` accepted the input. To refuse it is what hostile input deserves; an error that calls itself a bug, and
/// any other exception, is a finding.
template <class Body>
bool accepted(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    require(error.kind() != ErrorKind::internal, error.what());
    return false;
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// Bounds that let an input be explored in milliseconds.
inline Limits small_limits() {
  Limits limits;
  limits.entries = 5000;
  limits.metadata_bytes = 1u << 26;
  limits.stream_bytes = 1u << 20;
  limits.file_bytes = 1u << 18;
  limits.tar_extension_bytes = 1u << 16;
  limits.decoder_window = 1u << 20;
  return limits;
}

/// A file in memory for what is opened by its path; one for each number.
template <int number = 0>
std::string path_of(std::string_view bytes) {
  static const int fd = ::memfd_create("input", MFD_CLOEXEC);
  static const File file(UniqueFd(fd), "input");
  file.truncate(0);
  file.write_at(0, as_bytes(bytes));
  return "/proc/self/fd/" + std::to_string(fd);
}

}  // namespace sifkit::fuzz

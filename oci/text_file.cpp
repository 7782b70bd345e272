// SPDX-License-Identifier: Apache-2.0
#include "text_file.h"

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 20;

}  // namespace

std::optional<std::string> read_text_file(const std::filesystem::path& path) {
  try {
    const auto source = sifkit::open_source(path);
    return std::string(as_text(read_all(*source, kMaxFileBytes, path.native())));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::not_found) return std::nullopt;
    throw;
  }
}

}  // namespace sifkit::oci

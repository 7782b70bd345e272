// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/sif/image.h>

namespace sifkit {

/// Throws unsupported for a file that is another kind of image than a SIF; the error names the kind, as for every source
/// (oci::identify). Returns for all other files.
SIFKIT_API void expect_no_other_image(const std::filesystem::path& path);

/// Runs `body`, which takes the file for a SIF. The SIF module knows single files only; where it finds none, what is in
/// an archive is told here.
template <class Body>
auto with_sif_file(const std::filesystem::path& path, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::unsupported) expect_no_other_image(path);
    throw;
  }
}

/// As sif::Image::open.
inline sif::Image open_sif(const std::filesystem::path& path) {
  return with_sif_file(path, [&] { return sif::Image::open(path); });
}

}  // namespace sifkit

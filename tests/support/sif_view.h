// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <sifkit/core/digest.h>
#include <sifkit/sif/image.h>

namespace sifkit::testing {

/// Everything that an image says to a reader: two files with the same view are the same image, wherever their tables
/// lie and whatever stands between the objects.
inline std::string view_of(const std::filesystem::path& path) {
  const sif::Image image = sif::Image::open(path);
  sif::Header header = image.header();
  header.descriptors_offset = header.descriptors_size = header.descriptors_total = header.descriptors_free = 0;
  const Bytes head = header.encode();
  std::string out = to_hex(head) + "\n";
  for (const auto* object : image.objects()) {
    out += to_hex(object->encode()) + " " + digest_of(image.read_data(*object, 1u << 30)).text() + "\n";
  }
  return out;
}

}  // namespace sifkit::testing

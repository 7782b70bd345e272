// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>

namespace sifkit::cli {

struct Session;

/// What siftool prints for an image, to the byte.
std::string header_text(const sif::Image& image);
std::string list_text(const sif::Image& image);
std::string info_text(const sif::Descriptor& object);

/// Pieces of it: "2020-06-30 00:01:56 +0000 UTC", for any 64-bit time; "FS (Squashfs/*System/amd64)".
std::string time_text(std::int64_t seconds);
std::string type_text(const sif::Descriptor& object);

/// What is wrong with a SIF file, as its reader says: one warning each.
void warn_of_problems(const Session& session, const std::string& file, std::span<const std::string> problems);

/// The same as JSON records.
Json header_record(const sif::Image& image);
Json object_record(const sif::Descriptor& object);

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/inspect.h>
#include <sifkit/oci/image_config.h>

namespace sifkit {

/// Names of the objects that describe a container in a SIF.
inline constexpr const char* kInspectMetadataName = "inspect-metadata.json";
inline constexpr const char* kOciConfigName = "oci-config.json";

/// "Monday_2_August_2021_14:9:36_UTC": the form in which `inspect` has always shown build dates.
std::string build_date(std::int64_t seconds);

/// What goes into labels.json: the image's labels, and over them those that describe the build.
TextMap container_labels(const oci::ImageConfig& config, std::string_view architecture, std::int64_t seconds,
                         std::string_view bootstrap, std::string_view from);

/// labels.json: keys sorted, TAB-indented, no final line feed, escaped as Go does.
std::string labels_json(const TextMap& labels);

/// The definition text of a container that was made from an image.
std::string definition_text(std::string_view bootstrap, std::string_view from);

/// The SIF object "inspect-metadata.json": compact, in the order and with the escapes of Go's encoder. Final line feeds
/// of the texts are dropped, empty texts and maps left out.
std::string inspect_metadata_json(const ContainerAttributes& attributes);

/// The other way round, as Go reads JSON. What is of another type than it should be is left out with a warning, what is not
/// known passed over. Throws malformed for what is no such document at all.
ContainerAttributes parse_inspect_metadata(std::string_view json, const Limits& limits, WarningList& warnings);

/// The labels in a labels.json, likewise.
TextMap parse_labels(std::string_view json, const Limits& limits, WarningList& warnings);

/// Texts as they are in such documents: without final line feeds, and every byte that is no UTF-8 replaced by U+FFFD.
std::string without_final_line_feeds(std::string_view text);
std::string valid_utf8(std::string_view text);

}  // namespace sifkit

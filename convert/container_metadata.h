// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <sifkit/oci/image_config.h>

namespace sifkit {

using TextMap = std::map<std::string, std::string>;

/// "Monday_2_August_2021_14:9:36_UTC": the form in which `inspect` has always shown build dates.
std::string build_date(std::int64_t seconds);

/// What goes into labels.json: the image's labels, and over them those that describe the build.
TextMap container_labels(const oci::ImageConfig& config, std::string_view architecture, std::int64_t seconds,
                         std::string_view bootstrap, std::string_view from);

/// labels.json: keys sorted, TAB-indented, no final line feed, escaped as Go does.
std::string labels_json(const TextMap& labels);

/// The definition text of a container that was made from an image.
std::string definition_text(std::string_view bootstrap, std::string_view from);

/// What `inspect` shows. Empty texts and maps are left out of the JSON.
struct ContainerAttributes {
  TextMap environment;  ///< path in the container to text
  TextMap labels;
  std::string runscript;
  std::string test;
  std::string helpfile;
  std::string deffile;
  std::string startscript;
};

/// The SIF object "inspect-metadata.json": compact, in the order and with the escapes of Go's encoder. Final line feeds
/// of the texts are dropped.
std::string inspect_metadata_json(const ContainerAttributes& attributes);

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/descriptor.h>

namespace sifkit::oci {

/// What a container made from the image runs with (OCI image-spec config.md, member `config`).
struct ExecConfig {
  std::vector<std::string> env;  ///< as stored, in order, duplicates kept
  std::vector<std::string> entrypoint;  ///< `[""]`, which stands for none, is empty
  std::vector<std::string> cmd;
  std::vector<std::pair<std::string, std::string>> labels;  ///< sorted by name
  std::string user;
  std::string working_dir;
};

/// One command of those that made an image.
struct HistoryStep {
  std::string created;     ///< as stored, may be empty
  std::string created_by;  ///< the command
  std::string comment;
  bool empty_layer = false;  ///< it made no layer
};

/// OCI image-spec config.md.
struct ImageConfig {
  Platform platform;
  std::string created;                           ///< RFC 3339 text as stored, may be empty
  std::optional<std::int64_t> created_seconds;   ///< since 1970, where `created` is a sound date
  ExecConfig config;
  std::vector<Digest> diff_ids;
  std::string raw;  ///< the document

  /// Checks everything that is used later; odd but harmless values become warnings. Throws malformed, unsupported
  /// (an operating system that is not linux).
  SIFKIT_API static ImageConfig parse(std::string_view json, const Limits& limits, WarningList& warnings);

  /// What the document says of how the image was made, oldest first. Nothing checks it: what is of another type than it
  /// should be is empty.
  SIFKIT_API std::vector<HistoryStep> history() const;

  /// The inner `config` object as Go's encoding/json writes go-containerregistry's Config: known members only, in its
  /// order, compact, HTML-escaped, zero values left out. What Apptainer stores as "oci-config.json".
  SIFKIT_API std::string go_config_json() const;
};

/// "2024-05-01T10:20:30.123+02:00" to seconds since 1970; nothing for what is not RFC 3339.
SIFKIT_API std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace sifkit::oci

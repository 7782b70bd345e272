// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/file.h>

#include "commands.h"

namespace sifkit::cli {

/// Where figures go: a file that appears whole, `-` for standard output, a pipe or a device; nowhere for an empty path.
/// Opened before the work, which a name that cannot be written must not cost.
class SideOutput {
 public:
  SideOutput(const std::string& path, Session& session);
  void write(std::string_view text);

 private:
  std::string path_;
  Session& session_;
  std::optional<AtomicFile> file_;
  UniqueFd stream_;
};

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/file.h>
#include <sifkit/oci/reference.h>

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

/// Figures must not take the place of what is read or written, which cannot be made again. Throws usage where the file of
/// the option, if it is one, is `other`, a path or empty, and says `what` that is.
void refuse_name(const std::string& option, const std::string& name, const std::string& other, std::string_view what);
/// The same of the source.
void refuse_source(const std::string& option, const std::string& name, const oci::Reference& source);

}  // namespace sifkit::cli

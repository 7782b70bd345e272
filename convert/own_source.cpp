// SPDX-License-Identifier: Apache-2.0
#include "own_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/layers/glob.h>

namespace sifkit {

void refuse_own_source(const oci::Reference& source, const std::filesystem::path& target) {
  if (oci::is_service(source.transport)) return;
  struct stat from {};
  struct stat to {};
  const bool there =
      source.location == "-" ? ::fstat(STDIN_FILENO, &from) == 0 : ::stat(source.location.c_str(), &from) == 0;
  if (!there || ::stat(target.c_str(), &to) != 0 || !is_same_file(from, to)) return;
  throw Error(ErrorKind::usage, fmt::format("the output {} is the source itself", in_quotes(target.native())),
              "choose another name for the output");
}

void refuse_inside_source(const oci::OpenedSource& source, const std::filesystem::path& target,
                          const std::vector<std::string>& excludes) {
  struct stat root {};
  const auto& location = source.reference().location;
  if (!source.is_root() || ::stat(location.c_str(), &root) != 0 || !S_ISDIR(root.st_mode)) return;
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(target, error);
  std::filesystem::path around = std::filesystem::canonical(is_directory ? target : directory_of(target), error);
  if (error) return;  // whoever opens the target says what is wrong with it
  for (std::string inside;; around = around.parent_path()) {
    struct stat status {};
    if (::stat(around.c_str(), &status) == 0 && is_same_file(root, status)) {
      if (!inside.empty() && layers::PathPatterns(excludes).cover(inside)) return;
      throw Error(ErrorKind::usage,
                  fmt::format("the output {} is inside the source {}", in_quotes(target.native()), in_quotes(location)),
                  "choose a place outside of it for the output");
    }
    if (around == around.parent_path()) return;
    inside = around.filename().native() + (inside.empty() ? "" : "/" + inside);
  }
}

}  // namespace sifkit

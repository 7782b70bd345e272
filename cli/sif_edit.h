// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>
#include <sifkit/core/in_file.h>
#include <sifkit/sif/image_editor.h>
#include <sifkit/sif_file.h>
#include <sifkit/trust/stale_signature.h>

#include "commands.h"

namespace sifkit::cli {

/// Opens an image and lets `change` work on it and commit; errors of both name the image. Signatures stay when what
/// they sign goes or changes: those are named.
template <class Change>
void edit_sif(const std::string& file, const Session& session, const Change& change) {
  auto editor = with_sif_file(file, [&] { return sif::ImageEditor(file, {.operation = session.operation()}); });
  in_file(file, [&] { change(editor); });
  for (const auto& broken : trust::signatures_broken_by_edit(editor.image(), sif::Image::open(file))) {
    session.logger->write(
        LogLevel::warning,
        fmt::format("signature {} of {} does not hold any more: {}", broken.id,
                    broken.group != 0 ? fmt::format("group {}", broken.group) : "an object", printable(broken.reason)));
  }
}

/// For an edit that puts a new file in the place of the old one, which was `before`: hard links stay with the old one.
inline void warn_of_other_names(const std::string& file, const struct stat& before, const Session& session) {
  struct stat now {};
  if (before.st_nlink < 2 || ::stat(file.c_str(), &now) != 0 || is_same_file(before, now)) return;
  session.logger->write(LogLevel::warning,
                        fmt::format("{} is a new file; the other names (hard links) of the old one have the old image",
                                    in_quotes(file)));
}

}  // namespace sifkit::cli

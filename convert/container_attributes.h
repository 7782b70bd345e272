// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/inspect.h>

#include "container_files.h"

namespace sifkit {

/// What keeps a part of the metadata from being read is a warning, and costs that part only.
template <class Read>
void read_part(std::string_view what, WarningList& warnings, const Read& read) {
  try {
    read();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled || error.kind() == ErrorKind::internal) throw;
    warnings.add("metadata-left-out", fmt::format("{} is left out: {}", what, error.what()));
  }
}

/// What the files of a container say of it: the same as the metadata that newer builds store beside them.
ContainerAttributes read_attributes(ContainerFiles& files, const Limits& limits, WarningList& warnings);

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/image.h>

namespace sifkit {
class OpenedFileSystem;
}  // namespace sifkit

namespace sifkit::inspect {

using NamedDigests = std::vector<std::pair<std::string, std::optional<Digest>>>;

/// What of an image has a digest of its own as it is stored: `file` and, of a SIF, `partition`; else `manifest` and `config`.
SIFKIT_API NamedDigests stored_digests(const oci::Reference& reference, const oci::SourceOptions& options,
                                       WarningList& warnings);

/// The same of what is open already; of a root file system, which has none, nothing.
SIFKIT_API NamedDigests stored_digests(OpenedFileSystem& image, const OperationContext& operation);

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <sifkit/convert.h>
#include <sifkit/core/export.h>
#include <sifkit/core/json.h>
#include <sifkit/inspect.h>
#include <sifkit/inspect/tree_digest.h>

namespace sifkit::records {

/// "docker-daemon: my_app:latest": what the image was built from.
SIFKIT_API std::string origin(const InspectReport& report);

/// The user ids of those who have signed, by fingerprint, as far as the rings know them.
SIFKIT_API std::map<std::string, std::string> names_of_signers(const ContainerSummary& summary);

/// What an image is, made of what, signed by whom; every field is there, null for nothing. Signatures are not verified.
SIFKIT_API Json summary_record(const InspectReport& report);

/// A sifkit/build/v1 record.
SIFKIT_API Json build_record(const ConvertReport& report, const WarningList& warnings);

/// The member "tree" of a sifkit/digest/v1 record.
SIFKIT_API Json tree_record(const inspect::TreeDigest& tree, bool with_runtime_files);

}  // namespace sifkit::records

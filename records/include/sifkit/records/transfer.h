// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/copy_image.h>
#include <sifkit/core/export.h>
#include <sifkit/core/json.h>
#include <sifkit/pull_image.h>
#include <sifkit/push_image.h>

namespace sifkit::records {

/// What an image is known by where it was written: docker's archives and its daemon know it by its configuration.
SIFKIT_API const Digest& digest_at(const oci::Target& target, const CopyReport& report);

/// A sifkit/copy/v1 record, with `all` of `copy_all`.
SIFKIT_API Json copy_record(const std::string& source, const oci::Target& target, const CopyReport& report,
                            bool all = false);

/// A sifkit/push/v1 record. `paths` begins with those of the files.
SIFKIT_API Json push_record(const std::string& uri, const std::vector<std::string>& paths,
                            const std::vector<oci::SifFile>& files, const oci::PushReport& report);

/// A sifkit/pull/v1 record.
SIFKIT_API Json pull_record(const std::string& uri, const PullReport& report);

}  // namespace sifkit::records

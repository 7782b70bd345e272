// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/verify.h>

namespace sifkit::cli {

/// What was found, for people: what is covered and what is not, by whom, and the verdict in the last line.
std::string verify_text(const sif::Image& image, const trust::VerifyReport& report);

/// The same for one file of a sifkit/verify/v1 record. `image` and `report` are null where the file could not be looked at.
Json verify_record(const std::string& file, const sif::Image* image, const trust::VerifyReport* report, const Error* failure);

/// What `apptainer verify --json` prints, to the byte: an entry for each object that a signature covers. Every signature
/// is there, where Apptainer stops at the first that does not hold.
std::string apptainer_json(const sif::Image& image, const trust::VerifyReport& report);
/// The same where nothing could be looked at.
std::string apptainer_json_of_nothing();

}  // namespace sifkit::cli

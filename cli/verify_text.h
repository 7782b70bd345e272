// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/sif/image.h>
#include <sifkit/trust/verify.h>

namespace sifkit::cli {

/// What was found, for people: what is covered and what is not, by whom, and the verdict in the last line.
std::string verify_text(const sif::Image& image, const trust::VerifyReport& report);

/// What `apptainer verify --json` prints, to the byte: an entry for each object that a signature covers. Every signature
/// is there, where Apptainer stops at the first that does not hold.
std::string apptainer_json(const sif::Image& image, const trust::VerifyReport& report);
/// The same where nothing could be looked at.
std::string apptainer_json_of_nothing();

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/verify.h>

namespace sifkit::records {

/// One file of a sifkit/sign/v1 record.
SIFKIT_API Json sign_record(const std::string& file, const trust::SignReport& report);

/// One file of a sifkit/verify/v1 record. `image` and `report` are null where the file could not be looked at.
SIFKIT_API Json verify_record(const std::string& file, const sif::Image* image, const trust::VerifyReport* report,
                              const Error* failure);

}  // namespace sifkit::records

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/json.h>

namespace sifkit::records {

/// A sifkit/error/v1 record. `hint` is the error's in the words of whoever shows it; may be empty.
SIFKIT_API Json error_record(const Error& error, const std::string& hint);

/// A record as text, bytes that are no UTF-8 replaced.
SIFKIT_API std::string record_text(const Json& record, int indent);

}  // namespace sifkit::records

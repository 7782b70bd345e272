// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/error.h>

namespace sifkit::records {

Json error_record(const Error& error, const std::string& hint) {
  return {{"schema", "sifkit/error/v1"},
          {"kind", to_string(error.kind())},
          {"exit_code", exit_code(error.kind())},
          {"message", error.message()},
          {"context", error.context()},
          {"hint", hint.empty() ? Json(nullptr) : Json(hint)}};
}

std::string record_text(const Json& record, int indent) { return record.dump(indent, ' ', false, Json::error_handler_t::replace); }

}  // namespace sifkit::records

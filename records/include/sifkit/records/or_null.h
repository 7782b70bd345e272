// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>

namespace sifkit::records {

/// In a record what is not there is null, so that every record of a schema has the same members.
inline Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
inline Json digest_or_null(const std::optional<Digest>& digest) { return digest ? Json(digest->text()) : Json(nullptr); }
inline Json id_or_null(std::uint32_t id) { return id == 0 ? Json(nullptr) : Json(id); }

template <class Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json(nullptr);
}

}  // namespace sifkit::records

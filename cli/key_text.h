// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/json.h>
#include <sifkit/trust/key_store.h>

#include "table.h"

namespace sifkit::cli {

/// Seconds from `now` on: "never" (nothing), "2y", "6m", "3w", "90d", or the start of a day, "2028-01-31". Throws usage.
std::optional<std::uint32_t> lifetime_from(std::string_view text, std::int64_t now);

/// "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84  Ada <ada@example.org>", escaped.
std::string one_line(const trust::PgpKeyInfo& key);

Json key_record(const trust::PgpKeyInfo& key);

/// A row for each user id but the first, which has one already; of many only some.
void add_more_ids(Table& table, std::size_t column, std::span<const std::string> ids);

/// A table of keys; a line of its own for each further user id. On a terminal that is too narrow only the end
/// of a fingerprint is shown, which names the key as well. `places` are those of `ring` that are shown, by which 'sign -k'
/// names them.
std::string table_of(std::span<const trust::PgpKeyInfo> ring, std::span<const std::size_t> places, const Console& io);

}  // namespace sifkit::cli

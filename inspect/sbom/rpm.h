// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sifkit/core/bytes.h>

#include "findings.h"

/// The databases of rpm. Each is a container of headers, which are the same in all of them.
namespace sifkit::sbom {

enum class RpmContainer { none, sqlite, ndb, hash };

/// What a file is by its first bytes.
RpmContainer rpm_container(ByteView bytes) noexcept;

/// Calls `visit` for each header in a container; throws malformed where that is damaged.
void for_each_rpm_header(ByteView database, const std::function<void(ByteView header)>& visit);
void for_each_ndb_header(ByteView database, const std::function<void(ByteView header)>& visit);
void for_each_hash_header(ByteView database, const std::function<void(ByteView header)>& visit);

/// Hands headers on while they take no more bytes together than the database has: of a damaged one, which may name the
/// same bytes again and again, the rest is refused with limit. `visit` outlives the result.
std::function<void(ByteView header)> each_byte_once(ByteView database,
                                                    const std::function<void(ByteView header)>& visit);

/// `log` is the write-ahead log beside it, whose changes count; empty where there is none.
void for_each_sqlite_header(ByteView database, ByteView log, const std::function<void(ByteView header)>& visit);

/// The package that a header describes; keys, which lie among packages, are passed over. Throws malformed.
void read_rpm_header(ByteView header, Findings& out);

}  // namespace sifkit::sbom

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <sifkit/core/on_demand.h>

/// SQLite, which is loaded when an image has a database of its kind.
namespace sifkit::sbom {

inline constinit OnDemandLibrary libsqlite3{"libsqlite3.so.0", "libsqlite3-0"};

SIFKIT_ON_DEMAND(libsqlite3, sqlite3_blob_bytes);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_blob_close);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_blob_open);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_blob_read);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_close);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_column_int64);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_deserialize);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_errmsg);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_finalize);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_libversion);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_limit);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_open_v2);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_prepare_v2);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_progress_handler);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_set_authorizer);
SIFKIT_ON_DEMAND(libsqlite3, sqlite3_step);

}  // namespace sifkit::sbom

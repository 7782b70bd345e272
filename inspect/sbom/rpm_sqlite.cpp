// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/freed_by.h>
#include <sifkit/inspect/database.h>

#include "big_endian.h"
#include "rpm.h"
#include "sqlite.h"

namespace sifkit::sbom {

namespace {

using Connection = std::unique_ptr<sqlite3, FreedBy<sqlite3_close>>;
using Statement = std::unique_ptr<sqlite3_stmt, FreedBy<sqlite3_finalize>>;
using Value = std::unique_ptr<sqlite3_blob, FreedBy<sqlite3_blob_close>>;

constexpr std::size_t kDatabaseHeader = 100;
constexpr std::size_t kLogHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr int kStepsApart = 1'000'000;  ///< instructions of SQLite's machine
constexpr int kMaxLooks = 1000;         ///< so many times
constexpr std::size_t kMaxValue = 512u << 20;  ///< that SQLite makes: more than a header of a package may have

/// The running checksum of a log, over words whose byte order its magic tells.
struct LogChecksum {
  std::uint32_t one = 0;
  std::uint32_t two = 0;
  bool big = false;

  void add(ByteView bytes) {
    const auto word = [&](std::size_t at) {
      return big ? load_be<std::uint32_t>(bytes.data() + at) : load_le<std::uint32_t>(bytes.data() + at);
    };
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      one += word(i) + two;
      two += word(i + 4) + one;
    }
  }
  bool is(const std::byte* at) const {
    return load_be<std::uint32_t>(at) == one && load_be<std::uint32_t>(at + 4) == two;
  }
};

/// Writes what a write-ahead log has committed into the database. A log, or the rest of one, that does not hold is none:
/// SQLite reads it so.
void apply_log(Bytes& database, ByteView log) {
  if (log.size() < kLogHeader) return;
  const auto magic = load_be<std::uint32_t>(log.data());
  if ((magic & ~1u) != 0x377f0682) return;
  const std::size_t page_size = load_be<std::uint32_t>(log.data() + 8);
  if (page_size < 512 || page_size > 65536 || (page_size & (page_size - 1)) != 0) return;
  LogChecksum sum{.big = (magic & 1u) != 0};
  sum.add(log.first(24));
  if (!sum.is(log.data() + 24)) return;
  const auto salts = log.subspan(16, 8);
  std::size_t committed = 0;  // frames
  std::uint64_t pages = 0;    // of the database after them
  std::size_t frames = 0;
  const auto frame = [&](std::size_t i) {
    return log.subspan(kLogHeader + i * (kFrameHeader + page_size), kFrameHeader + page_size);
  };
  while ((frames + 1) * (kFrameHeader + page_size) <= log.size() - kLogHeader) {
    const auto here = frame(frames);
    if (as_text(here.subspan(8, 8)) != as_text(salts)) break;
    sum.add(here.first(8));
    sum.add(here.subspan(kFrameHeader));
    if (!sum.is(here.data() + 16)) break;
    ++frames;
    if (const auto size = load_be<std::uint32_t>(here.data() + 4); size != 0) {
      committed = frames;
      pages = size;
    }
  }
  if (committed == 0) return;
  if (pages * page_size > database.size() + log.size()) {
    throw Error(ErrorKind::malformed,
                fmt::format("sqlite: the log makes {} pages of a database that cannot have them", pages));
  }
  database.resize(static_cast<std::size_t>(pages * page_size));
  for (std::size_t i = 0; i < committed; ++i) {
    const auto here = frame(i);
    const std::uint64_t number = load_be<std::uint32_t>(here.data());
    if (number == 0 || number > pages) continue;
    std::copy(here.begin() + kFrameHeader, here.end(),
              database.begin() + static_cast<std::ptrdiff_t>((number - 1) * page_size));
  }
}

[[noreturn]] void fail(sqlite3* connection, int result) {
  // A database can ask for more than anybody has; that is no reason to end what is read beside it.
  if (result == SQLITE_NOMEM) throw Error(ErrorKind::limit, "sqlite: the database takes more memory than there is");
  throw Error(ErrorKind::malformed, fmt::format("sqlite: {}", sqlite3_errmsg(connection)));
}

/// Lets a statement read the table itself and nothing else: what is named Packages may be a view, or a module that
/// reads other tables, and make any number of bytes of nothing.
int only_packages(void*, int action, const char* table, const char*, const char*, const char* view) {
  if (view != nullptr) return SQLITE_DENY;
  if (action == SQLITE_SELECT) return SQLITE_OK;
  return action == SQLITE_READ && std::strcmp(table, "Packages") == 0 ? SQLITE_OK : SQLITE_DENY;
}

/// The bytes of a row's `blob`, as they lie in the file: no expression is evaluated, as a generated column has one.
Bytes read_blob(sqlite3* connection, sqlite3_int64 row, std::size_t most) {
  sqlite3_blob* raw = nullptr;
  int result = sqlite3_blob_open(connection, "main", "Packages", "blob", row, 0, &raw);
  const Value value(raw);
  if (result != SQLITE_OK) fail(connection, result);
  const int size = sqlite3_blob_bytes(raw);
  if (static_cast<std::size_t>(size) > most) {
    throw Error(ErrorKind::malformed,
                fmt::format("sqlite: a package of {} bytes in a database of {}", size, most));
  }
  Bytes out(static_cast<std::size_t>(size));
  result = sqlite3_blob_read(raw, out.data(), size, 0);
  if (result != SQLITE_OK) fail(connection, result);
  return out;
}

}  // namespace

void for_each_sqlite_header(ByteView bytes, ByteView log, const std::function<void(ByteView)>& visit) {
  Bytes database(bytes.begin(), bytes.end());
  apply_log(database, log);
  if (database.size() < kDatabaseHeader) throw Error(ErrorKind::malformed, "sqlite: the file is cut short");
  // What is in memory has no log: the file's version says so.
  database[18] = database[19] = std::byte{1};
  sqlite3* raw = nullptr;
  int result = sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const Connection connection(raw);
  if (result != SQLITE_OK) fail(raw, result);
  const auto size = static_cast<sqlite3_int64>(database.size());
  result = sqlite3_deserialize(raw, "main", reinterpret_cast<unsigned char*>(database.data()), size, size,
                               SQLITE_DESERIALIZE_READONLY);
  if (result != SQLITE_OK) fail(raw, result);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, static_cast<int>(std::min(database.size(), kMaxValue)));
  sqlite3_set_authorizer(raw, only_packages, nullptr);
  int looks = 0;
  sqlite3_progress_handler(
      raw, kStepsApart, [](void* at) { return ++*static_cast<int*>(at) > kMaxLooks ? 1 : 0; }, &looks);
  sqlite3_stmt* prepared = nullptr;
  // The table's own order is that of its rows' numbers, which are rpm's: nothing has to be sorted.
  result = sqlite3_prepare_v2(raw, "SELECT rowid FROM Packages NOT INDEXED", -1, &prepared, nullptr);
  const Statement statement(prepared);
  if (result == SQLITE_ERROR || result == SQLITE_AUTH) {
    throw Error(ErrorKind::malformed, fmt::format("sqlite: expected a table Packages: {}", sqlite3_errmsg(raw)));
  }
  if (result != SQLITE_OK) fail(raw, result);
  const auto visit_once = each_byte_once(database, visit);
  while ((result = sqlite3_step(prepared)) == SQLITE_ROW) {
    visit_once(read_blob(raw, sqlite3_column_int64(prepared, 0), database.size()));
  }
  if (result != SQLITE_DONE) fail(raw, result);
}

std::string database_library_version() { return sqlite3_libversion(); }

}  // namespace sifkit::sbom

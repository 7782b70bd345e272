// SPDX-License-Identifier: Apache-2.0
//
// The databases of rpm: each container, and what is refused of damaged ones.
#include <sqlite3.h>

#include "sbom/catalogers.h"
#include "sbom/rpm.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/rpm_databases.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

std::vector<sbom::Package> packages_of(const std::string& database, const std::string& log = {}) {
  WarningList warnings;
  sbom::Findings found(warnings);
  found.distribution = {"rocky", "9.1", ""};
  found.read("rpm", "var/lib/rpm/Packages", [&] {
    const auto take = [&](ByteView header) { sbom::read_rpm_header(header, found); };
    if (log.empty()) return sbom::for_each_rpm_header(as_bytes(database), take);
    sbom::for_each_sqlite_header(as_bytes(database), as_bytes(log), take);
  });
  CHECK(warnings.total() == 0);
  return found.packages();
}

void check_bash(const std::vector<sbom::Package>& packages) {
  REQUIRE(packages.size() == 1);
  const auto& bash = packages[0];
  CHECK(bash.purl ==
        "pkg:rpm/rocky/bash@5.1-2.el9?arch=x86_64&distro=rocky-9.1&epoch=1&upstream=bash-5.1-2.el9.src.rpm");
  CHECK(bash.name == "bash");
  CHECK(bash.version == "1:5.1-2.el9");
  CHECK(bash.license == "GPLv3+");
  CHECK(bash.supplier == "Organization: Rocky");
  CHECK(bash.homepage == "https://www.gnu.org/software/bash");
  CHECK(bash.locations == std::vector<std::string>{"/var/lib/rpm/Packages"});
}

std::string refusal(const std::string& database) {
  const auto error = error_of([&] { sbom::for_each_rpm_header(as_bytes(database), [](ByteView) {}); });
  return error ? error->what() : "";
}

std::string header_refusal(const std::string& header) {
  WarningList warnings;
  sbom::Findings found(warnings);
  const auto error = error_of([&] { sbom::read_rpm_header(as_bytes(header), found); });
  return error ? error->what() : "";
}

/// What SQLite itself writes; with a log, the row is in that alone.
std::pair<std::string, std::string> sqlite_database(const std::vector<std::string>& headers, bool log) {
  const TempDir directory;
  const auto path = (directory / "rpmdb.sqlite").string();
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  const auto run = [&](const char* statement) {
    REQUIRE(sqlite3_exec(database, statement, nullptr, nullptr, nullptr) == SQLITE_OK);
  };
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA wal_autocheckpoint=0");
  run("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)");
  run("PRAGMA wal_checkpoint(TRUNCATE)");
  for (const auto& header : headers) {
    sqlite3_stmt* insert = nullptr;
    REQUIRE(sqlite3_prepare_v2(database, "INSERT INTO Packages (blob) VALUES (?)", -1, &insert, nullptr) == SQLITE_OK);
    sqlite3_bind_blob(insert, 1, header.data(), static_cast<int>(header.size()), SQLITE_TRANSIENT);
    REQUIRE(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_finalize(insert);
  }
  if (!log) run("PRAGMA wal_checkpoint(TRUNCATE)");
  std::pair<std::string, std::string> out{read_file(path), read_file(path + "-wal")};
  sqlite3_close(database);
  return out;
}

}  // namespace

TEST_CASE("each container of rpm gives the packages, not the keys among them", "[inspect][sbom]") {
  check_bash(packages_of(ndb_database(rpm_headers())));
  check_bash(packages_of(hash_database(rpm_headers(), false)));
  check_bash(packages_of(hash_database(rpm_headers(), true)));
  check_bash(packages_of(sqlite_database(rpm_headers(), false).first));
}

TEST_CASE("what a log of SQLite has committed counts", "[inspect][sbom]") {
  const auto [database, log] = sqlite_database(rpm_headers(), true);
  REQUIRE(!log.empty());
  CHECK(packages_of(database).empty());
  check_bash(packages_of(database, log));
  // What does not hold is no part of it: from a damaged frame on, or all of it.
  auto torn = log;
  torn[torn.size() - 1] = static_cast<char>(torn.back() ^ 1);
  check_bash(packages_of(database, torn.substr(0, torn.size() - 1)));  // the last frame is the key's
  auto foreign = log;
  foreign[16] = static_cast<char>(foreign[16] ^ 1);
  CHECK(packages_of(database, foreign).empty());
}

TEST_CASE("damaged databases of rpm are refused", "[inspect][sbom]") {
  CHECK(refusal("text") == "expected a database of rpm: sqlite, ndb or a hash file of Berkeley DB");
  const auto ndb = ndb_database(rpm_headers());
  CHECK(refusal(ndb.substr(0, 31)) == "ndb: expected a header of 32 bytes, got 31");
  CHECK(refusal(std::string(ndb).replace(4, 1, "\1")) == "ndb: expected version 0, got 1");
  CHECK(refusal(std::string(ndb).replace(12, 1, "\2")) ==
        "ndb: the table of slots ends at 8192, the file at " + std::to_string(ndb.size()));
  CHECK(refusal(std::string(ndb).replace(32, 1, "s")) == "ndb: expected a slot at 32");
  CHECK(refusal(ndb.substr(0, ndb.size() - 16)).starts_with("ndb: package 2 has "));
  CHECK(refusal(std::string(ndb).replace(4096, 1, "b")) == "ndb: what lies at 4096 is not package 1");
  const auto hash = hash_database(rpm_headers(), false);
  CHECK(refusal(hash.substr(0, 511)) == "Berkeley DB: expected a page of metadata, got 511 bytes");
  CHECK(refusal(std::string(hash).replace(20, 1, "\3")) ==
        "Berkeley DB: expected a page size from 512 to 65536, got 515");
  CHECK(refusal(std::string(hash).replace(512 + 20, 2, "\xff\x7f")) == "Berkeley DB: page 1: 32767 entries do not fit");
  auto loop = hash;
  loop.replace(2 * 512 + 16, 1, "\2");
  CHECK(refusal(loop.replace(512 + 512 - 5 - 4, 4, little_32(1u << 20))).find(" ends after ") != std::string::npos);
  CHECK(refusal(std::string(hash).replace(2 * 512 + 22, 2, "\0\0", 2)) == "Berkeley DB: page 2 is no part of a value");
  const auto sqlite = sqlite_database(rpm_headers(), false).first;
  CHECK(refusal(sqlite.substr(0, 99)) == "sqlite: the file is cut short");
  CHECK(refusal(sqlite.substr(0, 100)).starts_with("sqlite: "));
}

TEST_CASE("databases of rpm that name the same bytes again and again are refused", "[inspect][sbom]") {
  const auto visits = [](const std::string& database) {
    std::size_t count = 0;
    const auto error = error_of([&] { sbom::for_each_rpm_header(as_bytes(database), [&](ByteView) { ++count; }); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::limit);
    CHECK(error->message() == "the headers of all packages take more than the " + std::to_string(database.size()) + " bytes of the database");
    return count;
  };
  for (const auto& header : {rpm_header({{1000, "bash"}, {1001, std::string(3000, '1')}}), rpm_header({{1000, "gpg-pubkey"}, {1001, std::string(3000, '1')}})}) {
    auto ndb = ndb_database({header});
    for (std::size_t slot = 48; slot < 4096; slot += 16) ndb.replace(slot, 16, ndb.substr(32, 16));
    CHECK(visits(ndb) == 2);
    auto hash = hash_database({header}, false);
    const auto entries = hash.substr(512 + 26, 4);
    hash.replace(512 + 20, 2, "\x40\0", 2);
    for (std::size_t pair = 1; pair < 32; ++pair) hash.replace(512 + 26 + pair * 4, 4, entries);
    CHECK(visits(hash) == 1);
  }
}

TEST_CASE("of a database of SQLite only the table of packages is read, and nothing is computed", "[inspect][sbom]") {
  const auto made_by = [](const std::string& statements) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(":memory:", &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, statements.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_int64 size = 0;
    unsigned char* const bytes = sqlite3_serialize(database, "main", &size, 0);
    REQUIRE(bytes != nullptr);
    const std::string out(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    sqlite3_free(bytes);
    sqlite3_close(database);
    return out;
  };
  const std::string many = "WITH RECURSIVE n(hnum) AS (SELECT 1 UNION ALL SELECT hnum + 1 FROM n LIMIT 1000) ";
  for (const std::string& statements :
       {"CREATE VIEW Packages AS " + many + "SELECT hnum, zeroblob(1000) AS blob FROM n",
        "CREATE VIEW Packages AS " + many + "SELECT hnum AS rowid, hnum, randomblob(100000000) AS blob FROM n",
        std::string("CREATE TABLE t(x); CREATE VIEW Packages AS SELECT rowid, x AS blob FROM t"),
        std::string("CREATE TABLE Other(hnum INTEGER PRIMARY KEY, blob BLOB)")}) {
    INFO(statements);
    CHECK(refusal(made_by(statements)).starts_with("sqlite: expected a table Packages: "));
  }
  for (const std::string& statements :
       {std::string("CREATE TABLE Packages(hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(2000)), x);"
                    "INSERT INTO Packages(x) VALUES (1)"),
        std::string("CREATE TABLE Packages(hnum INTEGER PRIMARY KEY, blob BLOB); INSERT INTO Packages VALUES (1, 7)")}) {
    INFO(statements);
    CHECK(refusal(made_by(statements)).starts_with("sqlite: cannot open "));
  }
}

TEST_CASE("damaged headers of packages are refused", "[inspect][sbom]") {
  const auto header = rpm_headers()[0];
  CHECK(header_refusal("1234567") == "header of a package: expected 8 bytes, got 7");
  CHECK(header_refusal(std::string(8, '\0')) == "header of a package: expected 1 to 65535 entries, got 0");
  CHECK(header_refusal(big_32(1) + big_32(1u << 30)) ==
        "header of a package: expected at most 256 MiB of data, got 1073741824");
  CHECK(header_refusal(header.substr(0, header.size() - 1)) == "header of a package: expected " +
                                                                   std::to_string(header.size()) + " bytes, got " +
                                                                   std::to_string(header.size() - 1));
  CHECK(header_refusal(big_32(1) + big_32(4) + big_32(1000) + big_32(6) + big_32(4) + big_32(1) + "bash") ==
        "header of a package: expected tag 1000 within 4 bytes of data, got 4");
  CHECK(header_refusal(big_32(1) + big_32(4) + big_32(1000) + big_32(6) + big_32(0) + big_32(1) + "bash") ==
        "header of a package: the text of tag 1000 has no end");
}

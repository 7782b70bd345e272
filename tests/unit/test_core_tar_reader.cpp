// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/tar_reader.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/tar_builder.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct Read {
  std::vector<TarMember> members;
  std::vector<std::string> data;
  std::unique_ptr<WarningList> warnings = std::make_unique<WarningList>();
};

Read read_tar(const std::string& bytes, const Limits& limits = {}) {
  Read out;
  MemorySource source(as_bytes(bytes));
  TarReader reader(source, limits, *out.warnings);
  while (auto member = reader.next()) {
    out.members.push_back(*member);
    std::string text(static_cast<std::size_t>(member->stored_size), '\0');
    std::size_t got = 0;
    while (got < text.size()) {
      const auto some = reader.read(std::as_writable_bytes(std::span(text)).subspan(got));
      if (some == 0) break;
      got += some;
    }
    out.data.push_back(text);
  }
  reader.drain();
  return out;
}

std::string gnu_member(char type, const std::string& text, const std::string& name = "././@LongLink") {
  std::string data = text + '\0';
  TarEntry entry{.name = name, .type = type, .data = data};
  std::string block = TarBuilder::header(entry);
  std::memcpy(block.data() + 257, "ustar  \0", 8);
  std::string out = TarBuilder::with_checksum(block) + data;
  out.resize((out.size() + 511) / 512 * 512);
  return out;
}

}  // namespace

TEST_CASE("members come with every field of their header", "[core][tar]") {
  TarBuilder tar;
  tar.add({.name = "dir/file", .data = "hello", .mode = 04755, .uid = 1000, .gid = 100, .mtime = 1234});
  tar.directory("empty").symlink("link", "../x").hard_link("hard", "dir/file");
  tar.add({.name = "null", .type = '3', .major = 1, .minor = 3}).add({.name = "pipe", .type = '6'});
  const auto read = read_tar(tar.bytes());
  REQUIRE(read.members.size() == 6);
  const auto& file = read.members[0];
  CHECK(file.name == "dir/file");
  CHECK(file.type == TarType::regular);
  CHECK(file.mode == 04755);
  CHECK(file.uid == 1000);
  CHECK(file.gid == 100);
  CHECK(file.mtime == 1234);
  CHECK(read.data[0] == "hello");
  CHECK(read.members[1].type == TarType::directory);
  CHECK(read.members[2].link_name == "../x");
  CHECK(read.members[3].type == TarType::hard_link);
  CHECK(read.members[4].device_major == 1);
  CHECK(read.members[4].device_minor == 3);
  CHECK(read.members[5].type == TarType::fifo);
  CHECK(read.warnings->total() == 0);
}

TEST_CASE("long names come by PAX, by GNU's members and by the ustar prefix", "[core][tar]") {
  const std::string name(300, 'n');
  CHECK(read_tar(TarBuilder().file(name, "x").bytes()).members[0].name == name);
  TarBuilder gnu;
  gnu.raw(gnu_member('L', name)).raw(gnu_member('K', "target" + name)).symlink("short", "cut");
  const auto read = read_tar(gnu.bytes());
  CHECK(read.members[0].name == name);
  CHECK(read.members[0].link_name == "target" + name);
  std::string block = TarBuilder::header({.name = "name"});
  std::memcpy(block.data() + 345, "a/prefix", 8);
  CHECK(read_tar(TarBuilder().raw(TarBuilder::with_checksum(block)).bytes()).members[0].name == "a/prefix/name");
}

TEST_CASE("PAX records replace fields of the header", "[core][tar]") {
  TarBuilder tar;
  tar.add({.name = "f",
           .data = "12345",
           .pax = {{"uid", "4000000000"}, {"mtime", "-1.5"}, {"SCHILY.xattr.user.b", std::string("\0\n=", 3)}, {"SCHILY.xattr.user.a", ""},
                   {"LIBARCHIVE.xattr.user.c%3D", "aGk="}}});
  const auto read = read_tar(tar.bytes());
  const auto& member = read.members[0];
  CHECK(member.uid == 4000000000u);
  CHECK(member.mtime == -2);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  CHECK(member.xattrs == Pairs{{"user.a", ""}, {"user.b", std::string("\0\n=", 3)}});
  CHECK(read_tar(TarBuilder().add({.name = "f", .pax = {{"mtime", "7.999"}}}).bytes()).members[0].mtime == 7);
}

TEST_CASE("numbers may be base-256", "[core][tar]") {
  std::string block = TarBuilder::header({.name = "big"});
  std::memset(block.data() + 124, 0, 12);
  block[124] = '\x80';
  block[131] = 2;  // 8 GiB and more
  const std::string bytes = TarBuilder::with_checksum(block);
  MemorySource source(as_bytes(bytes));
  WarningList warnings;
  const Limits limits;
  TarReader reader(source, limits, warnings);
  const auto member = reader.next();
  REQUIRE(member);
  CHECK(member->size == std::uint64_t{2} << 32);
  CHECK(error_of([&] { reader.next(); })->kind() == ErrorKind::malformed);
}

TEST_CASE("PAX sparse files of every format are expanded", "[core][tar][sparse]") {
  using Pax = std::vector<std::pair<std::string, std::string>>;
  const Pax pax = GENERATE(
      Pax{{"GNU.sparse.size", "20"}, {"GNU.sparse.numblocks", "2"}, {"GNU.sparse.offset", "3"}, {"GNU.sparse.numbytes", "2"}, {"GNU.sparse.offset", "10"}, {"GNU.sparse.numbytes", "1"}},
      Pax{{"GNU.sparse.size", "20"}, {"GNU.sparse.numblocks", "2"}, {"GNU.sparse.map", "3,2,10,1"}, {"GNU.sparse.name", "real"}});
  const auto read = read_tar(TarBuilder().add({.name = "real", .data = "abc", .pax = pax}).bytes());
  const auto& member = read.members[0];
  CHECK(member.name == "real");
  CHECK(member.sparse);
  CHECK(member.size == 20);
  REQUIRE(member.segments.size() == 2);
  CHECK(member.segments[0].offset == 3);
  CHECK(member.segments[0].length == 2);
  CHECK(member.segments[1].offset == 10);
  CHECK(read.data[0] == "abc");

  std::string map = "1\n5\n3\n";
  map.resize(512);
  const auto one = read_tar(TarBuilder()
                                .add({.name = "x", .data = map + "abc", .pax = {{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "r"}, {"GNU.sparse.realsize", "9"}}})
                                .file("after", "z")
                                .bytes());
  REQUIRE(one.members.size() == 2);
  CHECK(one.members[0].size == 9);
  CHECK(one.members[0].segments[0].offset == 5);
  CHECK(one.data[0] == "abc");
  CHECK(one.data[1] == "z");
}

TEST_CASE("what no sound archive holds is refused", "[core][tar][hostile]") {
  const auto sparse = [](const std::string& map, const std::string& size) {
    return TarBuilder().add({.name = "x", .data = "abc", .pax = {{"GNU.sparse.size", size}, {"GNU.sparse.map", map}}}).bytes();
  };
  const auto pax = [](const std::string& text) { return TarBuilder().add({.name = "p", .type = 'x', .data = text}).file("f", "").bytes(); };
  std::string bad_sum = TarBuilder().file("f", "x").bytes();
  bad_sum[0] = 'g';
  struct Case {
    const char* what;
    std::string bytes;
    ErrorKind kind;
  };
  const Case cases[] = {
      {"checksum", bad_sum, ErrorKind::malformed},
      {"header cut", TarBuilder().file("f", "x").without_end().substr(0, 300), ErrorKind::malformed},
      {"data cut", TarBuilder().file("f", std::string(2000, 'x')).without_end().substr(0, 1500), ErrorKind::malformed},
      {"extension cut", TarBuilder().add({.name = "p", .type = 'x', .data = std::string(2000, 'x')}).without_end().substr(0, 1000), ErrorKind::malformed},
      {"extension without a member", TarBuilder().add({.name = "p", .type = 'x', .data = TarBuilder::record("path", "x")}).bytes(), ErrorKind::malformed},
      {"single zero block", TarBuilder().file("f", "").raw(std::string(512, '\0')).file("g", "").bytes(), ErrorKind::malformed},
      {"unknown type", TarBuilder().add({.name = "f", .type = 'Z'}).bytes(), ErrorKind::unsupported},
      {"GNU dump directory", TarBuilder().add({.name = "f", .type = 'D'}).bytes(), ErrorKind::unsupported},
      {"record length zero", pax("0 path=x\n"), ErrorKind::malformed},
      {"record with leading zeros", pax("010 path=x\n"), ErrorKind::malformed},
      {"record too long", pax("99 path=x\n"), ErrorKind::malformed},
      {"record without a line feed", pax("8 path=xx"), ErrorKind::malformed},
      {"record without a key", pax("6 =abc\n"), ErrorKind::malformed},
      {"NUL in a path", pax(TarBuilder::record("path", std::string("a\0b", 3))), ErrorKind::malformed},
      {"size no number", pax(TarBuilder::record("size", "12x")), ErrorKind::malformed},
      {"size negative", pax(TarBuilder::record("size", "-1")), ErrorKind::malformed},
      {"uid negative", pax(TarBuilder::record("uid", "-1")), ErrorKind::malformed},
      {"time no number", pax(TarBuilder::record("mtime", "1.2.3")), ErrorKind::malformed},
      {"payload on a symlink", TarBuilder().add({.name = "l", .type = '2', .data = std::string(600, 'x'), .link = "t"}).bytes(), ErrorKind::malformed},
      {"sparse overlap", sparse("0,2,1,1", "20"), ErrorKind::malformed},
      {"sparse past the end", sparse("0,2,19,2", "20"), ErrorKind::malformed},
      {"sparse odd numbers", sparse("0,2,5", "20"), ErrorKind::malformed},
      {"sparse sum", sparse("0,2", "20"), ErrorKind::malformed},
      {"sparse too large", sparse("0,3", "9000000000000000000"), ErrorKind::limit},
  };
  for (const auto& test : cases) {
    INFO(test.what);
    const auto error = error_of([&] { read_tar(test.bytes); });
    CHECK(error.has_value());
    if (error) CHECK(error->kind() == test.kind);
  }
}

TEST_CASE("limits on extensions and attributes hold", "[core][tar][hostile]") {
  Limits limits;
  limits.tar_extension_bytes = 1000;
  limits.xattrs = 2;
  limits.xattr_value_bytes = 10;
  limits.file_bytes = 100;
  const auto kind_of = [&](const std::string& bytes) { return error_of([&] { read_tar(bytes, limits); })->kind(); };
  CHECK(kind_of(TarBuilder().file(std::string(1500, 'n'), "").bytes()) == ErrorKind::limit);
  CHECK(kind_of(TarBuilder().raw(gnu_member('L', std::string(1500, 'n'))).file("f", "").bytes()) == ErrorKind::limit);
  CHECK(kind_of(TarBuilder().add({.name = "f", .pax = {{"SCHILY.xattr.user.a", "12345678901"}}}).bytes()) == ErrorKind::limit);
  CHECK(kind_of(TarBuilder().add({.name = "f", .pax = {{"SCHILY.xattr.a", ""}, {"SCHILY.xattr.b", ""}, {"SCHILY.xattr.c", ""}}}).bytes()) == ErrorKind::limit);
  CHECK(kind_of(TarBuilder().file("f", std::string(101, 'x')).bytes()) == ErrorKind::limit);
}

TEST_CASE("what lies behind an archive's end is read up to a limit", "[core][tar][hostile]") {
  const std::string archive = TarBuilder().add({.name = "f", .data = "x"}).bytes();
  Limits limits;
  limits.trailing_bytes = 100'000;
  const std::string whole = archive + std::string(100'000, '\0');
  CHECK(read_tar(whole, limits).members.size() == 1);
  const auto error = error_of([&] { read_tar(whole + std::string(512, '\0'), limits); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(error->hint().text(), ContainsSubstring("raise the limit trailing_bytes"));
}

TEST_CASE("what real archives get wrong is read with a warning", "[core][tar]") {
  CHECK(read_tar("").members.empty());
  CHECK(read_tar(TarBuilder().file("f", "x").without_end()).members.size() == 1);
  const auto padding = read_tar(TarBuilder().file("f", "x").without_end().substr(0, 600));
  CHECK(padding.members.size() == 1);
  CHECK(padding.warnings->count("tar-end") == 1);
  const auto more = read_tar(TarBuilder().file("f", "x").bytes() + TarBuilder().file("g", "y").bytes());
  CHECK(more.members.size() == 1);
  CHECK(more.warnings->count("tar-end") == 1);
  const auto global = read_tar(TarBuilder().add({.name = "g", .type = 'g', .data = TarBuilder::record("path", "all")}).file("f", "x").bytes());
  CHECK(global.members[0].name == "f");
  CHECK(global.warnings->count("tar-global-header") == 1);
  CHECK(read_tar(TarBuilder().add({.name = "old/", .type = '\0'}).bytes()).members[0].type == TarType::directory);
}

TEST_CASE("cutting an archive anywhere ends in an error or a shorter list, never in a crash", "[core][tar][hostile]") {
  TarBuilder tar;
  tar.add({.name = "a", .data = "hello", .pax = {{"SCHILY.xattr.user.x", "y"}}}).directory("d").file(std::string(200, 'n'), std::string(700, 'x'));
  const std::string whole = tar.bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    std::size_t members = 0;
    const auto error = error_of([&] { members = read_tar(whole.substr(0, length)).members.size(); });
    CHECK(members <= 3);
    if (error) CHECK(error->kind() == ErrorKind::malformed);
  }
}

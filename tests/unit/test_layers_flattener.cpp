// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <algorithm>
#include <functional>

#include "support/catch.h"
#include "support/errors.h"
#include "support/flatten.h"
#include "support/tar_builder.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

using Listing = std::map<std::string, std::string>;

std::string tar(const std::function<void(TarBuilder&)>& fill) {
  TarBuilder builder;
  fill(builder);
  return builder.bytes();
}

#define LAYER(calls) tar([](TarBuilder& t) { t calls; })

Listing names_and_texts(const std::vector<std::string>& layers) {
  Listing out;
  for (const auto& [path, text] : flatten(layers)->listing()) {
    // "f 644 0:0 TEXT": what matters here is type and text.
    const auto owner = text.find(' ', 2);
    const auto rest = text.find(' ', owner + 1);
    out[path] = text.substr(0, 1) + (rest == std::string::npos ? "" : text.substr(rest));
  }
  return out;
}

/// What layers hide: "layer that hides it, how: path of layer size", sorted.
std::vector<std::string> lost_files(const std::vector<std::string>& layers, const Limits& limits = {}) {
  WarningList warnings;
  Flattener flattener(limits, warnings);
  for (std::size_t index = layers.size(); index-- > 0;) {
    LayerReader reader({.source = std::make_unique<MemorySource>(as_bytes(layers[index])), .name = "layer"}, {}, limits,
                       warnings);
    flattener.begin_layer(0);
    while (const auto entry = reader.next()) flattener.accept(*entry);
  }
  std::vector<std::string> out;
  std::vector<std::uint64_t> hidden(layers.size());
  std::size_t last = 0;
  std::vector<Flattener::Missing> missing;
  flattener.finish(missing, {}, [&](const LostFile& file) {
    CHECK(file.hidden_by >= last);
    last = file.hidden_by;
    ++hidden.at(file.hidden_by);
    out.push_back(fmt::format("{} {}: {} of {} {}", file.hidden_by, file.replaced ? "replaced" : "removed", file.path,
                              file.layer, file.size));
  });
  for (std::size_t index = 0; index < layers.size(); ++index) {
    CHECK(flattener.usage()[index].hidden_files == hidden[index]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

ErrorKind refused(const std::vector<std::string>& layers) {
  const auto error = error_of([&] { flatten(layers); });
  REQUIRE(error);
  return error->kind();
}

}  // namespace

TEST_CASE("a whiteout hides what older layers brought, whatever its place", "[layers][whiteout]") {
  const auto base = LAYER(.directory("d").file("d/a", "1").file("d/b", "2"));
  CHECK(names_and_texts({base, LAYER(.file("d/.wh.a", ""))}) == Listing{{"d", "d"}, {"d/b", "f 2"}});
  // wh04, wh05: the layer's own file stays, before or after the whiteout.
  CHECK(names_and_texts({base, LAYER(.file("d/.wh.a", "").file("d/a", "new"))}).at("d/a") == "f new");
  CHECK(names_and_texts({base, LAYER(.file("d/a", "new").file("d/.wh.a", ""))}).at("d/a") == "f new");
  // wh06, wh07: a directory that is removed and made again.
  const Listing again{{"d", "d"}, {"d/c", "f 3"}};
  CHECK(names_and_texts({base, LAYER(.file(".wh.d", "").directory("d").file("d/c", "3"))}) == again);
  CHECK(names_and_texts({base, LAYER(.directory("d").file("d/c", "3").file(".wh.d", ""))}) == again);
  // wh03, wh08, wh20, wh21: whiteouts of nothing.
  CHECK(names_and_texts({LAYER(.file(".wh.x", "").file("a", "1"))}) == Listing{{"a", "f 1"}});
  CHECK(names_and_texts({base, LAYER(.file("none/.wh.x", ""))}) == Listing{{"d", "d"}, {"d/a", "f 1"}, {"d/b", "f 2"}});
  CHECK(names_and_texts({base, LAYER(.file("d/a/.wh.x", ""))}).at("d/a") == "f 1");
  // wh18: through a link of an older layer.
  CHECK(names_and_texts({LAYER(.directory("real").file("real/x", "1").symlink("link", "real")), LAYER(.file("link/.wh.x", ""))}) ==
        Listing{{"link", "l real"}, {"real", "d"}});
  // wh09-wh11: type and body do not count.
  CHECK(names_and_texts({base, LAYER(.directory("d/.wh.a").file("d/.wh.b", "body"))}) == Listing{{"d", "d"}});
  // wh12-wh14.
  for (const char* name : {".wh.", ".wh..", ".wh...", "d/.wh."}) {
    INFO(name);
    CHECK(refused({base, TarBuilder().file(name, "").bytes()}) == ErrorKind::malformed);
  }
}

TEST_CASE("an opaque mark hides older entries of its directory only", "[layers][whiteout]") {
  const auto base = LAYER(.directory("d").file("d/old", "1").directory("d/sub").file("d/sub/x", "2").file("e", "3"));
  const Listing expected{{"d", "d"}, {"d/new", "f 4"}, {"e", "f 3"}};
  CHECK(names_and_texts({base, LAYER(.file("d/.wh..wh..opq", "").file("d/new", "4"))}) == expected);
  CHECK(names_and_texts({base, LAYER(.file("d/new", "4").file("d/.wh..wh..opq", ""))}) == expected);
  // op14: a grandchild with an implied parent.
  CHECK(names_and_texts({base, LAYER(.file("d/sub/new", "5").file("d/.wh..wh..opq", ""))}) == Listing{{"d", "d"}, {"d/sub", "d"}, {"d/sub/new", "f 5"}, {"e", "f 3"}});
  // op04: at the root.
  CHECK(names_and_texts({base, LAYER(.file(".wh..wh..opq", "").file("f", "6"))}) == Listing{{"f", "f 6"}});
  // A directory that a link led through and left again is not this layer's.
  CHECK(names_and_texts({LAYER(.file("c/old", "1").symlink("l", "c/../d")), LAYER(.file("l/x", "2").file(".wh..wh..opq", ""))}) ==
        Listing{{"d", "d"}, {"d/x", "f 2"}});
  // Through links, and through such as lead nowhere.
  CHECK(names_and_texts({LAYER(.file("d/old", "1").symlink("l", "m").symlink("m", "/d")), LAYER(.file("l/.wh..wh..opq", ""))}) == Listing{{"d", "d"}, {"l", "l m"}, {"m", "l /d"}});
  CHECK(refused({LAYER(.symlink("l", "l")), LAYER(.file("l/.wh..wh..opq", ""))}) == ErrorKind::malformed);
  // op05: nothing there.
  CHECK(names_and_texts({LAYER(.file("a", "1")), LAYER(.file("d/.wh..wh..opq", ""))}) == Listing{{"a", "f 1"}});
  // op15: over two layers.
  CHECK(names_and_texts({base, LAYER(.file("d/more", "7")), LAYER(.file("d/.wh..wh..opq", ""))}) == Listing{{"d", "d"}, {"e", "f 3"}});
}

TEST_CASE("types replace each other as extracting would", "[layers][replace]") {
  const auto base = LAYER(.directory("d").file("d/x", "1").file("f", "2").symlink("l", "d"));
  CHECK(names_and_texts({base, LAYER(.file("d", "now"))}) == Listing{{"d", "f now"}, {"f", "f 2"}, {"l", "l d"}});
  CHECK(names_and_texts({base, LAYER(.directory("f").file("f/y", "3"))}).at("f/y") == "f 3");
  // rp04: a directory entry over a link replaces it; rp05: an entry below the link goes through it.
  CHECK(names_and_texts({base, LAYER(.directory("l").file("l/y", "3"))}) == Listing{{"d", "d"}, {"d/x", "f 1"}, {"f", "f 2"}, {"l", "d"}, {"l/y", "f 3"}});
  CHECK(names_and_texts({base, LAYER(.file("l/y", "3"))}) == Listing{{"d", "d"}, {"d/x", "f 1"}, {"d/y", "f 3"}, {"f", "f 2"}, {"l", "l d"}});
  // rp07, rp09: a dangling link, and one that leaves the root.
  CHECK(names_and_texts({LAYER(.symlink("l", "a/b")), LAYER(.file("l/x", "1"))}) == Listing{{"a", "d"}, {"a/b", "d"}, {"a/b/x", "f 1"}, {"l", "l a/b"}});
  CHECK(names_and_texts({LAYER(.symlink("l", "../../etc")), LAYER(.file("l/x", "1"))}) == Listing{{"etc", "d"}, {"etc/x", "f 1"}, {"l", "l ../../etc"}});
  CHECK(refused({LAYER(.symlink("a", "b").symlink("b", "a")), LAYER(.file("a/x", "1"))}) == ErrorKind::malformed);
  // rp11: beneath a regular file.
  CHECK(names_and_texts({base, LAYER(.file("f/x", "1"))}).at("f/x") == "f 1");
  // rp17-rp24: the last of several counts.
  const auto twice = flatten({LAYER(.file("a", "1").file("a", "2"))});
  CHECK(twice->listing().at("a") == "f 644 0:0 2");
  CHECK(twice->warnings.count("duplicate-entry") == 1);
  // rp12: a directory over a directory changes its attributes and keeps its children.
  CHECK(flatten({base, LAYER(.directory("d", 0700))})->listing().at("d") == "d 700 0:0");
  CHECK(flatten({base, LAYER(.directory("d", 0700))})->listing().count("d/x") == 1);
  // rp26b: an implied parent keeps what it had.
  CHECK(flatten({LAYER(.directory("d", 0711)), LAYER(.file("d/x", ""))})->listing().at("d") == "d 711 0:0");
  CHECK(flatten({LAYER(.file("n/x", ""))})->listing().at("n") == "d 755 0:0");
  // Times of directories are those of their entries, whatever happens inside; implied ones have the layer's.
  const auto times = flatten({LAYER(.add({.name = "d/", .type = '5', .mtime = 99}).file("d/sub/x", "")), LAYER(.file("d/y", "").file("d/sub/.wh.x", ""))});
  CHECK(times->tree.inode(*times->tree.resolve("d", false)).metadata.mtime == 99);
  CHECK(times->tree.inode(*times->tree.resolve("d/sub", false)).metadata.mtime == 7);
}

TEST_CASE("hard links name the file that is there at that moment", "[layers][hardlink]") {
  const auto base = LAYER(.file("a", "old"));
  CHECK(names_and_texts({LAYER(.file("a", "1").hard_link("b", "a").hard_link("c", "b"))}) == Listing{{"a", "f 1"}, {"b", "f 1 = a"}, {"c", "f 1 = a"}});
  CHECK(names_and_texts({base, LAYER(.hard_link("b", "a"))}) == Listing{{"a", "f old"}, {"b", "f old = a"}});
  // hl02b: forward, with an older file of the name; hl04: the target replaced first.
  CHECK(names_and_texts({base, LAYER(.hard_link("b", "a").file("a", "new"))}) == Listing{{"a", "f new"}, {"b", "f old"}});
  CHECK(names_and_texts({base, LAYER(.file("a", "new").hard_link("b", "a"))}) == Listing{{"a", "f new"}, {"b", "f new = a"}});
  // hl06, hl19: the target goes, the bytes stay.
  CHECK(names_and_texts({base, LAYER(.hard_link("b", "a").file(".wh.a", ""))}) == Listing{{"b", "f old"}});
  CHECK(names_and_texts({LAYER(.file("a", "1").hard_link("b", "a")), LAYER(.file(".wh.a", ""))}) == Listing{{"b", "f 1"}});
  // rp14: one of two names is replaced.
  CHECK(names_and_texts({LAYER(.file("a", "1").hard_link("b", "a")), LAYER(.file("a", "2"))}) == Listing{{"a", "f 2"}, {"b", "f 1"}});
  // hl16: the link's own attributes do not count.
  CHECK(flatten({LAYER(.file("a", "1", 0600).add({.name = "b", .type = '1', .link = "a", .mode = 0777, .uid = 9}))})->listing().at("b") == "f 600 0:0 1 = a");
  // hl02, hl05, hl08, hl09, hl13, hl23, hl25.
  CHECK(refused({LAYER(.hard_link("b", "a").file("a", "1"))}) == ErrorKind::malformed);
  CHECK(refused({base, LAYER(.file(".wh.a", "").hard_link("b", "a"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.directory("d").hard_link("b", "d"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.file("a", "1").hard_link("a", "a"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.hard_link("a", ""))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.hard_link("a", "/"))}) == ErrorKind::malformed);
}

TEST_CASE("names are cleaned, and those that no image may hold are refused", "[layers][names]") {
  CHECK(names_and_texts({LAYER(.file("./a//b/./c", "1"))}) == Listing{{"a", "d"}, {"a/b", "d"}, {"a/b/c", "f 1"}});
  CHECK(names_and_texts({LAYER(.file("/abs", "1").file("x/../y", "2"))}) == Listing{{"abs", "f 1"}, {"y", "f 2"}});
  CHECK(flatten({LAYER(.directory(".", 0700))})->tree.inode(Tree::kRoot).metadata.mode == 0700);
  CHECK(refused({LAYER(.file("../a", "1"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.file("..", "1"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.symlink(".", "x"))}) == ErrorKind::malformed);
  CHECK(refused({LAYER(.symlink("a", ""))}) == ErrorKind::malformed);
  CHECK(refused({TarBuilder().file(std::string(256, 'n'), "").bytes()}) == ErrorKind::limit);
  CHECK(refused({TarBuilder().add({.name = "x", .type = '2', .link = std::string(4096, 't')}).bytes()}) == ErrorKind::limit);
  CHECK(refused({TarBuilder().add({.name = "x", .pax = {{"uid", "4294967295"}}}).bytes()}) == ErrorKind::malformed);
  LayerOptions clamp;
  clamp.clamp_climbing_names = true;
  CHECK(flatten({LAYER(.file("a/../../b", "1"))}, clamp)->listing().count("b") == 1);
}

TEST_CASE("attributes that do not belong into an image are dropped and reported", "[layers][xattrs]") {
  TarBuilder builder;
  builder.add({.name = "f",
               .pax = {{"SCHILY.xattr.user.keep", "1"},
                       {"SCHILY.xattr.security.capability", "2"},
                       {"SCHILY.xattr.security.selinux", "3"},
                       {"SCHILY.xattr.trusted.overlay.opaque", "y"},
                       {"SCHILY.xattr.system.posix_acl_access", "4"}}});
  const auto flat = flatten({builder.bytes()});
  CHECK(flat->listing().at("f") == "f 644 0:0  security.capability=2 user.keep=1");
  CHECK(flat->warnings.count("xattr-dropped") == 3);
  LayerOptions user;
  user.xattrs = XattrPolicy::user_only;
  CHECK(flatten({builder.bytes()}, user)->listing().at("f") == "f 644 0:0  user.keep=1");
}

TEST_CASE("one directory of many names is settled in linear time", "[layers]") {
  TarBuilder lower;
  TarBuilder upper;
  for (int i = 0; i < 60000; ++i) lower.file(fmt::format("d/{}", i), "");
  for (int i = 0; i < 60000; ++i) upper.file(fmt::format("d/.wh.{}", i), "");
  CHECK(flatten({lower.bytes(), upper.bytes()})->listing().size() == 1);
  for (int i = 0; i < 60000; ++i) upper.file(fmt::format("d/n{}", i), "").file("d/.wh..wh..opq", "");
  CHECK(flatten({lower.bytes(), upper.bytes()})->listing().size() == 60001);
}

TEST_CASE("an opaque mark counts once in a layer, also below and above itself", "[layers][whiteout]") {
  const auto lower = LAYER(.file("a/old", "").file("a/b/old", "").file("a/b/c/old", ""));
  const auto upper = LAYER(.file("a/b/new", "").file("a/b/.wh..wh..opq", "").file("a/b/c/new", "").file("a/.wh..wh..opq", "").file("a/b/.wh..wh..opq", "").file("a/b/c/.wh..wh..opq", ""));
  const auto again = LAYER(.file("a/b/newest", "").file("a/.wh..wh..opq", ""));
  CHECK(names_and_texts({lower, upper}) == Listing{{"a", "d"}, {"a/b", "d"}, {"a/b/c", "d"}, {"a/b/c/new", "f "}, {"a/b/new", "f "}});
  CHECK(names_and_texts({lower, upper, again}) == Listing{{"a", "d"}, {"a/b", "d"}, {"a/b/newest", "f "}});
}

TEST_CASE("the memory for names, targets and attributes is bounded, whatever asks for it", "[layers][hostile]") {
  const Limits limits{.metadata_bytes = 1u << 20};
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "/d";
  struct Shape {
    std::string what;
    int count;  // a few times what the limit holds
    std::function<void(TarBuilder&, int)> add;
  };
  const std::vector<Shape> shapes{
      {"names", 12000, [](TarBuilder& t, int i) { t.file(fmt::format("{}{}", i, std::string(240, 'n')), ""); }},
      {"targets of links", 1000, [](TarBuilder& t, int i) { t.symlink(std::to_string(i), std::string(4000, 't')); }},
      {"targets of hard links", 12000, [](TarBuilder& t, int i) { t.hard_link(std::to_string(i), fmt::format("{}/{}", i, std::string(200, 't'))); }},
      {"attributes", 60, [](TarBuilder& t, int i) { t.add({.name = std::to_string(i), .pax = {{"SCHILY.xattr.user.a", fmt::format("{}{}", i, std::string(60000, 'v'))}}}); }},
      {"directories that paths imply", 60, [&](TarBuilder& t, int i) { t.file(std::to_string(i) + deep, ""); }},
      {"names taken away again", 12000, [](TarBuilder& t, int i) { t.file(fmt::format("x/{}{}", i, std::string(200, 'n')), "").file("x", ""); }},
      {"records alone", 12000, [](TarBuilder& t, int i) { t.file(std::to_string(i), ""); }}};
  for (const auto& [what, most, add] : shapes) {
    INFO(what);
    const auto tar_of = [&, &fill = add](int count) {
      TarBuilder t;
      for (int i = 0; i < count; ++i) fill(t, i);
      return t.bytes();
    };
    const auto error = error_of([&] { flatten({tar_of(most)}, {}, limits); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::limit);
    CHECK_THAT(std::string(error->what()), ContainsSubstring("more than 1048576 bytes of memory"));
    CHECK_THAT(error->hint().text(), ContainsSubstring("raise the limit metadata_bytes"));
  }
  TarBuilder few;
  for (int i = 0; i < 2000; ++i) few.file(fmt::format("directory/{}", i), "");
  CHECK(flatten({few.bytes()}, {}, limits)->listing().size() == 2001);
}

TEST_CASE("files that layers hide are told with the path of their last name", "[layers][lost]") {
  using Lines = std::vector<std::string>;
  const auto base = LAYER(.directory("d").file("d/a", "1").file("d/b", "22").directory("d/sub").file("d/sub/x", "333")
                              .file("e", "4444").symlink("l", "d"));
  const Lines all_of_d{"1 removed: /d/a of 0 1", "1 removed: /d/b of 0 2", "1 removed: /d/sub/x of 0 3"};
  CHECK(lost_files({base, LAYER(.file("f", ""))}).empty());
  CHECK(lost_files({base, LAYER(.file("d/.wh.a", ""))}) == Lines{"1 removed: /d/a of 0 1"});
  CHECK(lost_files({base, LAYER(.file(".wh.d", ""))}) == all_of_d);
  CHECK(lost_files({base, LAYER(.file("d", "now"))}) == all_of_d);
  // What stands there when the layer is done counts, whatever the order.
  const Lines replaced{"1 replaced: /d/a of 0 1"};
  CHECK(lost_files({base, LAYER(.file("d/a", "new"))}) == replaced);
  CHECK(lost_files({base, LAYER(.file("d/.wh.a", "").file("d/a", "new"))}) == replaced);
  CHECK(lost_files({base, LAYER(.file("d/a", "new").file("d/.wh.a", ""))}) == replaced);
  CHECK(lost_files({base, LAYER(.file("l/a", "new"))}) == replaced);
  CHECK(lost_files({base, LAYER(.file("e/y", "5"))}) == Lines{"1 replaced: /e of 0 4"});
  const Lines opaque{"1 removed: /d/b of 0 2", "1 removed: /d/sub/x of 0 3", "1 replaced: /d/a of 0 1"};
  CHECK(lost_files({base, LAYER(.file("d/.wh..wh..opq", "").file("d/a", "new"))}) == opaque);
  CHECK(lost_files({base, LAYER(.file("d/a", "new").file("l/.wh..wh..opq", ""))}) == opaque);
  CHECK(lost_files({base, LAYER(.file("d/a", "new").file(".wh.d", ""))}) == opaque);
  CHECK(lost_files({base, LAYER(.file("d/sub/new", "5").file("d/.wh..wh..opq", ""))}) == all_of_d);
  CHECK(lost_files({base, LAYER(.file("d/sub/new", "5").file(".wh..wh..opq", ""))}) ==
        Lines{"1 removed: /d/a of 0 1", "1 removed: /d/b of 0 2", "1 removed: /d/sub/x of 0 3", "1 removed: /e of 0 4"});
  // A file is lost with its last name; one layer may hide what it brought itself.
  const auto linked = LAYER(.file("a", "1").hard_link("b", "a"));
  CHECK(lost_files({linked, LAYER(.file(".wh.a", ""))}).empty());
  CHECK(lost_files({linked, LAYER(.file(".wh.a", "")), LAYER(.file("b", "2"))}) == Lines{"2 replaced: /b of 0 1"});
  CHECK(lost_files({LAYER(.file("a", "1").file("a", "22"))}) == Lines{"0 replaced: /a of 0 1"});
  CHECK(lost_files({base, LAYER(.file("d/a", "new").hard_link("d/b", "d/a"))}) ==
        Lines{"1 replaced: /d/a of 0 1", "1 replaced: /d/b of 0 2"});
}

TEST_CASE("paths of what layers hide are bounded, also where a layer has them short", "[layers][lost][hostile]") {
  const Limits limits{.metadata_bytes = 2u << 20};
  std::string deep = "d";
  while (deep.size() < 3500) deep += "/" + std::string(200, 'n');
  TarBuilder many;
  for (int i = 0; i < 1000; ++i) many.file(fmt::format("{}/{}", deep, i), "");
  const auto remove = LAYER(.file(".wh.d", ""));
  CHECK(flatten({many.bytes(), remove}, {}, limits)->listing().empty());
  const auto error = error_of([&] { lost_files({many.bytes(), remove}, limits); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(std::string(error->what()), ContainsSubstring("paths of what one layer hides take more than 2097152 bytes"));
  CHECK(lost_files({many.bytes(), remove}).size() == 1000);
}

TEST_CASE("the memory that attributes take is what is counted", "[layers][hostile]") {
  if (::mallinfo2().uordblks == 0) return;  // a sanitizer's allocator does not say what is in use
  struct Shape {
    std::size_t sets;
    std::size_t each;
    std::size_t bytes;
  };
  for (const auto& [sets, each, bytes] : {Shape{200, 1, 60000}, Shape{2000, 10, 200}, Shape{20000, 1, 40}, Shape{20000, 1, 6}}) {
    INFO(sets << " sets of " << each << " attributes of " << bytes << " bytes");
    const auto used = [] { return ::mallinfo2().uordblks + ::mallinfo2().hblkhd; };
    const auto before = used();
    Tree tree;
    const auto start = tree.bytes();
    for (std::size_t i = 0; i < sets; ++i) {
      Xattrs set;
      for (std::size_t k = 0; k < each; ++k) set.emplace_back(fmt::format("user.{}", k), fmt::format("{:0{}}", i * each + k, bytes));
      tree.intern_xattrs(set);
    }
    const auto counted = tree.bytes() - start;
    const auto held = used() - before;
    CHECK(counted >= held);
    // The rest is for writing the table.
    CHECK(counted <= held * 11 / 10 + sets * (64 + each * 64));
  }
}

TEST_CASE("applying the changes stops on request", "[layers]") {
  WarningList warnings;
  layers::Flattener flattener({}, warnings);
  flattener.begin_layer(0);
  layers::Entry entry;
  entry.path = "file";
  flattener.accept(entry);
  std::stop_source stop;
  stop.request_stop();
  std::vector<layers::Flattener::Missing> missing;
  const auto error = error_of([&] { flattener.finish(missing, {.stop = stop.get_token()}); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::cancelled);
}

TEST_CASE("files of all layers together have a limit, holes included", "[layers][hostile]") {
  const Limits limits{.image_bytes = 1000};
  CHECK_FALSE(error_of([&] { flatten({LAYER(.file("a", std::string(500, 'a'))), LAYER(.file("a", std::string(500, 'b')))}, {}, limits); }));
  const auto error = error_of([&] { flatten({LAYER(.file("a", std::string(500, 'a'))), LAYER(.file("a", std::string(501, 'b')))}, {}, limits); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(error->hint().text(), ContainsSubstring("raise the limit image_bytes"));
}

// SPDX-License-Identifier: Apache-2.0
//
// Stacks of layers and exactly what must come of each: the tree, or the error with its place, and every warning.
#include "support/layer_cases.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

using Pax = std::vector<std::pair<std::string, std::string>>;

/// d/ with a and b in it.
const std::string& base() {
  static const std::string layer = L(.directory("d").file("d/a", "1").file("d/b", "2"));
  return layer;
}

/// What most of Linux distributions are made like.
const std::string& merged_usr() {
  static const std::string layer = L(.directory("usr").directory("usr/lib").file("usr/lib/old", "o").symlink("lib", "usr/lib"));
  return layer;
}

std::string xattr_layer(const Pax& records, char type = '0') {
  return TarBuilder().add({.name = "f", .type = type, .link = type == '2' ? "t" : "", .pax = records}).bytes();
}

}  // namespace

TEST_CASE("whiteouts: every case", "[layers][cases][whiteout]") {
  const TarEntry closed{.name = "d/", .type = '5', .mode = 0700, .uid = 5, .gid = 6, .mtime = 99, .pax = {{"SCHILY.xattr.user.a", "1"}}};
  check({
      {"wh01", "of a file", {base(), L(.file("d/.wh.a", ""))}, "d/; d/b:2"},
      {"wh02", "of a directory removes it with all below", {base(), L(.file(".wh.d", ""))}, ""},
      {"wh03", "of nothing", {L(.file("a", "1")), L(.file(".wh.x", ""))}, "a:1"},
      {"wh04", "before a file of the name", {base(), L(.file("d/.wh.a", "").file("d/a", "n"))}, "d/; d/a:n; d/b:2"},
      {"wh05", "after a file of the name", {base(), L(.file("d/a", "n").file("d/.wh.a", ""))}, "d/; d/a:n; d/b:2"},
      {"wh06", "of a directory, then the directory and a child", {base(), L(.file(".wh.d", "").directory("d").file("d/c", "3"))}, "d/; d/c:3"},
      {"wh07", "a directory and a child, then its whiteout", {base(), L(.directory("d").file("d/c", "3").file(".wh.d", ""))}, "d/; d/c:3"},
      {"wh07b", "a child alone, then the whiteout of its directory", {base(), L(.file("d/c", "3").file(".wh.d", ""))}, "d/ @7; d/c:3"},
      {"wh07c", "the same of one that has more than a mode", {L(.add(closed).file("d/s/a", "1")), L(.file("d/s/c", "3").file(".wh.d", ""))}, "d/ @7; d/s/ @7; d/s/c:3"},
      {"wh07d", "the same after the whiteout", {L(.add(closed).file("d/s/a", "1")), L(.file(".wh.d", "").file("d/s/c", "3"))}, "d/ @7; d/s/ @7; d/s/c:3"},
      {"wh07e", "an entry for the directory counts, before its whiteout or behind", {L(.add(closed)), L(.directory("d", 0711).file("d/c", "3").file(".wh.d", "").file("e/c", "4").file(".wh.e", "").directory("e"))}, "d/ 711; d/c:3; e/; e/c:4"},
      {"wh07f", "the directories in it have their own", {L(.add(closed).directory("d/s", 0700).directory("d/t", 0700)), L(.directory("d/s", 0711).file("d/s/c", "3").file("d/t/c", "4").file(".wh.d", ""))}, "d/ @7; d/s/ 711; d/s/c:3; d/t/ @7; d/t/c:4"},
      {"wh08", "in the oldest layer", {L(.file("a", "1").file(".wh.a", "").file(".wh.b", ""))}, "a:1"},
      {"wh09", "of type directory", {base(), L(.directory("d/.wh.a"))}, "d/; d/b:2", {"whiteout-type"}},
      {"wh10", "of type symbolic link", {base(), L(.symlink("d/.wh.a", "x"))}, "d/; d/b:2", {"whiteout-type"}},
      {"wh10b", "of type hard link", {base(), L(.hard_link("d/.wh.a", ".wh..wh.plnk/1.2"))}, "d/; d/b:2", {"whiteout-type"}},
      {"wh10c", "of type device", {base(), L(.add({.name = "d/.wh.a", .type = '3'}))}, "d/; d/b:2", {"whiteout-type"}},
      {"wh11", "with a body", {base(), L(.file("d/.wh.a", std::string(700, 'x')).file("e", "3"))}, "d/; d/b:2; e:3", {"whiteout-type"}},
      {"wh12", "without a name", {base(), L(.file("d/.wh.", ""))}, "!malformed whiteout '.wh.' names no file"},
      {"wh12b", "without a name, at the root", {base(), L(.file(".wh.", ""))}, "!malformed entry 1 '.wh.'"},
      {"wh13", "of the directory itself", {base(), L(.file("d/.wh..", ""))}, "!malformed whiteout '.wh..' names no file"},
      {"wh13b", "of the root", {base(), L(.file(".wh..", ""))}, "!malformed whiteout '.wh..' names no file"},
      {"wh14", "of the parent", {base(), L(.file("d/.wh...", ""))}, "!malformed whiteout '.wh...' names no file"},
      {"wh14b", "of what is above the root", {base(), L(.file(".wh...", ""))}, "!malformed whiteout '.wh...' names no file"},
      {"wh15", "of four dots is of a file", {L(.file("....", "1").file(".a", "2")), L(.file(".wh.....", "").file(".wh..a", ""))}, ""},
      {"wh15b", "of a name that is a whiteout's", {base(), L(.file("d/.wh..wh.foo", ""))}, "d/; d/a:1; d/b:2", {"aufs-file"}},
      {"wh16", "AUFS's link directory: links to it have their bytes, it does not show",
       {L(.directory(".wh..wh.plnk").file(".wh..wh.plnk/1.2", "text").hard_link("a", ".wh..wh.plnk/1.2").hard_link("b", ".wh..wh.plnk/1.2"))},
       "a:text; b = a", {"aufs-file"}},
      {"wh17", "AUFS's other files at the root", {base(), L(.file(".wh..wh.aufs", "").directory(".wh..wh.orph"))}, "d/; d/a:1; d/b:2", {"aufs-file"}},
      {"wh18", "through a link of an older layer", {merged_usr(), L(.file("lib/.wh.old", ""))}, "lib -> usr/lib; usr/; usr/lib/", {"through-link"}},
      {"wh19", "of a link removes the link alone", {merged_usr(), L(.file(".wh.lib", ""))}, "usr/; usr/lib/; usr/lib/old:o"},
      {"wh20", "under a file", {base(), L(.file("d/a/.wh.x", ""))}, "d/; d/a:1; d/b:2"},
      {"wh21", "under a directory that is not there", {base(), L(.file("x/y/.wh.z", ""))}, "d/; d/a:1; d/b:2"},
      {"wh22", "of a name of 255 bytes less the mark", {L(.file(std::string(251, 'n'), "1")), L(.file(".wh." + std::string(251, 'n'), ""))}, ""},
      {"wh22b", "of a name of 255 bytes", {L(.file("d/" + std::string(255, 'n'), "1")), L(.file("d/.wh." + std::string(255, 'n'), ""))}, "d/ @7"},
      {"wh22c", "of a name of 256 bytes", {L(.file("d/.wh." + std::string(256, 'n'), ""))}, "!limit has 260 bytes, the limit is 255"},
      {"wh22d", "a directory whose name is a whiteout's has no more room", {L(.file(".wh." + std::string(252, 'n') + "/f", ""))}, "!limit has 256 bytes, the limit is 255"},
      {"wh23", "an entry beneath a component that is a whiteout's name", {L(.file(".wh.x/f", "1"))}, ".wh.x/ @7; .wh.x/f:1", {"whiteout-name"}},
      {"wh24", "a directory and a file in it, both hidden", {base(), L(.file(".wh.d", "").file("d/.wh.a", ""))}, ""},
      {"wh25", "deleted, made again, changed", {base(), L(.file(".wh.d", "")), L(.file("d/c", "3")), L(.directory("d", 0700))}, "d/ 700; d/c:3"},
      {"wh26", "hides what two older layers brought", {base(), L(.file("d/c", "3")), L(.file(".wh.d", ""))}, ""},
      {"wh27", "twice", {base(), L(.file("d/.wh.a", "").file("d/.wh.a", ""))}, "d/; d/b:2"},
      {"wh28", "of one of two hard links", {L(.file("a", "1").hard_link("b", "a")), L(.file(".wh.a", ""))}, "b:1"},
      {"wh29", "of a directory, then of a file in it", {base(), L(.file(".wh.d", "").file("d/.wh.b", ""))}, ""},
      {"wh30", "of a file in a directory, then of the directory", {base(), L(.file("d/.wh.b", "").file(".wh.d", ""))}, ""},
      {"wh31", "of a directory, then a child without an entry for it", {base(), L(.file(".wh.d", "").file("d/c", "3"))}, "d/ @7; d/c:3"},
      {"wh32", "through a link that leaves the root", {L(.file("a", "1").symlink("l", "../..")), L(.file("l/.wh.a", ""))}, "l -> ../..", {"through-link", "link-clamped"}},
      {"wh33", "under a link that leads nowhere", {L(.symlink("l", "none").file("a", "1")), L(.file("l/.wh.x", ""))}, "a:1; l -> none", {"through-link"}},
      {"wh34", "under links that lead in a circle", {L(.symlink("l", "m").symlink("m", "l")), L(.file("l/.wh.x", ""))}, "!malformed leads nowhere (loop)"},
      {"wh35", "name with dots and slashes around it", {base(), L(.file("./d//.wh.a", "").file("x/../d/.wh.b", ""))}, "d/"},
      {"wh36", "with a slash at its end", {base(), L(.add({.name = "d/.wh.a/", .type = '5'}))}, "d/; d/b:2", {"whiteout-type"}},
      {"wh37", "the name has bytes that are no text", {L(.file("\xff\n", "1")), L(.file(".wh.\xff\n", ""))}, ""},
      {"wh38", "the mark inside a name is none", {L(.file("x.wh.y", "1")), L(.file(".whx", "2"))}, ".whx:2; x.wh.y:1"},
  });
}

TEST_CASE("opaque directories: every case", "[layers][cases][whiteout]") {
  const auto lower = L(.directory("d", 0711).file("d/old", "1").directory("d/sub").file("d/sub/x", "2").file("e", "3"));
  const std::string expected = "d/ 711; d/new:4; e:3";
  check({
      {"op01", "first", {lower, L(.file("d/.wh..wh..opq", "").file("d/new", "4"))}, expected},
      {"op02", "last", {lower, L(.file("d/new", "4").file("d/.wh..wh..opq", ""))}, expected},
      {"op03", "between children", {lower, L(.file("d/m", "5").file("d/.wh..wh..opq", "").file("d/new", "4"))}, "d/ 711; d/m:5; d/new:4; e:3"},
      {"op04", "at the root, first", {lower, L(.file(".wh..wh..opq", "").file("f", "6"))}, "f:6"},
      {"op04b", "at the root, last", {lower, L(.file("f", "6").file(".wh..wh..opq", ""))}, "f:6"},
      {"op05", "in a directory that is not there", {L(.file("a", "1")), L(.file("d/.wh..wh..opq", ""))}, "a:1"},
      {"op06", "without an entry for the directory keeps its attributes", {lower, L(.file("d/.wh..wh..opq", ""))}, "d/ 711; e:3"},
      {"op06b", "with an entry for the directory", {lower, L(.directory("d", 0700).file("d/.wh..wh..opq", ""))}, "d/ 700; e:3"},
      {"op07", "under a link of an older layer", {merged_usr(), L(.file("lib/.wh..wh..opq", ""))}, "lib -> usr/lib; usr/; usr/lib/", {"through-link"}},
      {"op08", "the specification's example", {L(.directory("a").directory("a/b").directory("a/b/c").file("a/b/c/bar", "1")), L(.directory("a").file("a/.wh..wh..opq", "").directory("a/b").directory("a/b/c").file("a/b/c/foo", "2"))}, "a/; a/b/; a/b/c/; a/b/c/foo:2"},
      {"op09", "in a directory that is a file below", {L(.file("d", "1")), L(.directory("d").file("d/.wh..wh..opq", "").file("d/n", "2"))}, "d/; d/n:2"},
      {"op09b", "under a file", {L(.file("d", "1")), L(.file("d/.wh..wh..opq", ""))}, "d:1"},
      {"op10", "together with whiteouts", {lower, L(.file("d/.wh.old", "").file("d/.wh..wh..opq", "").file("d/.wh.sub", "").file("d/new", "4"))}, expected},
      {"op11", "twice", {lower, L(.file("d/.wh..wh..opq", "").file("d/new", "4").file("d/.wh..wh..opq", ""))}, expected},
      {"op12", "of type directory", {lower, L(.directory("d/.wh..wh..opq").file("d/new", "4"))}, expected, {"whiteout-type"}},
      {"op13", "hides the target of a link after it", {lower, L(.file("d/.wh..wh..opq", "").hard_link("keep", "d/old"))}, "!malformed target 'd/old' is not there"},
      {"op13b", "a link to an older file, then the target is hidden", {lower, L(.hard_link("keep", "d/old").file("d/.wh..wh..opq", ""))}, "d/ 711; e:3; keep:1", {"link-to-older-layer"}},
      {"op14", "after a grandchild with an implied parent", {lower, L(.file("d/sub/new", "5").file("d/.wh..wh..opq", ""))}, "d/ 711; d/sub/ @7; d/sub/new:5; e:3"},
      {"op14b", "the parent's attributes, which no entry of the layer gives", {L(.directory("d", 0711).directory("d/sub", 0700)), L(.file("d/sub/new", "5").file("d/.wh..wh..opq", ""))}, "d/ 711; d/sub/ @7; d/sub/new:5"},
      {"op14c", "the same behind the mark", {L(.directory("d", 0711).directory("d/sub", 0700)), L(.file("d/.wh..wh..opq", "").file("d/sub/new", "5"))}, "d/ 711; d/sub/ @7; d/sub/new:5"},
      {"op14d", "a parent with an entry", {L(.directory("d", 0711).directory("d/sub", 0700)), L(.directory("d/sub", 0750).file("d/sub/new", "5").file("d/.wh..wh..opq", ""))}, "d/ 711; d/sub/ 750; d/sub/new:5"},
      {"op15", "over two older layers", {lower, L(.file("d/more", "7")), L(.file("d/.wh..wh..opq", ""))}, "d/ 711; e:3"},
      {"op16", "of a directory inside", {lower, L(.file("d/sub/.wh..wh..opq", ""))}, "d/ 711; d/old:1; d/sub/; e:3"},
      {"op17", "with a body", {lower, L(.file("d/.wh..wh..opq", "y").file("d/new", "4"))}, expected, {"whiteout-type"}},
      {"op18", "then a newer layer without it", {lower, L(.file("d/.wh..wh..opq", "").file("d/new", "4")), L(.file("d/late", "8"))}, "d/ 711; d/late:8; d/new:4; e:3"},
      {"op19", "under a link that its own layer made", {L(.directory("etc").file("etc/a", "1").directory("d")), L(.symlink("d", "etc").file("d/.wh..wh..opq", ""))}, "d -> etc; etc/", {"through-link"}},
      {"op20", "in a directory that its own layer removed", {lower, L(.file(".wh.d", "").file("d/.wh..wh..opq", ""))}, "e:3"},
      {"op21", "the same layer's hard link inside survives", {lower, L(.file("d/new", "4").hard_link("d/again", "d/new").file("d/.wh..wh..opq", ""))}, "d/ 711; d/again:4; d/new = d/again; e:3"},
  });
}

TEST_CASE("replacing: every case", "[layers][cases][replace]") {
  const auto two = L(.directory("d").file("d/x", "1").file("f", "2").symlink("l", "d"));
  check({
      {"rp01", "a file by a directory", {two, L(.directory("f").file("f/y", "3"))}, "d/; d/x:1; f/; f/y:3; l -> d"},
      {"rp02", "a directory with files by a file", {two, L(.file("d", "n"))}, "d:n; f:2; l -> d"},
      {"rp03", "a directory by a link", {two, L(.symlink("d", "f"))}, "d -> f; f:2; l -> d"},
      {"rp03b", "a directory by a link, then an entry beneath it", {L(.directory("d").directory("e").file("d/x", "1")), L(.symlink("d", "e").file("d/n", "2"))}, "d -> e; e/; e/n:2", {"through-link"}},
      {"rp04", "a link to a directory by a directory", {two, L(.directory("l").file("l/y", "3"))}, "d/; d/x:1; f:2; l/; l/y:3"},
      {"rp05", "beneath a link without an entry for the directory", {two, L(.file("l/y", "3"))}, "d/; d/x:1; d/y:3; f:2; l -> d", {"through-link"}},
      {"rp06", "merged /usr, an entry for the directory", {merged_usr(), L(.directory("lib").file("lib/new", "n"))}, "lib/; lib/new:n; usr/; usr/lib/; usr/lib/old:o"},
      {"rp06b", "merged /usr, the file alone", {merged_usr(), L(.file("lib/new", "n"))}, "lib -> usr/lib; usr/; usr/lib/; usr/lib/new:n; usr/lib/old:o", {"through-link"}},
      {"rp07", "beneath a link that leads nowhere", {L(.symlink("l", "a/b")), L(.file("l/x", "1"))}, "a/ @7; a/b/ @7; a/b/x:1; l -> a/b", {"through-link"}},
      {"rp08", "beneath an absolute link", {L(.directory("d").symlink("l", "/d")), L(.file("l/x", "1"))}, "d/; d/x:1; l -> /d", {"through-link"}},
      {"rp09", "beneath a link that leaves the root", {L(.symlink("l", "../../../etc")), L(.file("l/passwd", "1"))}, "etc/ @7; etc/passwd:1; l -> ../../../etc", {"through-link", "link-clamped"}},
      {"rp10", "beneath links that lead in a circle", {L(.symlink("a", "b").symlink("b", "a")), L(.file("a/x", "1"))}, "!malformed leads nowhere (loop)"},
      {"rp10b", "beneath a link to itself", {L(.symlink("a", "a")), L(.file("a/x", "1"))}, "!malformed layer 2 of 2: entry 1 'a/x'"},
      {"rp11", "beneath a file", {two, L(.file("f/x", "1"))}, "d/; d/x:1; f/ @7; f/x:1; l -> d"},
      {"rp11b", "beneath a device", {L(.add({.name = "n", .type = '3', .major = 1, .minor = 3})), L(.file("n/x", "1"))}, "n/ @7; n/x:1"},
      {"rp12", "a directory over a directory changes its attributes and keeps its files", {two, L(.add({.name = "d/", .type = '5', .mode = 0700, .uid = 5, .gid = 6, .mtime = 99}))}, "d/ 700 5:6 @99; d/x:1; f:2; l -> d"},
      {"rp13", "a directory over a directory replaces its extended attributes", {TarBuilder().add({.name = "d/", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.user.a", "1"}}}).bytes(), TarBuilder().add({.name = "d/", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.user.b", "2"}}}).bytes()}, "d/ user.b=2"},
      {"rp14", "one of two names of a file", {L(.file("a", "1").hard_link("b", "a")), L(.file("a", "2"))}, "a:2; b:1"},
      {"rp15", "the root's own attributes", {L(.add({.name = "./", .type = '5', .mode = 0700, .uid = 1, .gid = 2, .mtime = 3}).file("a", "1"))}, "[700 1:2 @3]; a:1"},
      {"rp15b", "the root's attributes of a newer layer", {L(.directory(".", 0700)), L(.directory("/", 0750))}, "[750]"},
      {"rp16", "the root as a link", {L(.symlink("./", "x"))}, "!malformed the root of the image must be a directory"},
      {"rp16b", "the root as a file", {L(.file(".", "x"))}, "!malformed the root of the image must be a directory"},
      {"rp16c", "the root as a link named /", {L(.symlink("/", "x"))}, "!malformed the root of the image must be a directory"},
      {"rp16d", "the root as a hard link", {L(.file("a", "1").hard_link("./.", "a"))}, "!malformed the root of the image must be a directory"},
      {"rp16e", "the root as a device", {L(.add({.name = "x/..", .type = '4'}))}, "!malformed the root of the image must be a directory"},
      {"rp17", "a file twice", {L(.file("a", "1").file("a", "2"))}, "a:2", {"duplicate-entry"}},
      {"rp18", "a file, then a directory", {L(.file("a", "1").directory("a").file("a/b", "2"))}, "a/; a/b:2", {"duplicate-entry"}},
      {"rp19", "a directory with a file, then a file", {L(.directory("a").file("a/b", "1").file("a", "2"))}, "a:2", {"duplicate-entry"}},
      {"rp20", "a directory twice", {L(.directory("a", 0700).file("a/b", "1").directory("a", 0750))}, "a/ 750; a/b:1", {"duplicate-entry"}},
      {"rp20b", "the root twice", {L(.directory(".", 0700).directory("./", 0750))}, "[750]", {"duplicate-entry"}},
      {"rp21", "a link, then a file of its name: the target is left alone", {L(.file("t", "1").symlink("a", "t").file("a", "2"))}, "a:2; t:1", {"duplicate-entry"}},
      {"rp22", "a link to outside, then a directory of its name", {L(.symlink("x", "../../tmp").directory("x").file("x/y", "1"))}, "x/; x/y:1", {"duplicate-entry"}},
      {"rp22b", "a link to outside, then a file of its name", {L(.symlink("x", "/etc/passwd").file("x", "1"))}, "x:1", {"duplicate-entry"}},
      {"rp23", "a hard link's source is replaced in its layer", {L(.file("x", "1").hard_link("y", "x").file("x", "2"))}, "x:2; y:1", {"duplicate-entry"}},
      {"rp24", "a hard link, then a file of its name", {L(.file("x", "1").hard_link("y", "x").file("y", "2"))}, "x:1; y:2", {"duplicate-entry"}},
      {"rp25", "a FIFO by a file", {L(.add({.name = "p", .type = '6'})), L(.file("p", "1"))}, "p:1"},
      {"rp26", "directories that no layer names", {L(.file("a/b/c", "1"))}, "a/ @7; a/b/ @7; a/b/c:1"},
      {"rp26b", "a directory that an older layer names with an odd mode", {L(.add({.name = "d/", .type = '5', .mode = 01711, .uid = 3, .gid = 4, .mtime = 5})), L(.file("d/x", "1"))}, "d/ 1711 3:4 @5; d/x:1"},
      {"rp27", "a directory named after its file", {L(.file("a/b", "1").directory("a", 0700))}, "a/ 700; a/b:1"},
      {"rp28", "a directory that nobody may write to, then files in it", {L(.directory("d", 0555).file("d/x", "1")), L(.file("d/y", "2"))}, "d/ 555; d/x:1; d/y:2"},
      {"rp29", "a regular file whose name ends in a slash", {L(.add({.name = "a/", .type = '0', .data = "1"}))}, "a:1", {"tar-names"}},
      {"rp29b", "the same of the type from before POSIX is a directory", {TarBuilder().add({.name = "a/", .type = '\0', .mode = 0755, .fields = {{257, std::string(8, '\0')}}}).bytes()}, "a/"},
      {"rp30", "a directory whose name has no slash", {L(.add({.name = "a", .type = '5', .mode = 0755}))}, "a/"},
      {"rp31", "a directory whose header states a size and that has no data", {TarBuilder().add({.name = "d/", .type = '5', .mode = 0755, .fields = {{124, "00000001000"}}}).file("a", "1").bytes()}, "a:1; d/"},
      {"rp32", "a file over an empty one", {L(.file("a", "")), L(.file("a", "1"))}, "a:1"},
      {"rp33", "an empty file over a file", {L(.file("a", "1")), L(.file("a", ""))}, "a:"},
      {"rp34", "a device by a directory, a directory by a device", {L(.add({.name = "n", .type = '4', .major = 8, .minor = 1}).directory("d")), L(.directory("n").add({.name = "d", .type = '3', .major = 1, .minor = 3}))}, "d c1:3; n/"},
      {"rp35", "a link by a link", {L(.symlink("l", "a")), L(.symlink("l", "b"))}, "l -> b"},
      {"rp36", "attributes of a replaced file do not stay", {TarBuilder().add({.name = "a", .data = "1", .mode = 04755, .pax = {{"SCHILY.xattr.user.a", "1"}}}).bytes(), L(.file("a", "2"))}, "a:2"},
      {"rp37", "two names of a directory through a link stand for one file", {L(.directory("d").symlink("l", "d").file("d/x", "1").file("l/x", "2"))}, "d/; d/x:2; l -> d", {"through-link", "duplicate-entry"}},
  });
}

TEST_CASE("hard links: every case", "[layers][cases][hardlink]") {
  const auto older = L(.file("a", "old").directory("d").file("d/x", "1"));
  const auto lone = L(.hard_link("b", "a"));
  check({
      {"hl01", "inside a layer", {L(.file("a", "1").hard_link("b", "a"))}, "a:1; b = a"},
      {"hl02", "before its target", {L(.hard_link("b", "a").file("a", "1"))}, "!malformed layer 1 of 1: entry 1 'b': hard link 'b': its target 'a' is not there"},
      {"hl02b", "before its target, an older one is there", {L(.file("a", "old")), L(.hard_link("b", "a").file("a", "new"))}, "a:new; b:old", {"link-to-older-layer", "link-before-target"}},
      {"hl03", "to a file of an older layer", {older, lone}, "a:old; b = a; d/; d/x:1", {"link-to-older-layer"}},
      {"hl04", "after the older target is replaced", {older, L(.file("a", "new").hard_link("b", "a"))}, "a:new; b = a; d/; d/x:1"},
      {"hl05", "after the whiteout of its target", {older, L(.file(".wh.a", "").hard_link("b", "a"))}, "!malformed its target 'a' is not there"},
      {"hl06", "then the whiteout of its target", {older, L(.hard_link("b", "a").file(".wh.a", ""))}, "b:old; d/; d/x:1", {"link-to-older-layer"}},
      {"hl07", "to a symbolic link of an older layer names the link", {L(.symlink("s", "/etc/shadow")), TarBuilder().add({.name = "b", .type = '1', .link = "s", .mode = 0777}).bytes()}, "b -> /etc/shadow; s = b", {"link-to-older-layer"}},
      {"hl08", "to a directory", {older, L(.hard_link("b", "d"))}, "!malformed its target 'd' is a directory"},
      {"hl09", "to itself", {L(.hard_link("a", "a"))}, "!malformed a hard link to itself"},
      {"hl09b", "to itself, an older one is there", {older, L(.hard_link("a", "./a"))}, "!malformed a hard link to itself"},
      {"hl09c", "to itself by way of a link", {L(.directory("d").file("d/x", "1").symlink("l", "d")), L(.hard_link("l/x", "d/x"))}, "!malformed its target 'd/x' is the link itself"},
      {"hl10", "through a link of an older layer", {merged_usr(), L(.hard_link("b", "lib/old"))}, "b:o; lib -> usr/lib; usr/; usr/lib/; usr/lib/old = b", {"link-to-older-layer", "through-link"}},
      {"hl11", "absolute", {older, L(.hard_link("b", "/d/x"))}, "a:old; b:1; d/; d/x = b", {"link-to-older-layer"}},
      {"hl12", "climbing out of the root", {older, L(.hard_link("b", "../../d/x"))}, "a:old; b:1; d/; d/x = b", {"link-to-older-layer", "name-clamped"}},
      {"hl12b", "climbing out of the root to what is not there", {older, L(.hard_link("b", "../../etc/shadow"))}, "!malformed its target 'etc/shadow' is not there"},
      {"hl13", "to nothing", {older, L(.hard_link("b", "none/x"))}, "!malformed its target 'none/x' is not there"},
      {"hl14", "a chain", {L(.file("c", "1").hard_link("b", "c").hard_link("a", "b"))}, "a:1; b = a; c = a"},
      {"hl15", "with data", {TarBuilder().file("a", "1").add({.name = "b", .type = '1', .data = std::string(700, 'x'), .link = "a"}).bytes()}, "!malformed after an entry that cannot have data"},
      {"hl16", "its own mode, owner and time do not count", {TarBuilder().file("a", "1").add({.name = "b", .type = '1', .link = "a", .mode = 0777, .uid = 9, .gid = 9, .mtime = 9}).bytes()}, "a:1; b = a", {"link-metadata"}},
      {"hl17", "over an older file", {older, L(.hard_link("a", "d/x"))}, "a:1; d/; d/x = a", {"link-to-older-layer"}},
      {"hl17b", "over an older directory", {L(.file("a", "1").directory("d").file("d/x", "2")), L(.hard_link("d", "a"))}, "a:1; d = a", {"link-to-older-layer"}},
      {"hl17c", "over the directory that its target is in", {older, L(.hard_link("d", "d/x"))}, "!malformed its target 'd/x' has to make room for it"},
      {"hl18", "over another name of the same file", {L(.file("a", "1").hard_link("b", "a")), L(.hard_link("b", "a"))}, "a:1; b = a", {"link-to-older-layer"}},
      {"hl19", "then the target goes in the next layer", {L(.file("a", "1").hard_link("b", "a")), L(.file(".wh.a", ""))}, "b:1"},
      {"hl20", "then both names are changed in the next layer", {L(.file("a", "1").hard_link("b", "a")), L(.file("a", "2").hard_link("b", "a"))}, "a:2; b = a"},
      {"hl21", "its own extended attributes do not count", {TarBuilder().file("a", "1").add({.name = "b", .type = '1', .link = "a", .pax = {{"SCHILY.xattr.user.x", "1"}}}).bytes()}, "a:1; b = a", {"link-metadata"}},
      {"hl21b", "the target's extended attributes, stated by both", {TarBuilder().add({.name = "a", .data = "1", .pax = {{"SCHILY.xattr.user.x", "1"}}}).add({.name = "b", .type = '1', .link = "a", .pax = {{"SCHILY.xattr.user.x", "1"}}}).bytes()}, "a:1 user.x=1; b = a"},
      {"hl22", "to a FIFO, a device and an empty file", {TarBuilder().add({.name = "p", .type = '6'}).hard_link("p2", "p").add({.name = "n", .type = '3', .major = 1, .minor = 3}).hard_link("n2", "n").file("e", "").hard_link("e2", "e").bytes()}, "e:; e2 = e; n c1:3; n2 = n; p |; p2 = p"},
      {"hl23", "without a target", {L(.hard_link("b", ""))}, "!malformed a hard link without a target"},
      {"hl24", "target with dots and slashes", {L(.directory("d").file("d/x", "1").hard_link("b", "./d//./x"))}, "b:1; d/; d/x = b"},
      {"hl25", "to the root", {L(.hard_link("b", "/"))}, "!malformed a hard link to the root"},
      {"hl25b", "to the root in another way", {L(.directory("d").hard_link("b", "d/.."))}, "!malformed a hard link to the root"},
      {"hl26", "in a directory that no layer names", {L(.file("a", "1").hard_link("x/y/b", "a"))}, "a:1; x/ @7; x/y/ @7; x/y/b = a"},
      {"hl27", "to a file in a layer two below, hidden by the one between", {older, L(.file(".wh.a", "")), lone}, "!malformed layer 3 of 3: entry 1 'b'"},
      {"hl28", "a new file over the link leaves the target", {older, lone, L(.file("b", "new"))}, "a:old; b:new; d/; d/x:1", {"link-to-older-layer"}},
      {"hl29", "of a name that is a whiteout's is a whiteout", {older, L(.hard_link(".wh.a", "d/x"))}, "d/; d/x:1", {"whiteout-type"}},
  });
}

TEST_CASE("names: every case", "[layers][cases][names]") {
  const auto many = [](std::size_t count, const std::string& word) {
    std::string path;
    for (std::size_t i = 0; i < count; ++i) path += (i == 0 ? "" : "/") + word;
    return path;
  };
  check({
      {"nm01", "./ in front, doubled slashes, /./ inside", {L(.file("./a//b/./c", "1"))}, "a/ @7; a/b/ @7; a/b/c:1"},
      {"nm02", "absolute", {L(.file("/a", "1").file("//b", "2"))}, "a:1; b:2"},
      {"nm03", ".. that stays inside", {L(.file("a/../b", "1"))}, "b:1"},
      {"nm04", ".. that leaves the root", {L(.file("../a", "1"))}, "!malformed entry 1 '../a': the name leaves the root of the image"},
      {"nm04b", ".. that leaves the root from inside", {L(.file("a/../../x", "1"))}, "!malformed the name leaves the root of the image"},
      {"nm05", "..", {L(.file("..", "1"))}, "!malformed the name leaves the root of the image"},
      {"nm05b", ".. as a directory", {L(.directory(".."))}, "!malformed the name leaves the root of the image"},
      {"nm06", ". as a file", {L(.file(".", "1"))}, "!malformed the root of the image must be a directory"},
      {"nm07", "empty", {L(.file("", "1"))}, "!malformed an entry without a name"},
      {"nm08", "empty, a directory", {TarBuilder().add({.name = "", .type = '5'}).bytes()}, "!malformed an entry without a name"},
      {"nm09", "PAX path with a NUL", {TarBuilder().add({.name = "f", .pax = {{"path", std::string("a\0b", 3)}}}).bytes()}, "!malformed 'path' holds a NUL byte"},
      {"nm09b", "PAX link path with a NUL", {TarBuilder().add({.name = "f", .type = '2', .link = "x", .pax = {{"linkpath", std::string("a\0b", 3)}}}).bytes()}, "!malformed 'linkpath' holds a NUL byte"},
      {"nm09c", "sparse name with a NUL", {TarBuilder().add({.name = "f", .data = "abc", .pax = {{"GNU.sparse.size", "3"}, {"GNU.sparse.map", "0,3"}, {"GNU.sparse.name", std::string("a\0b", 3)}}}).bytes()}, "!malformed 'GNU.sparse.name' holds a NUL byte"},
      {"nm10", "control characters and a backslash", {L(.file("a\nb\x1b[2J", "1").file("c\\d", "2"))}, "a\\nb\\x1b[2J:1; c\\\\d:2"},
      {"nm11", "no UTF-8", {L(.file("\xff\xfe", "1"))}, "\\xff\\xfe:1"},
      {"nm12", "spaces and quotes", {L(.file(" a ", "1").file("'", "2"))}, " a :1; ':2"},
      {"nm13", "component of 255 bytes", {L(.file(std::string(255, 'n'), "1"))}, std::string(255, 'n') + ":1"},
      {"nm14", "component of 256 bytes", {L(.file("d/" + std::string(256, 'n'), "1"))}, "!limit has 256 bytes, the limit is 255"},
      {"nm15", "path of 4095 bytes", {L(.directory(many(16, std::string(255, 'n'))).file("a", "1"))}, [&] {
         std::string text = "a:1";
         for (std::size_t i = 1; i <= 16; ++i) text += "; " + printable(many(i, std::string(255, 'n')) + (i < 16 ? "/ @7" : "/"), 400);
         return text;
       }()},
      {"nm15b", "path of over 4095 bytes", {L(.file(many(16, std::string(255, 'n')) + "/b", "1"))}, "!limit has 4097 bytes, the limit is 4095"},
      {"nm16", "names that differ in case", {L(.file("A", "1").file("a", "2"))}, "A:1; a:2"},
      {"nm17", "composed and decomposed forms of one text", {L(.file("\xc3\xa9", "1").file("e\xcc\x81", "2"))}, "e\\xcc\\x81:2; \\xc3\\xa9:1"},
      {"nm18", "the name by PAX", {TarBuilder().add({.name = "f", .data = "1", .pax = {{"path", "d/g"}}}).bytes()}, "d/ @7; d/g:1"},
      {"nm19", "ustar's prefix", {TarBuilder().add({.name = "f", .data = "1", .fields = {{345, "d/e"}}}).bytes()}, "d/ @7; d/e/ @7; d/e/f:1"},
      {"nm20", "ustar's prefix and PAX", {TarBuilder().add({.name = "f", .data = "1", .pax = {{"path", "p"}}, .fields = {{345, "d/e"}}}).bytes()}, "p:1"},
      {"nm21", "a thousand directories deep", {L(.file(many(1000, "d") + "/f", "1").file(".wh.none", "").file("z", "2")), L(.file(".wh.d", ""))}, "z:2"},
      {"nm21b", "over 2048 directories deep", {L(.file(many(2047, "") + many(2049, "d"), "1"))}, "!limit is more than 2048 directories deep"},
      {"nm22", "long name by GNU's member", {TarBuilder().gnu_text('L', "gnuname").file("short", "1").bytes()}, "gnuname:1"},
      {"nm23", "long names by GNU's member and by PAX", {TarBuilder().gnu_text('L', "gnuname").add({.name = "short", .data = "1", .pax = {{"path", "paxname"}}}).bytes()}, "gnuname:1", {"tar-names"}},
      {"nm24", "long names by PAX and by GNU's member", {TarBuilder().extension('x', TarBuilder::record("path", "paxname")).gnu_text('L', "gnuname").file("short", "1").bytes()}, "gnuname:1", {"tar-names"}},
      {"nm25", "two paths in one PAX header", {TarBuilder().add({.name = "f", .data = "1", .pax = {{"path", "one"}, {"path", "two"}}}).bytes()}, "two:1"},
      {"nm26", "a global PAX header", {TarBuilder().extension('g', TarBuilder::record("path", "all") + TarBuilder::record("size", "99") + TarBuilder::record("uid", "7") + TarBuilder::record("comment", "0123")).file("a", "1").file("b", "2").bytes()}, "a:1; b:2", {"tar-global-header"}},
      {"nm27", "components that are no dots", {L(.file("...", "1").file("..a", "2").file(". ", "3"))}, ". :3; ...:1; ..a:2"},
      {"nm28", "directories made through links lie too deep", [&] {
         TarBuilder tar;
         const std::string half = many(1500, "d");
         tar.directory(half).symlink("l", half).directory("l/" + half);
         return std::vector<std::string>{tar.bytes()};
       }(), "!limit more than 2048 directories deep"},
  });
  LayerOptions clamp;
  clamp.clamp_climbing_names = true;
  check({{"nm04", "clamped", {L(.file("../a", "1").file("b/../../../c/d", "2"))}, "a:1; c/ @7; c/d:2", {"name-clamped"}},
         {"nm05", "the root above is no file", {L(.file("..", "1"))}, "!malformed the name leaves the root"}},
        clamp);
}

TEST_CASE("symbolic links: every case", "[layers][cases][symlink]") {
  check({
      {"sl01", "any target is kept as it is", {L(.symlink("a", "/abs").symlink("b", "../../out").symlink("c", "./x//y/"))}, "a -> /abs; b -> ../../out; c -> ./x//y/"},
      {"sl02", "empty target", {L(.symlink("a", ""))}, "!malformed a symbolic link without a target"},
      {"sl03", "target of 4095 bytes", {L(.symlink("a", std::string(4095, 't')))}, printable("a -> " + std::string(4095, 't'), 400)},
      {"sl03b", "target of 4096 bytes", {L(.symlink("a", std::string(4096, 't')))}, "!limit target of 4096 bytes, the limit is 4095"},
      {"sl04", "mode of a link", {TarBuilder().add({.name = "a", .type = '2', .link = "t", .mode = 0}).bytes()}, "a -> t"},
      {"sl05", "user attributes cannot be", {xattr_layer({{"SCHILY.xattr.user.a", "1"}}, '2')}, "f -> t", {"xattr-dropped"}},
      {"sl05b", "trusted ones can", {xattr_layer({{"SCHILY.xattr.trusted.a", "1"}}, '2')}, "f -> t trusted.a=1"},
      {"sl06", "to itself", {L(.symlink("a", "a"))}, "a -> a"},
      {"sl07", "owner and time are kept", {TarBuilder().add({.name = "a", .type = '2', .link = "t", .uid = 5, .gid = 6, .mtime = 7}).bytes()}, "a -> t 5:6 @7"},
      {"sl08", "named ..", {L(.symlink("..", "x"))}, "!malformed the name leaves the root"},
      {"sl09", "named .", {L(.symlink(".", "/etc"))}, "!malformed the root of the image must be a directory"},
      {"sl10", "with data", {TarBuilder().add({.name = "a", .type = '2', .data = std::string(700, 'x'), .link = "t"}).bytes()}, "!malformed after an entry that cannot have data"},
      {"sl11", "target with control bytes", {L(.symlink("a", "x\n\x1b"))}, "a -> x\\n\\x1b"},
  });
}

TEST_CASE("owners, modes, times, devices and attributes: every case", "[layers][cases][metadata]") {
  const auto pax = [](const Pax& records) { return TarBuilder().add({.name = "f", .data = "1", .pax = records}).bytes(); };
  const auto field = [](std::size_t at, const std::string& bytes) { return TarBuilder().add({.name = "f", .data = "1", .fields = {{at, bytes}}}).bytes(); };
  Pax ten;
  for (int i = 0; i < 10; ++i) ten.emplace_back(fmt::format("SCHILY.xattr.user.{}", i), i == 3 ? std::string("\0\xff=", 3) : i == 4 ? "" : std::to_string(i));
  check({
      {"md01", "setuid, setgid, sticky", {L(.file("f", "1", 07755))}, "f:1 7755"},
      {"md02", "a mode with type bits", {L(.file("f", "1", 0100644))}, "f:1"},
      {"md03", "uid 2^31", {pax({{"uid", "2147483648"}, {"gid", "2147483649"}})}, "f:1 2147483648:2147483649"},
      {"md04", "uid 2^32-2", {pax({{"uid", "4294967294"}})}, "f:1 4294967294:0"},
      {"md04b", "uid in base-256", {field(108, base256(4294967294, 8))}, "f:1 4294967294:0"},
      {"md05", "uid -1", {pax({{"uid", "-1"}})}, "!malformed is negative"},
      {"md05b", "gid -1 in base-256", {field(116, base256(-1, 8))}, "!malformed is negative"},
      {"md06", "uid 2^32", {pax({{"uid", "4294967296"}})}, "!malformed uid 4294967296 is over 4294967294"},
      {"md07", "gid 2^32-1", {pax({{"gid", "4294967295"}})}, "!malformed gid 4294967295 is over 4294967294"},
      {"md08", "a time before 1970", {pax({{"mtime", "-5"}})}, "f:1", {"mtime-clamped"}},
      {"md08b", "a time before 1970 in base-256", {field(136, base256(-5, 12))}, "f:1", {"mtime-clamped"}},
      {"md09", "the last second that fits", {pax({{"mtime", "4294967295"}})}, "f:1 @4294967295"},
      {"md10", "fractions of seconds", {pax({{"mtime", "12.999999999"}, {"atime", "13.5"}, {"ctime", "-1.25"}})}, "f:1 @12"},
      {"md11", "a time after 2106", {pax({{"mtime", "9000000000"}})}, "f:1 @4294967295", {"mtime-clamped"}},
      {"md12", "a time that is no number", {pax({{"mtime", "yesterday"}})}, "!malformed PAX record 'mtime': expected"},
      {"md12b", "a time with two points", {pax({{"mtime", "1.2.3"}})}, "!malformed PAX record 'mtime'"},
      {"md12c", "another time that is no number", {pax({{"atime", "1e9"}})}, "!malformed PAX record 'atime'"},
      {"md13", "an owner that is no number", {pax({{"uid", "root"}})}, "!malformed PAX record 'uid': expected a decimal number, found 'root'"},
      {"md14", "ten user attributes, one of them binary, one empty", {pax(ten)}, "f:1 user.0=0 user.1=1 user.2=2 user.3=\\x00\\xff= user.4= user.5=5 user.6=6 user.7=7 user.8=8 user.9=9"},
      {"md15", "capabilities", {pax({{"SCHILY.xattr.security.capability", std::string("\1\0\0\2", 4)}})}, "f:1 security.capability=\\x01\\x00\\x00\\x02"},
      {"md16", "an overlay's mark as an attribute", {base(), TarBuilder().add({.name = "d/", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.trusted.overlay.opaque", "y"}}}).bytes()}, "d/; d/a:1; d/b:2", {"xattr-dropped"}},
      {"md16b", "the same of an overlay without privileges", {pax({{"SCHILY.xattr.user.overlay.opaque", "y"}})}, "f:1", {"xattr-dropped"}},
      {"md16c", "an overlay's whiteout as a device", {L(.file("a", "1")), TarBuilder().add({.name = "a", .type = '3'}).bytes()}, "a c0:0", {"overlay-whiteout"}},
      {"md17", "SELinux labels", {pax({{"SCHILY.xattr.security.selinux", "system_u"}})}, "f:1", {"xattr-dropped"}},
      {"md18", "libarchive's form of attributes alone", {pax({{"LIBARCHIVE.xattr.user.a", "aGk"}})}, "f:1", {"xattr-dropped"}},
      {"md18b", "both forms", {pax({{"SCHILY.xattr.user.a", "hi"}, {"LIBARCHIVE.xattr.user.a", "bm8"}})}, "f:1 user.a=hi"},
      {"md19", "attributes of other namespaces", {pax({{"SCHILY.xattr.system.posix_acl_access", "1"}, {"SCHILY.xattr.com.apple.x", "2"}, {"SCHILY.xattr.user.", "3"}, {"SCHILY.xattr.", "4"}})}, "f:1", {"xattr-dropped"}},
      {"md20", "attributes of a directory that is named again without", {TarBuilder().add({.name = "d/", .type = '5', .mode = 0755, .pax = {{"SCHILY.xattr.user.a", "1"}}}).bytes(), L(.directory("d"))}, "d/"},
      {"md20b", "an access control list in text", {pax({{"SCHILY.acl.access", "user::rw-,user:1:r--,group::r--,mask::r--,other::---"}})}, "f:1", {"xattr-dropped"}},
      {"md20c", "a list that says what the mode says", {pax({{"SCHILY.acl.access", "user::rw-,group::r--,other::---"}})}, "f:1", {}},
      {"md21", "attributes of a FIFO", {xattr_layer({{"SCHILY.xattr.user.a", "1"}, {"SCHILY.xattr.trusted.b", "2"}}, '6')}, "f | trusted.b=2", {"xattr-dropped"}},
      {"md22", "devices", {TarBuilder().add({.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3}).add({.name = "big", .type = '4', .major = 4095, .minor = 1048575}).bytes()}, "big b4095:1048575; null c1:3 666"},
      {"md22b", "a device that fits no inode", {TarBuilder().add({.name = "n", .type = '3', .major = 4096}).bytes()}, "!unsupported device number 4096:0 does not fit 12 and 20 bits"},
      {"md22c", "a negative device", {TarBuilder().add({.name = "n", .type = '3', .fields = {{329, base256(-1, 8)}}}).bytes()}, "!malformed device major is negative"},
      {"md23", "mode in base-256", {field(100, base256(04711, 8))}, "f:1 4711"},
      {"md24", "an attribute of 64 KiB and one byte", {pax({{"SCHILY.xattr.user.a", std::string(65537, 'x')}})}, "!limit value of 65537 bytes, the limit is 65536"},
      {"md24b", "an attribute of 64 KiB", {pax({{"SCHILY.xattr.user.a", std::string(65536, 'x')}})}, "f:1 user.a=" + std::string(40, 'x') + "..."},
      {"md25", "an attribute's name of 256 bytes", {pax({{"SCHILY.xattr.user." + std::string(251, 'n'), "1"}})}, "!limit name of 256 bytes, the limit is 255"},
      {"md26", "one attribute twice", {pax({{"SCHILY.xattr.user.a", "1"}, {"SCHILY.xattr.user.a", "2"}})}, "f:1 user.a=2"},
      {"md27", "a FIFO and directories of every mode", {TarBuilder().add({.name = "p", .type = '6', .mode = 0600}).directory("d", 0).directory("e", 03777).bytes()}, "d/ 0; e/ 3777; p | 600"},
      {"md28", "user and group names do not count", {pax({{"uname", "daemon"}, {"gname", "daemon"}})}, "f:1"},
  });
}

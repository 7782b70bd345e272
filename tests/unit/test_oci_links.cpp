// SPDX-License-Identifier: Apache-2.0
//
// Symbolic links in layouts, in directories and archives: followed inside, refused where they leave.
#include "support/neighbours.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("blobs that are links are followed inside the layout", "[oci][links]") {
  const TestImage image = image_of("1");
  const std::string layer = "blobs/sha256/" + sha256(image.layers[0]);

  struct Case {
    std::string what;
    Members links;     ///< beside `kept`
    std::string kept;  ///< where the layer is
    std::string error = {};
    std::string error_in_tar = {};
  };

  const std::string hex = sha256(image.layers[0]);
  const std::vector<Case> cases{
      {"a link to a file beside the blobs", {{layer, "", '2', "../rootfs.tar"}}, "blobs/rootfs.tar"},
      {"a chain of links", {{layer, "", '2', "../../a"}, {"a", "", '2', "b/c"}, {"b/c", "", '2', "./../d"}}, "d"},
      {"a directory that is a link", {{layer, "", '2', "../../to/x"}, {"to", "", '2', "store/deep"}}, "store/deep/x"},
      {"the parent of where a link leads",
       {{layer, "", '2', "../../to/../x"}, {"to", "", '2', "store/deep"}, {"store/deep/y", "y"}},
       "store/x"},
      {"a link to itself", {{layer, "", '2', hex}}, "z", "is a link that leads in a circle"},
      {"links in a circle",
       {{layer, "", '2', "../../a"}, {"a", "", '2', "b"}, {"b", "", '2', "a"}},
       "z",
       "is a link that leads in a circle"},
      {"a link out of the layout",
       {{layer, "", '2', "../../../x"}},
       "z",
       "is a link that leaves the directory",
       "is a link that leaves the archive"},
      {"a link that comes back",
       {{layer, "", '2', "../../../l/z"}},
       "z",
       "is a link that leaves the directory",
       "is a link that leaves the archive"},
      {"an absolute link",
       {{layer, "", '2', "/etc/hostname"}},
       "z",
       "is a link that leaves the directory",
       "is a link that leaves the archive"},
      {"a link out on the way",
       {{layer, "", '2', "../../a/x"}, {"a", "", '2', ".."}},
       "z",
       "is a link that leaves the directory",
       "is a link that leaves the archive"},
      {"a link to nothing",
       {{layer, "", '2', "none"}},
       "z",
       "is a link to 'blobs/sha256/none', which is not there",
       "is a link to 'blobs/sha256/none', which is not in the archive"},
      {"a link to a directory",
       {{layer, "", '2', "../../a"}, {"a", "", '5'}, {"a/b", ""}},
       "z",
       "is not a regular file",
       "is a directory"},
      {"a link to the layout itself",
       {{layer, "", '2', "../.."}},
       "z",
       "is not a regular file",
       "is a link to '', which is not in the archive"},
  };
  for (const auto& test : cases) {
    INFO(test.what);
    TempDir directory;
    Members members = oci_layout(image);
    std::erase_if(members, [&](const Member& member) { return member.name == layer; });
    members.push_back({test.kept, image.layers[0]});
    members.insert(members.end(), test.links.begin(), test.links.end());
    Members files = members;
    std::erase_if(files, [](const Member& member) { return member.type == '2'; });
    as_directory(files, directory / "l");
    for (const auto& link : test.links) {
      if (link.type != '2') continue;
      std::filesystem::create_directories((directory / "l" / link.name).parent_path());
      std::filesystem::create_symlink(link.link, directory / "l" / link.name);
    }
    write_file(directory / "l.tar", as_tar(members));
    write_file(directory / "l.tar.gz", through("gzip -c", as_tar(members)));
    for (const auto& source : {"oci:" + (directory / "l").string(), "oci-archive:" + (directory / "l.tar").string(),
                               "oci-archive:" + (directory / "l.tar.gz").string()}) {
      INFO(source);
      const auto opened = open_source(source);
      if (test.error.empty()) {
        CHECK_FALSE(opened.error);
        CHECK(opened.bytes == image.layers[0]);
      } else {
        REQUIRE(opened.error);
        CHECK(opened.error->kind() == ErrorKind::malformed);
        const bool tar = source.find(".tar") != std::string::npos;
        CHECK_THAT(opened.error->what(),
                   ContainsSubstring(tar && !test.error_in_tar.empty() ? test.error_in_tar : test.error));
      }
    }
  }
}

TEST_CASE("documents of a layout may be links, too", "[oci][links]") {
  const TestImage image = image_of("1");
  TempDir directory;
  as_directory(oci_layout(image), directory / "l");
  std::filesystem::create_directory(directory / "l/store");
  for (const char* name : {"index.json", "oci-layout"}) {
    std::filesystem::rename(directory / "l" / name, directory / "l/store" / name);
    std::filesystem::create_symlink(std::string("store/") + name, directory / "l" / name);
  }
  std::filesystem::rename(directory / "l/blobs", directory / "l/store/blobs");
  std::filesystem::create_symlink("store/blobs", directory / "l/blobs");
  for (const std::string prefix : {"oci:", ""}) {
    const auto opened = open_source(prefix + (directory / "l").string());
    CHECK_FALSE(opened.error);
    CHECK(opened.bytes == image.layers[0]);
  }
}

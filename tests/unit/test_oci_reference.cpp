// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/reference.h>

#include <unistd.h>

#include "docker_name.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::oci;
using namespace sifkit::testing;

namespace {

/// "TRANSPORT LOCATION [SELECTOR]" or "!KIND".
std::string parsed(const std::string& text) {
  std::string out;
  const auto error = error_of([&] {
    const auto reference = Reference::parse(text);
    out = std::string(to_string(reference.transport)) + " " + reference.location;
    if (!reference.selector.empty()) out += " [" + reference.selector + "]";
    CHECK(reference.text == text);
  });
  return error ? "!" + std::string(to_string(error->kind())) : out;
}

/// In a directory of its own, so that names exist or do not as a test says.
class Elsewhere {
  TempDir directory_;
  WorkingDirectory inside_{directory_.path()};
};

}  // namespace

TEST_CASE("every form of a source", "[oci][reference]") {
  const Elsewhere here;
  const std::string digest = "sha256:" + std::string(64, 'a');
  const std::vector<std::pair<std::string, std::string>> cases{
      {"docker-archive:x.tar", "docker-archive x.tar"},
      {"docker-archive://x.tar", "docker-archive x.tar"},
      {"docker-archive:///abs/x.tar", "docker-archive /abs/x.tar"},
      {"docker-archive:x.tar:app", "docker-archive x.tar [app]"},
      {"docker-archive:x.tar:app:1", "docker-archive x.tar [app:1]"},
      {"docker-archive:x.tar:reg.example:5000/team/app:1", "docker-archive x.tar [reg.example:5000/team/app:1]"},
      {"docker-archive:x.tar:@3", "docker-archive x.tar [@3]"},
      {"docker-archive:x.tar:app:1@" + digest, "docker-archive x.tar [app:1@" + digest + "]"},
      {"docker-archive:x.tar:" + digest, "docker-archive x.tar [" + digest + "]"},
      {"docker-archive:x.tar@" + digest, "docker-archive x.tar [" + digest + "]"},
      {"docker-archive:x@y.tar", "docker-archive x@y.tar"},
      {"docker-archive:-", "docker-archive -"},
      {"docker-archive:-:app:1", "docker-archive - [app:1]"},
      {"oci:dir", "oci dir"},
      {"oci:dir:tag", "oci dir [tag]"},
      {"oci:dir/:tag", "oci dir/ [tag]"},
      {"oci:dir@" + digest, "oci dir [" + digest + "]"},
      {"oci-archive:x.tar:tag", "oci-archive x.tar [tag]"},
      {"docker-daemon:app", "docker-daemon app"},
      {"docker-daemon://app:1", "docker-daemon app:1"},
      {"docker-daemon:reg.example:5000/app:1", "docker-daemon reg.example:5000/app:1"},
      {"docker-daemon://app:1@" + digest, "docker-daemon app:1@" + digest},
      {"docker-daemon:" + std::string(64, 'b'), "docker-daemon " + std::string(64, 'b')},
      {"docker-daemon:" + digest, "docker-daemon " + digest},
      {"docker-daemon:", "docker-daemon "},
      {"docker-daemon://", "docker-daemon "},
      {"podman:", "podman "},
      {"podman:localhost/app", "podman localhost/app"},
      {"docker-container:web_1", "docker-container web_1"},
      {"tar:x:y", "tar x:y"},
      {"dir:/srv/root:1", "dir /srv/root:1"},
      {"sif:x.sif", "sif x.sif"},
      {"squashfs:x", "squashfs x"},
      {"-", "stdin -"},
      {"-:app:1", "stdin - [app:1]"},
      {"-:@2", "stdin - [@2]"},
      {"-:", "stdin -"},
      {"x.tar", "file x.tar"},
      {"./x:y", "file ./x [y]"},
      {"/a/b.tar:app:1", "file /a/b.tar [app:1]"},
      {"X:y", "file X [y]"},  // no transport has capitals
      {"", "!usage"},
      {":", "file :"},
      {":x", "file :x"},
      {"docker-archive:", "!usage"},
      {"docker-archive://", "!usage"},
      {"oci:", "!usage"},
      {"tar:", "!usage"},
      {"docker-container:", "!usage"},
      {"dockerd-archive:x", "!usage"},
      {"docker-archive", "file docker-archive"},
      {"docker://debian", "docker debian"},
      {"docker:h:5000/a:1@sha256:x", "docker h:5000/a:1@sha256:x"},
      {"docker:", "!usage"},
      {"library://x/y/z:1", "library x/y/z:1"},
      {"shub://x/y", "!unsupported"},
      {"oras://x:1", "oras x:1"},
      {"https://x/y.tar", "!unsupported"},
      {std::string("docker-archive:x\0y", 18), "!usage"},
      {std::string("\0", 1), "!usage"},
  };
  for (const auto& [text, expected] : cases) {
    INFO(text);
    CHECK(parsed(text) == expected);
  }
}

TEST_CASE("a path that is there is never cut", "[oci][reference]") {
  const Elsewhere here;
  write_file("a:b", "");
  write_file("a", "");
  write_file("oci:x", "");
  write_file("name@sha256:1", "");
  std::filesystem::create_directory("d:1");
  CHECK(parsed("a:b") == "file a:b");
  CHECK(parsed("a:b:tag") == "file a:b [tag]");
  CHECK(parsed("a:c") == "file a [c]");
  CHECK(parsed("docker-archive:a:b") == "docker-archive a:b");
  CHECK(parsed("docker-archive:a:b:app:1") == "docker-archive a:b [app:1]");
  CHECK(parsed("oci:x") == "file oci:x");
  CHECK(parsed("oci:d:1") == "oci d:1");
  CHECK(parsed("oci:d:1:2") == "oci d:1 [2]");
  CHECK(parsed("docker-archive:name@sha256:1") == "docker-archive name@sha256:1");
}

TEST_CASE("what a definition says of a source", "[oci][reference]") {
  const auto definition = [](const std::string& text) {
    const auto reference = Reference::parse(text);
    return reference.bootstrap() + " " + reference.from();
  };
  CHECK(definition("docker-archive://x.tar:app:1") == "docker-archive x.tar:app:1");
  CHECK(definition("docker-daemon:app") == "docker-daemon app");
  CHECK(definition("-:app") == "stdin -:app");
  CHECK(definition("x.tar") == "file x.tar");
}

TEST_CASE("names of images as Docker reads them", "[oci][reference]") {
  const std::string digest = "@sha256:" + std::string(64, 'a');
  const std::vector<std::pair<std::string, std::string>> sound{
      {"app", "docker.io/library/app:latest"},
      {"app:1", "docker.io/library/app:1"},
      {"user/app", "docker.io/user/app:latest"},
      {"index.docker.io/app", "docker.io/library/app:latest"},
      {"docker.io/app:1", "docker.io/library/app:1"},
      {"localhost/app", "localhost/app:latest"},
      {"localhost:5000/app", "localhost:5000/app:latest"},
      {"reg.example:5000/a/b/c:V1.2_x-y", "reg.example:5000/a/b/c:V1.2_x-y"},
      {"[::1]:5000/app", "[::1]:5000/app:latest"},
      {"app" + digest, "docker.io/library/app" + digest},
      {"app:1" + digest, "docker.io/library/app:1" + digest},
      {"a__b/c-d--e.f", "docker.io/a__b/c-d--e.f:latest"},
      {"5000:1", "docker.io/library/5000:1"},
  };
  for (const auto& [name, full] : sound) {
    INFO(name);
    CHECK(is_docker_name(name));
    CHECK(normalized_docker_name(name) == full);
    CHECK(normalized_docker_name(full) == full);
  }
  for (const auto& name : {std::string(), std::string("App"), std::string("app:"), std::string(":1"), std::string("a/"), std::string("/a"), std::string("a//b"), std::string("a..b"), std::string("a___b"),
                                 std::string("-a"), std::string("a-"), std::string("app:.1"), "app:" + std::string(129, 'x'), std::string("app@"), std::string("app@sha256:xyz"), std::string("a b"),
                                 std::string("a\x1b[2J"), std::string("a:1:2"), std::string("reg.example:port/a"), std::string(256, 'a'), std::string("../a"), std::string("[::1/a"), std::string("a@sha256:") + std::string(31, 'a')}) {
    INFO(name);
    CHECK_FALSE(is_docker_name(name));
    CHECK(normalized_docker_name(name) == name);
  }
}

TEST_CASE("platforms are named by Go's words, and by those of uname and Debian", "[oci][reference]") {
  const std::pair<std::string, std::string> words[] = {
      {"x86_64", "linux/amd64"},    {"aarch64", "linux/arm64"},   {"i386", "linux/386"},      {"i586", "linux/386"},
      {"i686", "linux/386"},        {"armv8l", "linux/arm/v7"},   {"armv7l", "linux/arm/v7"}, {"armhf", "linux/arm/v7"},
      {"armv6l", "linux/arm/v6"},   {"armel/v5", "linux/arm/v5"}, {"arm64/v8", "linux/arm64/v8"},
      {"windows/amd64", "windows/amd64"}, {"LINUX/AMD64", "linux/amd64"}, {"Linux/ARM/V7", "linux/arm/v7"}};
  for (const auto& [text, platform] : words) {
    INFO(text);
    CHECK(oci::Platform::parse(text).text() == platform);
  }
}

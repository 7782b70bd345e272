// SPDX-License-Identifier: Apache-2.0
//
// Verbs that say what an image is and what is in it open its source once: a pipe is enough, and nothing is fetched twice.
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/fault_fixture.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("what can be read once is told of as its file would be", "[cli][pipe]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q --label k=1 ../one.sif ../app.tar; $SIFKIT build -q --label k=2 ../two.sif ../app.tar").code == 0);
  for (const std::string name : {"one.sif", "app.tar"}) {
    INFO(name);
    const auto of_file = fixture.shell("$SIFKIT history ../" + name);
    CHECK(of_file.code == 0);
    CHECK(fixture.shell("cat ../" + name + " | $SIFKIT history -").err == of_file.err);
    REQUIRE(fixture.shell("$SIFKIT report -q -o file.html ../" + name).code == 0);
    const auto piped = fixture.shell("cat ../" + name + " | $SIFKIT report -q -o pipe.html -");
    CHECK(piped.err.empty());
    CHECK_THAT(read_file(fixture.out / "pipe.html"), ContainsSubstring("/bin/tool"));
    fixture.clear();
  }
  const auto different = fixture.shell("cat ../one.sif | $SIFKIT diff - ../two.sif");
  CHECK(different.code == 1);
  CHECK(different.err == "configuration label k: '1' -> '2'\n");
  CHECK(fixture.shell("cat ../one.sif | $SIFKIT diff - ../one.sif").err == "equal\n");
}

TEST_CASE("a root file system by pipe is told of as its file would be", "[cli][pipe]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("mkdir -p root/etc && echo hello > root/etc/motd && cp /bin/true root/etc/prog && tar -C root -cf ../root.tar . && gzip -k ../root.tar").code == 0);
  for (const std::string name : {"root.tar", "root.tar.gz"}) {
    INFO(name);
    for (const std::string verb : {"digest --tree", "check", "sbom gen", "find"}) {
      INFO(verb);
      const auto of_file = fixture.shell("$SIFKIT " + verb + " ../" + name + " > ../of_file 2>&1");
      const auto of_pipe = fixture.shell("cat ../" + name + " | $SIFKIT " + verb + " - > ../of_pipe 2>&1");
      CHECK(of_file.code == of_pipe.code);
      CHECK_THAT(read_file(fixture.out.parent_path() / "of_pipe"), !ContainsSubstring("once only"));
    }
    CHECK(fixture.shell("cat ../" + name + " | $SIFKIT cat - /etc/motd | cmp - root/etc/motd").code == 0);
    CHECK(fixture.shell("cat ../" + name + " | $SIFKIT copy -q - oci-archive:../copy.tar && rm ../copy.tar").code == 0);
  }
}

TEST_CASE("a SIF file of a registry is fetched once by each verb", "[cli][registry][oras]") {
  RegistryFixture registry;
  const auto at = [&](const std::string& name) { return (registry.home / name).native(); };
  write_file(registry.home / "made.tar", as_tar(docker_24(small_image())));
  REQUIRE(run_cli({"build", "-q", at("app.sif"), at("made.tar")}).code == 0);
  const auto uri = "oras://" + registry.server.place() + "/app:1";
  REQUIRE(run_cli({"push", "-qU", "--no-https", at("app.sif"), uri}).code == 0);
  const auto blob = "GET /v2/app/blobs/sha256:" + sha256(read_file(registry.home / "app.sif"));
  for (std::vector<std::string> args : {std::vector<std::string>{"history", uri}, {"report", "-q", "-o", at("page.html"), uri}, {"diff", uri, at("app.sif")}}) {
    INFO(args[0]);
    registry.server.forget();
    args.insert(args.end(), {"--no-https", "--disable-cache"});
    CHECK(run_cli(args).code == 0);
    CHECK(registry.server.count(blob) == 1);
  }
  // With one colon, too, as everywhere.
  const auto short_uri = "oras:" + registry.server.place() + "/app:1";
  CHECK(run_cli({"sif", "list", "--no-https", short_uri}).out == run_cli({"sif", "list", at("app.sif")}).out);
  CHECK(run_cli({"verify", "--no-https", short_uri}).code == exit_code(ErrorKind::unsigned_image));
  write_file(registry.home / "policy.json", R"({"schema":"sifkit/verify-policy/v1","rules":[{"path":"/"}]})");
  CHECK_THAT(run_cli({"verify", "--policy", at("policy.json"), "library:a/b/c"}).err, ContainsSubstring("--policy is for files"));
}

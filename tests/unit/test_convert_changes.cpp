// SPDX-License-Identifier: Apache-2.0
//
// What --label, --env and `edit` change of the texts of a container.
#include <fmt/format.h>

#include "container_changes.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/run_process.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

constexpr const char* kOwn = "# Set by sifkit; a later change of the same variable replaces its line.\n";
const TextMap kNoOthers;

ConvertOptions to_set(std::vector<std::pair<std::string, std::string>> env, std::vector<std::string> unset = {}) {
  ConvertOptions options;
  options.env = std::move(env);
  options.edit.emplace().unset = std::move(unset);
  return options;
}

}  // namespace

TEST_CASE("a variable has one line, whatever its values were", "[convert][changes]") {
  const std::vector<std::string> values{"1", "", "a\nunset B\nexport C=\"d\"\n", "\"quoted\" \\ $HOME `x`", "line\r\nline\r", "\xff\"", "\n"};
  std::string script = "#!/bin/sh\nexport A=\"foreign\"\n";
  for (const auto& value : values) {
    INFO(value);
    script = changed_environment(script, kNoOthers, to_set({{"B", "kept"}, {"A", value}}));
    CHECK(script.find(kOwn) == script.rfind(kOwn));
    CHECK(script.starts_with(std::string("#!/bin/sh\nexport A=\"foreign\"\n") + kOwn + "export B=\"kept\"\nexport A=\""));
    const auto ran = run_process({"/bin/sh", "-c", script + "printf '%s' \"$B$A\""}, {}, true);
    CHECK(ran.out == "kept" + value);
  }
  CHECK(changed_environment(script, kNoOthers, to_set({{"A", "2"}, {"B", "3"}})) ==
        std::string("#!/bin/sh\nexport A=\"foreign\"\n") + kOwn + "export A=\"2\"\nexport B=\"3\"\n");
}

TEST_CASE("lines that others wrote stay", "[convert][changes]") {
  CHECK(changed_environment("", kNoOthers, to_set({{"A", "1"}})) == std::string("#!/bin/sh\n") + kOwn + "export A=\"1\"\n");
  // Behind the lines of an edit somebody wrote what may depend on them.
  const auto script = std::string("#!/bin/sh\n") + kOwn + "export A=\"1\"\nexport B=\"$A/bin\"; echo\n";
  CHECK(changed_environment(script, kNoOthers, to_set({{"A", "2"}})) == script + kOwn + "export A=\"2\"\n");
}

TEST_CASE("a variable is taken away where something sets it", "[convert][changes]") {
  const TextMap others{{"/.singularity.d/env/10-docker2singularity.sh", "#!/bin/sh\nif [ -z \"${OF_IMAGE:-}\" ]; then OF_IMAGE=\"x\"; fi\n"}};
  const auto set = changed_environment("#!/bin/sh\n", others, to_set({{"OWN", "1"}, {"OF_IMAGE", "2"}}));
  // One that only an edit set is gone without a trace.
  const auto unset = changed_environment(set, others, to_set({}, {"OWN", "OF_IMAGE"}));
  CHECK(unset == std::string("#!/bin/sh\n") + kOwn + "unset OF_IMAGE\n");
  CHECK(changed_environment(unset, others, to_set({{"OF_IMAGE", "3"}})) == std::string("#!/bin/sh\n") + kOwn + "export OF_IMAGE=\"3\"\n");
  for (const std::string name : {"OWN", "OF_IMAGE", "IMAGE", "OF_IMAG"}) {
    INFO(name);
    const auto error = error_of([&] { changed_environment(unset, others, to_set({}, {name})); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
    CHECK(error->message() == fmt::format("the variable '{}' is not in the image", name));
  }
}

TEST_CASE("a variable that no container can have is refused", "[convert][changes]") {
  for (const auto& options : {to_set({{"1A", "b"}}), to_set({{"HOME", "/x"}}), to_set({}, {"a b"})}) {
    const auto error = error_of([&] { expect_possible_variables(options); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
  }
  CHECK_NOTHROW(expect_possible_variables(to_set({{"A1", "b"}}, {"B_2"})));
}

TEST_CASE("the OCI configuration has the labels and variables that were asked for", "[convert][changes]") {
  const std::string text = R"({"Cmd":["a \u0026 b"],"Env":["PATH=/bin","A=1","A=2"],"Other":{"x":[1,null,true,1.5]},"Labels":{"k":"v","l":"w"}})";
  CHECK(changed_oci_config(text, {}) == text);
  CHECK(changed_oci_config(text, to_set({{"PATH", "/bin"}})) == text);
  auto options = to_set({{"N", "<3"}, {"A", "3"}}, {"PATH"});
  options.labels = {{"k", "x"}, {"n", "y"}};
  options.edit->removed_labels = {"l"};
  CHECK(changed_oci_config(text, options) ==
        R"({"Cmd":["a \u0026 b"],"Env":["N=\u003c3","A=3"],"Other":{"x":[1,null,true,1.5]},"Labels":{"k":"x","n":"y"}})");
  CHECK(changed_oci_config("{}", to_set({{"A", "1"}})) == R"({"Env":["A=1"]})");
  CHECK(changed_oci_config(R"({"Env":["A=1"],"User":"me"})", to_set({}, {"A"})) == R"({"User":"me"})");
  for (const std::string broken : {"[]", "{", R"({"Env":"A"})"}) {
    const auto error = error_of([&] { changed_oci_config(broken, to_set({{"A", "1"}})); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::malformed);
    CHECK(changed_oci_config(broken, {}) == broken);
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// Configurations of images: what is taken, what is warned of, what is refused.
#include "support/image_cases.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct ConfigCase {
  std::string id;
  std::string what;
  std::string patch;  ///< merged into a sound configuration (RFC 7396: null takes a member away); or '=' and the document
  std::string expected;
  std::set<std::string> warnings = {};
};

}  // namespace

TEST_CASE("configurations of images: every case", "[oci][cases][config]") {
  const std::string hex(64, 'a');
  const std::string sound = R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:)" + hex + R"("]}})";
  const std::vector<ConfigCase> cases{
      {"cf00", "sound", "{}", ""},
      {"cf01", "no rootfs", R"({"rootfs":null})", "malformed rootfs: expected an object, got nothing"},
      {"cf02", "rootfs of another type", R"({"rootfs":{"type":"base"}})", "malformed expected 'layers', got 'base'"},
      {"cf03", "diff_ids are no list", R"({"rootfs":{"diff_ids":"x"}})", "malformed diff_ids: expected a list, got a string"},
      {"cf04", "a diff_id is no text", R"({"rootfs":{"diff_ids":[1]}})", "malformed diff_ids[0]: expected a string, got a number"},
      {"cf05", "a diff_id of sha512", R"({"rootfs":{"diff_ids":["sha512:)" + hex + hex + R"("]}})", ""},
      {"cf06", "a diff_id of md5", R"({"rootfs":{"diff_ids":["md5:)" + hex.substr(32) + R"("]}})", "unsupported digest algorithm 'md5'"},
      {"cf07", "a diff_id that is a path", R"({"rootfs":{"diff_ids":["sha256:../../x"]}})", "malformed expected 64 lower-case hex digits"},
      {"cf08", "a diff_id in capitals", R"({"rootfs":{"diff_ids":["sha256:)" + std::string(64, 'A') + R"("]}})", "malformed expected 64 lower-case hex digits"},
      {"cf09", "another system", R"({"os":"windows"})", "unsupported 'windows' images cannot be converted"},
      {"cf10", "an unknown architecture", R"({"architecture":"pdp11"})", "", {"architecture-unknown"}},
      {"cf11", "neither system nor architecture", R"({"os":null,"architecture":null})", "", {"platform-missing"}},
      {"cf12", "a date that is none", R"({"created":"yesterday"})", "", {"date-odd"}},
      {"cf12b", "a date that is no text", R"({"created":5})", "malformed created: expected a string, got a number"},
      {"cf201", "a variable without a name", R"({"config":{"Env":["=x"]}})", ""},
      {"cf202", "a variable without a value", R"({"config":{"Env":["X"]}})", ""},
      {"cf202b", "names that no shell takes", R"({"config":{"Env":["A-B=1","1A=2","A B=3",""]}})", ""},
      {"cf203", "values that a shell would read", R"({"config":{"Env":["X=a\nb","Y=$","Z='\"`"]}})", ""},
      {"cf204", "a variable that is no text", R"({"config":{"Env":[1]}})", "malformed config.Env[0]: expected a string, got a number"},
      {"cf205", "variables that are no list", R"({"config":{"Env":"PATH=/bin"}})", "malformed config.Env: expected a list, got a string"},
      {"cf206", "no variables", R"({"config":{"Env":null,"Cmd":null,"Entrypoint":null,"Labels":null}})", ""},
      {"cf206b", "null among texts", R"({"config":{"Env":["A=1",null],"Cmd":["a",null],"Labels":{"x":null},"Shell":[null]}})", ""},
      {"cf207", "an entrypoint that is no list", R"({"config":{"Entrypoint":"/bin/sh"}})", "malformed config.Entrypoint: expected a list, got a string"},
      {"cf208", "a command that is no list", R"({"config":{"Cmd":{}}})", "malformed config.Cmd: expected a list, got an object"},
      {"cf209", "words that a shell would read", R"({"config":{"Cmd":["a b","'; rm -rf /","\"$X\""]}})", ""},
      {"cf210", "user 4294967296", R"({"config":{"User":"4294967296"}})", "malformed '4294967296' is not an id from 0 to 4294967294"},
      {"cf210b", "group 4294967295", R"({"config":{"User":"1:4294967295"}})", "malformed '1:4294967295' is not an id"},
      {"cf211", "user -1", R"({"config":{"User":"-1"}})", "malformed '-1' is not an id from 0 to 4294967294"},
      {"cf212", "user by name", R"({"config":{"User":"www-data:www"}})", ""},
      {"cf213", "a relative directory to work in", R"({"config":{"WorkingDir":"a/b"}})", "", {"working-dir-relative"}},
      {"cf214", "labels of every kind", R"({"config":{"Labels":{"":"x","a\nb":"<&>\u2028"}}})", ""},
      {"cf215", "a label that is no text", R"({"config":{"Labels":{"a":1}}})", "malformed config.Labels.a: expected a string, got a number"},
      {"cf216", "labels that are a list", R"({"config":{"Labels":["a"]}})", "malformed config.Labels: expected an object, got a list"},
      {"cf217", "ports that are a list", R"({"config":{"ExposedPorts":[]}})", "malformed config.ExposedPorts: expected an object, got a list"},
      {"cf218", "volumes that are texts", R"({"config":{"Volumes":{"/a":"x"}}})", "malformed config.Volumes./a: expected an object, got a string"},
      {"cf219", "a health check of the wrong type", R"({"config":{"Healthcheck":{"Interval":"5s"}}})", "malformed Healthcheck.Interval: expected a whole number, got a string"},
      {"cf220", "a stop signal that is a number", R"({"config":{"StopSignal":9}})", "malformed config.StopSignal: expected a string, got a number"},
      {"cf221", "a configuration that is a list", R"({"config":[]})", "malformed config: expected an object, got a list"},
      {"cf50", "a member twice", R"(={"rootfs":{},"rootfs":{}})", "malformed member 'rootfs' is there twice"},
      {"cf51", "a member in another case", R"({"Rootfs":{}})", "malformed differs from 'rootfs' in case only"},
      {"cf51b", "a member of the inner object in another case", R"({"config":{"env":[]}})", "malformed differs from 'Env' in case only"},
      {"cf52", "a NUL in a variable", R"({"config":{"Env":["X=a\u0000b"]}})", "malformed holds a NUL byte"},
      {"cf53", "a NUL in a word", R"({"config":{"Cmd":["a\u0000b"]}})", "malformed holds a NUL byte"},
      {"cf54", "no UTF-8", "={\"os\":\"\xff\"}", "malformed not valid JSON at byte"},
      {"cf55", "half a surrogate", R"(={"os":"\ud800"})", "malformed not valid JSON at byte"},
      {"cf56", "a history of other layers", R"({"history":[{},{}]})", "", {"history-odd"}},
      {"cf57", "members that nobody knows", R"({"x":{"y":[1,2,{}]},"config":{"Memory":5}})", ""},
      {"cf58", "bytes after it", "=" + sound + "{}", "malformed not valid JSON"},
      {"cf59", "a byte order mark", "=\xef\xbb\xbf" + sound, "malformed starts with a byte order mark"},
  };
  for (const auto& test : cases) {
    INFO(test.id << ": " << test.what);
    std::string text = test.patch.substr(1);
    if (!test.patch.starts_with('=')) {
      Json document = Json::parse(sound);
      const Json patch = Json::parse(test.patch);
      document.merge_patch(patch);
      // What is null is absent in a merged document; a configuration's own nulls are put back.
      if (patch.contains("config") && patch["config"].is_object()) document["config"] = patch["config"];
      text = document.dump();
    }
    WarningList warnings;
    Outcome outcome;
    const auto error = error_of([&] { oci::ImageConfig::parse(text, {}, warnings); });
    if (error) outcome.error = std::string(to_string(error->kind())) + " " + error->what();
    for (const auto& warning : warnings.listed()) outcome.warnings.insert(warning.kind);
    check_outcome(outcome, test.expected, test.warnings);
  }
}

TEST_CASE("configurations of images are read as engines read them", "[oci][config]") {
  const auto parsed = [](const std::string& config) {
    WarningList warnings;
    return oci::ImageConfig::parse(R"({"architecture":"amd64","os":"linux","config":)" + config + R"(,"rootfs":{"type":"layers","diff_ids":[]}})", {}, warnings);
  };
  using Words = std::vector<std::string>;
  const auto reset = parsed(R"({"Entrypoint":[""],"Cmd":["/bin/echo","x"]})");
  CHECK(reset.config.entrypoint.empty());
  CHECK(reset.config.cmd == Words{"/bin/echo", "x"});
  CHECK(reset.go_config_json() == R"({"Cmd":["/bin/echo","x"],"Entrypoint":[""]})");
  CHECK(parsed(R"({"Entrypoint":["","x"]})").config.entrypoint == Words{"", "x"});
  CHECK(parsed(R"({"Entrypoint":["",""]})").config.entrypoint == Words{"", ""});
  CHECK(parsed(R"({"Entrypoint":["a","","b"]})").config.entrypoint == Words{"a", "", "b"});
  CHECK(parsed(R"({"Entrypoint":[null]})").config.entrypoint.empty());
  CHECK(parsed(R"({"Entrypoint":[],"Cmd":[""]})").config.cmd == Words{""});

  const auto nulls = parsed(R"({"Env":["A=1",null],"Labels":{"a":null,"b":"c"},"OnBuild":[null]})");
  CHECK(nulls.config.env == Words{"A=1", ""});
  CHECK(nulls.config.labels == std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"b", "c"}});
  CHECK(nulls.go_config_json() == R"({"Env":["A=1",""],"Labels":{"a":"","b":"c"},"OnBuild":[""]})");
}

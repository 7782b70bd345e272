// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using sifkit::testing::error_of;

TEST_CASE("JSON is refused where two readers could see different documents", "[core][json]") {
  const auto [text, kind] = GENERATE(table<std::string, ErrorKind>({
      {R"({"a":1,"a":2})", ErrorKind::malformed},
      {R"({"a":{"b":1,"b":1}})", ErrorKind::malformed},
      {R"([1] x)", ErrorKind::malformed},
      {R"([1][2])", ErrorKind::malformed},
      {"", ErrorKind::malformed},
      {"\xef\xbb\xbf{}", ErrorKind::malformed},
      {"[\"\xff\"]", ErrorKind::malformed},
      {std::string(100'000, '['), ErrorKind::limit},
      {std::string(9 << 20, ' '), ErrorKind::limit},
  }));
  const auto error = error_of([&] { parse_json(text, "doc"); });
  REQUIRE(error);
  CHECK(error->kind() == kind);
  CHECK_THAT(error->what(), ContainsSubstring("doc"));
}

TEST_CASE("JSON errors name the place and both types", "[core][json]") {
  const Json document = parse_json(R"({"rootfs":{"diff_ids":["a",7]}})", "config");
  const JsonView view(document, "config: ");
  const auto error = error_of([&] { view["rootfs"]["diff_ids"].text_list(); });
  REQUIRE(error);
  CHECK(error->message() == "config: rootfs.diff_ids[1]: expected a string, got a number");
  CHECK(view["nothing"]["here"].text_or("default") == "default");
}

TEST_CASE("members that differ in case only are refused", "[core][json]") {
  const Json document = parse_json(R"({"Layers":[]})", "m");
  CHECK(error_of([&] { JsonView(document, "m").refuse_case_variants({"layers"}); }));
  CHECK_FALSE(error_of([&] { JsonView(document, "m").refuse_case_variants({"Layers"}); }));
}

TEST_CASE("strings are escaped as Go's encoding/json does", "[core][json]") {
  CHECK(go_json_string("a<b>&\"\\") == R"("a\u003cb\u003e\u0026\"\\")");
  CHECK(go_json_string("\b\f\n\r\t\x01\x7f") == "\"\\b\\f\\n\\r\\t\\u0001\x7f\"");
  CHECK(go_json_string("\xff\xc3\xa9\xe2\x80\xa8") == "\"\\ufffd\xc3\xa9\\u2028\"");
}

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/sign_desk.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Sets a variable for as long as it lives.
struct Variable {
  const char* name;
  Variable(const char* variable, const std::string& value) : name(variable) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

/// A desk with an OpenPGP key, and rings that hold nothing.
struct Shop : SignDesk {
  Variable config{"SIFKIT_CONFIGDIR", at("config")};
  Variable apptainer{"APPTAINER_CONFIGDIR", at("config")};
  std::string image = at("image.sif");

  Shop() { make_pgp("ada"); }
};

}  // namespace

TEST_CASE("verify says who has signed what, and its verdict last", "[cli][verify]") {
  const Shop shop;
  REQUIRE(run_cli({"sign", "-q", "--key", shop.at("ada.asc"), "-g", "1", shop.image}).code == 0);
  const auto all = run_cli({"verify", "--key", shop.at("ada.pub"), shop.image});
  CHECK(all.code == 13);
  CHECK_THAT(all.out, ContainsSubstring("\nNOT COVERED  3   2          2  JSON.Generic\n"));
  CHECK_THAT(all.out, ContainsSubstring("    \"ada <ada@example.org>\"\n"));
  CHECK_THAT(all.out, ContainsSubstring("\nFAILED: unsigned: signature not found for object group 2; all 3 objects were checked\n"));
  const auto part = run_cli({"verify", "--key", shop.at("ada.pub"), "-g", "1", shop.image});
  CHECK(part.code == 0);
  CHECK(part.out.ends_with("VERIFIED: only 2 of 3 objects were checked\n"));
  CHECK(run_cli({"verify", "-q", "--key", shop.at("ada.pub"), "-g", "1", shop.image}).out.empty());
  CHECK(run_cli({"verify", shop.image, "-g", "1"}).code == 14);
}

TEST_CASE("verify --json prints what Apptainer prints, and --json=v1 everything", "[cli][verify]") {
  const Shop shop;
  const std::string none = "{\n  \"Signatures\": 0,\n  \"SignerKeys\": null\n}\n";
  CHECK(run_cli({"verify", "--json", "--key", shop.at("ada.pub"), shop.image}).out == none);
  REQUIRE(run_cli({"sign", "-q", "--key", shop.at("ada.asc"), "-g", "2", shop.image}).code == 0);
  const auto old = run_cli({"verify", "-j", "--key", shop.at("ada.pub"), "-g", "2", shop.image});
  CHECK(old.code == 0);
  const Json record = parse_json(old.out, "old");
  CHECK_THAT(old.out, ContainsSubstring("        \"Name\": \"ada \\u003cada@example.org\\u003e\",\n"));
  CHECK(record["Signatures"] == 1);
  CHECK(record["SignerKeys"][0]["Signer"]["Partition"] == "JSON.Generic");
  CHECK(record["SignerKeys"][0]["Signer"]["DataCheck"] == true);

  const auto failed = run_cli({"verify", "--json=v1", "--key", shop.at("ada.pub"), shop.image, shop.at("none.sif")});
  CHECK(failed.code == 13);
  const Json ours = parse_json(failed.out, "ours");
  CHECK(ours["schema"] == "sifkit/verify/v1");
  CHECK(ours["images"][0]["verified"] == false);
  CHECK(ours["images"][0]["covered"] == Json{3});
  CHECK(ours["images"][0]["not_covered"] == Json{1, 2});
  CHECK(ours["images"][0]["signatures"][0]["signers"][0]["valid"] == true);
  CHECK(ours["images"][1]["kind"] == "not_found");
  CHECK(ours["images"][1]["covered"].is_null());
  CHECK(run_cli({"verify", "--json=v2", shop.image}).code == 2);
  // Printed whatever happens.
  CHECK(run_cli({"verify", "--json", "--key", shop.at("ada.pub"), "-g", "9", shop.image}).out == none);
  const auto missing = run_cli({"verify", "--json=v1", "--key", shop.at("ada.pub"), shop.at("none.sif")});
  CHECK(missing.code == 3);
  CHECK(parse_json(missing.out, "missing")["images"][0]["kind"] == "not_found");
}

TEST_CASE("the environment names keys where the command line names none", "[cli][verify]") {
  const Shop shop;
  {
    const Variable key("APPTAINER_SIGN_KEY", shop.at("ed25519.pem"));
    REQUIRE(run_cli({"sign", "-q", shop.image}).code == 0);
  }
  {
    const Variable key("SIFKIT_VERIFY_KEY", shop.at("ed25519.pub"));
    CHECK(run_cli({"verify", "-q", shop.image}).code == 0);
    CHECK(run_cli({"verify", "-q", "--key", shop.at("ecdsa.pub"), shop.image}).code == 14);
  }
  CHECK(run_cli({"verify", "-q", shop.image}).code == 14);
}

TEST_CASE("a hostile user id cannot steer the terminal", "[cli][verify]") {
  const Shop shop;
  shop.make_pgp("eve\x1b[2J\nVERIFIED");
  REQUIRE(run_cli({"sign", "-q", "--key", shop.at("eve\x1b[2J\nVERIFIED.asc"), shop.image}).code == 0);
  const auto result = run_cli({"verify", "--key", shop.at("eve\x1b[2J\nVERIFIED.pub"), shop.image});
  CHECK(result.code == 0);
  CHECK(result.out.find('\x1b') == std::string::npos);
  CHECK(result.out.find("\nVERIFIED <") == std::string::npos);
}

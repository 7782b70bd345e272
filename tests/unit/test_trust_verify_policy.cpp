// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/verify_policy.h>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/key_fixture.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

VerifyPolicy policy_of(const std::string& members) {
  return VerifyPolicy::parse(R"({"schema": "sifkit/verify-policy/v1")" + (members.empty() ? "" : ", " + members) + "}", "site.json");
}

VerifyPolicy default_of(const std::string& members) { return policy_of(R"("default": {)" + members + "}"); }

std::string place_for(const VerifyPolicy& policy, std::string_view path) {
  const auto* rule = policy.rule_for(path);
  return rule == nullptr ? "none" : rule->place;
}

/// Two PEM keys and two of OpenPGP.
struct PolicyFixture : SignFixture {
  TrustedKeys keys = trusted({"ed25519.pub", "ecdsa.pub"});
  std::string ed25519_id;
  std::string ecdsa_id;

  PolicyFixture() {
    sign(key("ed25519.pem"));
    ed25519_id = verified({"ed25519.pub"}).keys.at(0).key;
  }

  void sign_with_ecdsa() {
    sign(key("ecdsa.pem"));
    const auto report = check(std::nullopt);
    REQUIRE(report.keys.size() == 2);
    ecdsa_id = report.keys[report.keys[0].key == ed25519_id ? 1 : 0].key;
  }

  VerifyReport check(const std::optional<VerifyPolicy>& policy, VerifyOptions options = {}) const {
    options.policy = policy ? &*policy : nullptr;
    return verify(Image::open(directory / "image.sif"), keys, options);
  }
};

void passes(const VerifyReport& report) {
  INFO((report.failure ? report.failure->message() : ""));
  CHECK_FALSE(report.failure);
}

void fails(const VerifyReport& report, const std::string& why, ErrorKind kind = ErrorKind::untrusted) {
  REQUIRE(report.failure);
  CHECK(report.failure->kind() == kind);
  CHECK_THAT(report.failure->message(), ContainsSubstring(why));
}

}  // namespace

TEST_CASE("a policy that is not sound is refused, and the place is named", "[trust][policy]") {
  const std::string key(40, 'A');
  const auto refuses = [](const std::string& members, const std::string& why, ErrorKind kind = ErrorKind::malformed) {
    INFO(members);
    const auto error = error_of([&] { policy_of(members); });
    REQUIRE(error);
    CHECK(error->kind() == kind);
    CHECK_THAT(error->message(), ContainsSubstring("'site.json': " + why));
  };
  refuses("", "there is no rule in it");
  refuses(R"("rules": [])", "there is no rule in it");
  refuses(R"("rules": {})", "rules: expected a list, got an object");
  refuses(R"("rules": null)", "rules: expected a list, got nothing");
  refuses(R"("default": null)", "default: expected an object, got nothing");
  refuses(R"("default": {}, "Rules": [])", "unknown member 'Rules'");
  refuses(R"("default": {}, "default": {})", "member 'default' is there twice");
  refuses(R"("default": {"path": "/a"})", "default: the default rule has no path");
  refuses(R"("rules": [{}])", "rules[0].path: expected a string, got nothing");
  refuses(R"("rules": [{"path": "/a"}, {"path": "/a"}])", "rules[1].path: another rule is for it");
  refuses(R"("rules": [{"path": "/a", "treshold": 1}])", "rules[0]: unknown member 'treshold'");
  for (const char* path : {"", "a", "./a", "/a/", "/a//b", "//a", "/a/./b", "/a/../b", "/..", "/a\\u0000b"}) {
    refuses(fmt::format(R"("rules": [{{"path": "{}"}}])", path), "rules[0].path: expected an absolute path");
  }
  refuses(fmt::format(R"("rules": [{{"path": "/{}"}}])", std::string(5000, 'a')), "rules[0].path: a path of 5001 bytes");
  refuses(R"("default": {"keys": []})", "default.keys: the list is empty");
  refuses(R"("default": {"keys": null})", "default.keys: expected a list, got nothing");
  refuses(R"("default": {"keys": "AA"})", "default.keys: expected a list, got a string");
  refuses(R"("default": {"keys": [1]})", "default.keys[0]: expected a string, got a number");
  refuses(R"("default": {"keys": ["7FF7BA84"]})", "default.keys[0]: fingerprint '7FF7BA84': expected 40 hex digits");
  refuses(fmt::format(R"("default": {{"keys": ["{}", "{}"]}})", key, std::string(40, 'a')), "default.keys[1]: it is in the list twice");
  // Another text for a key id, or a part of one, names no key.
  const std::string digits(42, 'A');
  for (const auto& id : {std::string(), digits, digits + "A=", digits + "AA", digits + "B", digits + "-"}) {
    refuses(fmt::format(R"("default": {{"keys": ["SHA256:{}"]}})", id), fmt::format("default.keys[0]: key id 'SHA256:{}': expected 43 digits of base64", id));
  }
  refuses(R"("default": {"threshold": 0})", "default.threshold: expected 1 to 64, got 0");
  refuses(R"("default": {"threshold": 65})", "default.threshold: expected 1 to 64, got 65");
  refuses(R"("default": {"threshold": -1})", "default.threshold: expected a number of 0 or more");
  refuses(R"("default": {"threshold": 1.0})", "default.threshold: expected a number of 0 or more");
  refuses(R"("default": {"threshold": null})", "default.threshold: expected a number of 0 or more, got nothing");
  refuses(fmt::format(R"("default": {{"threshold": 2, "keys": ["{}"]}})", key), "default.threshold: expected 1 to 1, got 2");
  refuses(R"("default": {"formats": []})", "default.formats: the list is empty");
  refuses(R"("default": {"formats": ["PGP"]})", "default.formats[0]: expected 'pgp', 'dsse' or 'x509', got 'PGP'");
  refuses(R"("default": {"formats": ["pgp", "pgp"]})", "default.formats[1]: it is in the list twice");
  refuses(R"("default": {"key_bits": {}})", "default.key_bits: it says nothing");
  refuses(R"("default": {"key_bits": {"RSA": 2048}})", "default.key_bits: unknown member 'RSA'");
  refuses(R"("default": {"key_bits": {"rsa": 0}})", "default.key_bits.rsa: expected 1 to 16384, got 0");
  refuses(R"("default": {"legacy": 1})", "default.legacy: expected true or false, got a number");
  refuses(R"("default": {"legacy": null})", "default.legacy: expected true or false, got nothing");
  refuses(R"("default": {"strict_layout": "yes"})", "default.strict_layout: expected true or false, got a string");
  std::string many;
  for (int i = 0; i < 1025; ++i) many += fmt::format(R"({}"{:040x}")", i == 0 ? "" : ",", i);
  refuses(R"("default": {"keys": [)" + many + "]}", "default.keys: 1025 values are over the limit of 1024", ErrorKind::limit);
}

TEST_CASE("a policy of another version or none is refused", "[trust][policy]") {
  const auto kind = [](const std::string& text) { return kind_of(error_of([&] { VerifyPolicy::parse(text, "site.json"); })); };
  CHECK(kind(R"({"schema": "sifkit/verify-policy/v2", "news": 1})") == ErrorKind::unsupported);
  CHECK(kind(R"({"default": {}})") == ErrorKind::malformed);
  CHECK(kind(R"({"schema": 1, "default": {}})") == ErrorKind::malformed);
  CHECK(kind("[]") == ErrorKind::malformed);
  CHECK(kind("") == ErrorKind::malformed);
  CHECK(kind(R"({"schema": "sifkit/verify-policy/v1", "default": {}} x)") == ErrorKind::malformed);
  CHECK(kind(R"({"schema": "sifkit/verify-policy/v1", "default": )" + std::string(100, '[')) == ErrorKind::limit);
}

TEST_CASE("the rule with the most components of a path is for it, whatever the order", "[trust][policy]") {
  const bool turned = GENERATE(false, true);
  const std::string wide = R"({"path": "/data-of-nobody"})";
  const std::string deep = R"({"path": "/data-of-nobody/images"})";
  const auto policy = policy_of(R"("rules": [)" + (turned ? deep + "," + wide : wide + "," + deep) + "]");
  const std::string wide_place = turned ? "rules[1]" : "rules[0]";
  const std::string deep_place = turned ? "rules[0]" : "rules[1]";
  CHECK(place_for(policy, "/data-of-nobody/images/a.sif") == deep_place);
  CHECK(place_for(policy, "/data-of-nobody/images") == deep_place);
  CHECK(place_for(policy, "/data-of-nobody/images2/a.sif") == wide_place);
  CHECK(place_for(policy, "/data-of-nobody/a.sif") == wide_place);
  CHECK(place_for(policy, "/data-of-nobody2/a.sif") == "none");
  CHECK(place_for(policy, "/DATA-OF-NOBODY/a.sif") == "none");
  CHECK(place_for(policy, "/") == "none");
  CHECK(place_for(policy_of(R"("rules": [{"path": "/"}], "default": {})"), "/a.sif") == "rules[0]");
  CHECK(place_for(policy_of(R"("rules": [{"path": "/x"}], "default": {})"), "/a.sif") == "default");
}

TEST_CASE("a rule is for the place of the open file, not for a name of it", "[trust][policy]") {
  PolicyFixture fixture;
  const auto strict = fixture.directory / "strict";
  const auto lax = fixture.directory / "lax";
  fs::create_directory(strict);
  fs::create_directory(lax);
  const auto policy = policy_of(fmt::format(R"("rules": [{{"path": "{}", "threshold": 2}}, {{"path": "{}"}}])", strict.string(), lax.string()));
  const auto check = [&](const Image& image) { return verify(image, fixture.keys, {.policy = &policy}); };

  fs::rename(fixture.directory / "image.sif", strict / "a.sif");
  fs::create_symlink(strict / "a.sif", lax / "a.sif");
  fs::create_directory_symlink(strict, lax / "directory");
  for (const auto& name : {strict / "a.sif", lax / "a.sif", lax / "directory" / "a.sif", lax / ".." / "strict" / "a.sif"}) {
    const auto report = check(Image::open(name));
    fails(report, "policy 'site.json', rules[0]: 1 of 2 keys needed have signed all that is checked");
    REQUIRE(report.policy);
    CHECK(report.policy->place == "rules[0]");
    CHECK(report.policy->path == strict.string());
    CHECK(report.policy->image == (strict / "a.sif").string());
  }

  // The name means another file by now, or none.
  const auto open = Image::open(strict / "a.sif");
  fs::copy_file(strict / "a.sif", lax / "b.sif");
  passes(check(Image::open(lax / "b.sif")));
  fs::rename(strict / "a.sif", strict / "moved.sif");
  fs::rename(lax / "b.sif", strict / "a.sif");
  CHECK(check(open).policy->image == (strict / "moved.sif").string());
  fs::remove(strict / "moved.sif");
  const auto error = error_of([&] { check(open); });
  CHECK(kind_of(error) == ErrorKind::untrusted);
  CHECK_THAT(error->message(), ContainsSubstring("the open file has no path any more"));

  // What no rule is for is looked at, and fails.
  fs::rename(strict / "a.sif", fixture.directory / "image.sif");
  const auto report = check(Image::open(fixture.directory / "image.sif"));
  fails(report, "no rule is for");
  CHECK(report.policy->place.empty());
  CHECK(report.covered.size() == 3);
}

TEST_CASE("a rule for a path over a symbolic link would be for nothing, and is refused", "[trust][policy]") {
  const TempDir directory;
  fs::create_directory(directory / "real");
  fs::create_directory_symlink(directory / "real", directory / "link");
  for (const char* name : {"link", "link/not-there"}) {
    const auto error = error_of([&] { policy_of(fmt::format(R"("rules": [{{"path": "{}"}}])", (directory / name).string())); });
    CHECK(kind_of(error) == ErrorKind::malformed);
    CHECK_THAT(error->message(), ContainsSubstring("rules[0].path: ") && ContainsSubstring("leads over a symbolic link"));
  }
  CHECK_NOTHROW(policy_of(fmt::format(R"("rules": [{{"path": "{}"}}])", (directory / "not-there").string())));
}

TEST_CASE("different keys are counted, that have signed all", "[trust][policy]") {
  PolicyFixture fixture;
  const auto two = default_of(R"("threshold": 2)");
  passes(fixture.check(default_of("")));
  fails(fixture.check(two), "1 of 2 keys");
  fixture.sign(fixture.key("ed25519.pem"));  // the same key again
  CHECK(fixture.check(std::nullopt).signatures.size() == 4);
  fails(fixture.check(two), "1 of 2 keys");
  fixture.sign(fixture.key("ecdsa.pem"), {.groups = {1}});  // another, for a part
  fails(fixture.check(two), "1 of 2 keys");
  passes(fixture.check(two, {.groups = {1}}));
  fixture.sign(fixture.key("ecdsa.pem"), {.groups = {2}});
  passes(fixture.check(two));
  fails(fixture.check(default_of(R"("threshold": 3)")), "2 of 3 keys");
}

TEST_CASE("keys that are named are all needed, unless a threshold says how many", "[trust][policy]") {
  PolicyFixture fixture;
  const std::string stranger(40, 'A');
  passes(fixture.check(default_of(fmt::format(R"("keys": ["{}"])", fixture.ed25519_id))));
  fails(fixture.check(default_of(fmt::format(R"("keys": ["{}"])", stranger))), "0 of 1 keys needed have signed all that is checked; key " + fixture.ed25519_id + " does not count: it is not among the rule's keys");
  fails(fixture.check(default_of(fmt::format(R"("keys": ["{}", "{}"])", fixture.ed25519_id, stranger))), "1 of 2 keys");
  passes(fixture.check(default_of(fmt::format(R"("keys": ["{}", "{}"], "threshold": 1)", fixture.ed25519_id, stranger))));
  fixture.sign_with_ecdsa();
  passes(fixture.check(default_of(fmt::format(R"("keys": ["{}", "{}"])", fixture.ed25519_id, fixture.ecdsa_id))));
  // A key that others have named counts only for those.
  fails(fixture.check(default_of(fmt::format(R"("keys": ["{}"], "threshold": 1)", stranger))), "0 of 1 keys");
}

TEST_CASE("a key that a descriptor or an envelope merely names does not count", "[trust][policy]") {
  PolicyFixture fixture;
  fixture.sign_with_ecdsa();
  const auto policy = default_of(fmt::format(R"("keys": ["{}"])", fixture.ecdsa_id));
  passes(fixture.check(policy));
  // The key is not trusted here: its signature holds for nobody, and the policy trusts no key.
  fixture.keys = fixture.trusted({"ed25519.pub"});
  REQUIRE(fixture.check(policy).failure);
}

TEST_CASE("keys of several kinds and formats are told apart", "[trust][policy]") {
  PolicyFixture fixture;
  fixture.make_pgp("ada", "RSA", 2048);
  fixture.keys.add_file(fixture.directory / "ada.pub");
  fails(fixture.check(default_of(R"("formats": ["pgp"])")), "its signature is of the format dsse");
  fails(fixture.check(default_of(R"("formats": ["x509"])")), "its signature is of the format dsse");
  passes(fixture.check(default_of(R"("formats": ["dsse", "x509"])")));
  fixture.sign(fixture.key("ada.asc"));
  passes(fixture.check(default_of(R"("formats": ["pgp"])")));
  passes(fixture.check(default_of(R"("formats": ["pgp", "dsse"], "threshold": 2)")));
  fails(fixture.check(default_of(R"("formats": ["dsse"], "threshold": 2)")), "1 of 2 keys");

  passes(fixture.check(default_of(R"("key_bits": {"rsa": 2048, "ec": 256}, "threshold": 2)")));
  fails(fixture.check(default_of(R"("key_bits": {"rsa": 2049}, "threshold": 2)")), "it has 2048 bits, expected 2049 or more");
  passes(fixture.check(default_of(R"("key_bits": {"rsa": 2049})")));  // the other key counts
  fails(fixture.check(default_of(R"("key_bits": {"ec": 257}, "threshold": 2)")), "it has 256 bits, expected 257 or more");
}

TEST_CASE("the key of a certificate is of its own format", "[trust][policy]") {
  PolicyFixture fixture;
  fixture.sign_with_ecdsa();
  fixture.shell("openssl req -x509 -key ecdsa.pem -subj /CN=ada -addext keyUsage=digitalSignature -addext extendedKeyUsage=codeSigning -out ada.crt");
  fixture.keys = fixture.trusted({"ed25519.pub"});
  fixture.keys.add_certificate({fixture.directory / "ada.crt", {}, fixture.directory / "ada.crt"});
  passes(fixture.check(default_of(R"("formats": ["x509"])")));
  passes(fixture.check(default_of(R"("formats": ["x509", "dsse"], "threshold": 2)")));
  fails(fixture.check(default_of(R"("formats": ["dsse"], "threshold": 2)")), "key " + fixture.ecdsa_id + " does not count: its signature is of the format x509");
}

TEST_CASE("a chain of certificates is as weak as the smallest of its keys", "[trust][policy]") {
  PolicyFixture fixture;
  fixture.sign_with_ecdsa();
  fixture.make_chain();
  fixture.keys = fixture.trusted({"ed25519.pub"});
  fixture.keys.add_certificate({fixture.directory / "ada.crt", fixture.directory / "between.crt", fixture.directory / "root.crt"});
  passes(fixture.check(default_of(R"("threshold": 2, "key_bits": {"rsa": 2048, "ec": 256})")));
  fails(fixture.check(default_of(R"("threshold": 2, "key_bits": {"rsa": 2049})")), "key " + fixture.ecdsa_id + " does not count: a key that it rests on has 2048 bits, expected 2049 or more");
}

TEST_CASE("a policy tightens what the options say, and loosens nothing", "[trust][policy]") {
  PolicyFixture fixture;
  const auto lax = default_of(R"("legacy": true)");
  const auto strict = default_of("");
  // Legacy signatures are looked at where the options ask for them, not where a policy allows them.
  passes(fixture.check(lax));
  fails(fixture.check(lax, {.legacy = true}), "legacy signature not found", ErrorKind::unsigned_image);
  fails(fixture.check(strict, {.legacy = true}), "default: legacy signatures are not allowed");
  fails(fixture.check(lax, {.required_keys = {std::string(40, 'A')}}), "is not signed by the required key");

  File::open_read_write(fixture.directory / "image.sif").write_at(fs::file_size(fixture.directory / "image.sif"), as_bytes("behind the end"));
  passes(fixture.check(strict));
  fails(fixture.check(default_of(R"("strict_layout": true)")), "layout: ", ErrorKind::unsigned_image);
  fails(fixture.check(default_of(R"("strict_layout": false)"), {.strict_layout = true}), "layout: ", ErrorKind::unsigned_image);
}

TEST_CASE("what fails without a policy fails with it, for the same reason", "[trust][policy]") {
  SignFixture fixture;
  const auto policy = default_of(R"("threshold": 2)");
  fails(fixture.verified({"ed25519.pub"}, {.policy = &policy}), "signature not found for object group 1", ErrorKind::unsigned_image);
  fixture.sign(fixture.key("ed25519.pem"));
  fails(fixture.verified({"ecdsa.pub"}, {.policy = &policy}), "signature object", ErrorKind::untrusted);
  const auto image = Image::open(fixture.directory / "image.sif");
  File::open_read_write(fixture.directory / "image.sif").write_at(static_cast<std::uint64_t>(image.object(1).offset), as_bytes("!"));
  fails(fixture.verified({"ed25519.pub"}, {.policy = &policy}), "data object integrity compromised: 1", ErrorKind::tampered);
}

TEST_CASE("a policy that others may write is not used", "[trust][policy]") {
  const TempDir directory;
  const auto file = directory / "site.json";
  CHECK(kind_of(error_of([&] { VerifyPolicy::read(file); })) == ErrorKind::not_found);
  write_file(file, R"({"schema": "sifkit/verify-policy/v1", "default": {}})");
  fs::permissions(file, fs::perms(0644));
  CHECK(VerifyPolicy::read(file).name() == file.string());
  fs::permissions(file, fs::perms(0664));
  CHECK(kind_of(error_of([&] { VerifyPolicy::read(file); })) == ErrorKind::denied);
  fs::permissions(file, fs::perms(0644));
  fs::permissions(directory.path(), fs::perms(0777));
  CHECK(kind_of(error_of([&] { VerifyPolicy::read(file); })) == ErrorKind::denied);
}

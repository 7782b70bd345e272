// SPDX-License-Identifier: Apache-2.0
//
// Keys and signatures as of a time: now, or another for an audit.
#include "support/errors.h"
#include "support/forged_signature_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

constexpr std::int64_t kDaySeconds = 86400;
constexpr std::int64_t kYear2020 = 1577836800;  ///< 2020-01-01 00:00:00 UTC

/// A key of 2020 that is used on its hundredth day.
struct ValidationTimeFixture : ForgedSignatureFixture {
  static constexpr std::int64_t kUsed = kYear2020 + 100 * kDaySeconds;
  SignatureInfo info{HashType::sha256, {}};

  explicit ValidationTimeFixture(PgpDates dates) {
    dates.made = kYear2020;
    make_pgp("ada", "EDDSA", 0, nullptr, dates);
  }

  SignatureReport judged(std::int64_t made, std::optional<std::int64_t> at, const std::string& keys = "ada.pub") {
    const PgpSecretKey secret = PgpKeyring(as_bytes(read_file(directory / "ada.asc")), "ada", kUsed).unlock({}, nullptr);
    std::copy(secret.fingerprint.begin(), secret.fingerprint.end(), info.fingerprint.begin());
    return verdict_of(clear_sign(payload, secret.packet, secret.fingerprint, static_cast<std::uint32_t>(made)), {keys}, info, at);
  }
};

}  // namespace

TEST_CASE("an expired key counts for an audit of before, and the reason says when it expired", "[trust][pgp]") {
  ValidationTimeFixture fixture({.lifetime = 365 * kDaySeconds});
  const auto now = fixture.judged(fixture.kUsed, std::nullopt);
  CHECK(now.verdict == Verdict::untrusted);
  CHECK(now.reason == "the key has expired on 2020-12-31 00:00:00 UTC");
  CHECK(now.created == fixture.kUsed);
  CHECK(now.signers.at(0).expires == kYear2020 + 365 * kDaySeconds);

  CHECK(fixture.judged(fixture.kUsed, fixture.kUsed + kDaySeconds).verdict == Verdict::valid);
  CHECK(fixture.judged(fixture.kUsed, fixture.kUsed).verdict == Verdict::valid);
  CHECK(fixture.judged(fixture.kUsed, kYear2020 + 366 * kDaySeconds).reason == "the key has expired on 2020-12-31 00:00:00 UTC");
  const auto early = fixture.judged(fixture.kUsed, fixture.kUsed - kDaySeconds);
  CHECK(early.verdict == Verdict::untrusted);
  CHECK(early.reason == "the signature is from the future: made 2020-04-10 00:00:00 UTC, the time is 2020-04-09 00:00:00 UTC");
  CHECK(early.signers.at(0).ring == fixture.at("ada.pub"));  // the key is there all the same
  const auto younger = fixture.judged(fixture.kUsed, kYear2020 - kDaySeconds);
  CHECK(younger.reason == "the signature is from the future: made 2020-04-10 00:00:00 UTC, the time is 2019-12-31 00:00:00 UTC");
  CHECK(younger.signers.at(0).ring == fixture.at("ada.pub"));
  const auto older = fixture.judged(kYear2020 - 1, fixture.kUsed);
  CHECK(older.verdict == Verdict::untrusted);
  CHECK(older.reason == "the signature, made 2019-12-31 23:59:59 UTC, is older than the key, made 2020-01-01 00:00:00 UTC");
}

TEST_CASE("a key that was given up counts for an audit of before, one that was stolen for none", "[trust][pgp]") {
  const auto [reason, counts] = GENERATE(table<const char*, bool>({{"retired", true}, {"superseded", true}, {"compromised", false}, {"no", false}}));
  INFO(reason);
  const std::int64_t end = kYear2020 + 200 * kDaySeconds;
  ValidationTimeFixture fixture({.revoked = static_cast<std::uint64_t>(end), .reason = reason});
  const auto judged = [&](std::optional<std::int64_t> at) { return fixture.judged(fixture.kUsed, at, "ada.revoked"); };
  for (const auto at : {std::optional<std::int64_t>(), std::optional(end + kDaySeconds), std::optional(end)}) {
    const auto late = judged(at);
    CHECK(late.verdict == Verdict::untrusted);
    CHECK(late.reason == "the key is revoked since 2020-07-19 00:00:00 UTC: in a letter");
    CHECK(late.signers.at(0).revoked == end);
    CHECK_FALSE(late.signers.at(0).valid);
  }
  const auto before = judged(end - kDaySeconds);
  CHECK(before.verdict == (counts ? Verdict::valid : Verdict::untrusted));
  CHECK(before.reason == (counts ? "" : "the key is revoked since 2020-07-19 00:00:00 UTC: in a letter"));
}

TEST_CASE("a key of a clock that is wrong signs nothing", "[trust][pgp]") {
  SignFixture fixture;
  fixture.make_pgp("ada", "EDDSA", 0, nullptr, {.made = static_cast<std::uint64_t>(std::time(nullptr) + kDaySeconds)});
  const auto error = error_of([&] { fixture.sign(fixture.key("ada.asc")); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::denied);
  CHECK_THAT(error->message(), ContainsSubstring("the key is from the future: made "));
}

TEST_CASE("the time of an audit is one that keys can have", "[trust][pgp]") {
  for (const std::int64_t at : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 32}) CHECK(error_of([&] { TrustedKeys keys(at); })->kind() == ErrorKind::usage);
  CHECK_NOTHROW(TrustedKeys(kYear2020));
}

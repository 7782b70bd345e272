// SPDX-License-Identifier: Apache-2.0
//
// User ids and keys that are revoked, by whom, and how many signatures are looked at for that. Keys are written packet
// by packet.
#include <sifkit/trust/key_store.h>

#include "key_standing.h"

#include "support/errors.h"
#include "support/key_fixture.h"
#include "support/standing_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;

TEST_CASE("a user id that is revoked says nothing of the key any more", "[trust][keys][standing]") {
  const Keys keys;
  const auto key = keys.ada.public_packet();
  const auto leads = with(keys.form(), [&](auto& f) {
    f.created = keys.made + kDay;
    f.primary = true;
  });
  const auto latest = with(keys.form(), [&](auto& f) { f.created = keys.made + 2 * kDay; });
  const auto old_name = joined({keys.certified("Old", leads),
                                keys.ada.certification("Old", latest, nullptr, kCertificationRevocation)});
  const std::int64_t between = keys.made + kDay + kDay / 2;

  const auto ends = with(keys.form(), [](auto& f) { f.key_lifetime = kDay / 2; });
  const auto expired = joined({key, old_name, keys.certified(ends)});
  CHECK_THAT(keys.why(expired), StartsWith("the key has expired on "));
  CHECK_THAT(Keys::info(expired).problem, StartsWith("has expired on "));
  CHECK(keys.why(expired, between).empty());  // it was in force then
  const auto certifies = with(keys.form(), [](auto& f) { f.flags = 1; });
  CHECK(keys.why(joined({key, old_name, keys.certified(certifies)})) == "the key is not meant for signing");
  CHECK(keys.why(joined({key, old_name, keys.certified(keys.form())})).empty());
  // Another one's signature revokes nothing.
  const auto foreign = keys.bob.certification(kUser, latest, &keys.ada, kCertificationRevocation);
  CHECK(keys.why(joined({keys.good(), foreign})).empty());

  const std::string none = "has no user id that is not revoked";
  const auto only = joined({key, old_name});
  CHECK(keys.why(only) == "the key " + none);
  CHECK(keys.why(joined({key, keys.direct(keys.form()), old_name})) == "the key " + none);
  CHECK(keys.why(only, between).empty());
  CHECK(Keys::info(only).problem == none);
  CHECK(Keys::info(only).revoked_user_ids == std::vector<std::string>{"Old"});
  const auto secret = joined({keys.ada.secret_packet(kSecretKeyTag), old_name});
  CHECK(kind_of(error_of([&] { PgpKeyring(secret, "ring").unlock({}, nullptr); })) == ErrorKind::denied);
  const auto again = with(leads, [&](auto& f) { f.created = keys.made + 3 * kDay; });
  CHECK(keys.why(joined({only, keys.ada.certification("Old", again)})).empty());
}

TEST_CASE("zeros in front of a number make a key no stronger", "[trust][keys][hostile]") {
  const auto padded = [](std::size_t zeros, std::size_t bytes) {
    const Bytes number(bytes, std::byte{0xff});
    return joined({big_endian(static_cast<std::uint32_t>((zeros + bytes) * 8), 2), Bytes(zeros), number});
  };
  const auto key = [](unsigned algorithm, std::initializer_list<Bytes> numbers) {
    return joined({big_endian(4, 1), big_endian(now() - kDay, 4), big_endian(algorithm, 1), joined(numbers)});
  };
  const auto three = padded(0, 1);
  const auto bits_of = [](const Bytes& body) { return parse_key_packet({kPublicKeyTag, body}).key.bits(); };
  CHECK(bits_of(key(1, {padded(0, 384), three})) == 3072);
  CHECK(bits_of(key(1, {padded(320, 65), three})) == 520);
  CHECK(bits_of(key(17, {padded(192, 64), three, three, three})) == 512);
  CHECK(bits_of(key(1, {padded(64, 0), three})) == 0);

  KeyStanding standing;
  standing.parts = parse_key_packet({kPublicKeyTag, key(1, {padded(320, 65), three})});
  CHECK(standing.refusal(now()) == "is too weak: 520 bits, expected 2048 or more");
  CHECK(Keys::info(pgp_packet(kPublicKeyTag, key(1, {padded(320, 65), three}))).bits == 520);
}

TEST_CASE("a revocation is verified once for each key that it may be by", "[trust][keys][hostile]") {
  const Keys keys;
  Bytes ring = keys.ada.public_packet();
  const auto add = [&ring](const Bytes& more) { ring.insert(ring.end(), more.begin(), more.end()); };
  const auto at = [&](std::uint32_t seconds) {
    return with(keys.form(), [&](auto& f) { f.created = keys.made + seconds; });
  };
  constexpr std::uint32_t kNamed = 10;
  constexpr std::uint32_t kForged = 5;
  for (std::uint32_t i = 0; i < kNamed; ++i)
    add(keys.direct(with(at(i), [&](auto& f) { f.revoker = keys.bob.fingerprint(); })));
  for (std::uint32_t i = 0; i < kForged; ++i) {
    auto forged = keys.bob.signature(kKeyRevocation, keys.ada.hashed(), at(i));
    forged.back() ^= std::byte{1};
    add(forged);
  }
  add(keys.certified(keys.form()));
  unsigned asked = 0;
  const auto bob = parse_key_packet({kPublicKeyTag, ByteView(keys.bob.public_packet()).subspan(6)}).key;
  const auto standing = judge(ring, now(), [&](const std::string& fingerprint) {
    CHECK(fingerprint == keys.bob.fingerprint());
    ++asked;
    return std::optional(bob);
  });
  CHECK(asked == kForged);
  CHECK_FALSE(standing.primary.revocation);
  CHECK(standing.primary.refusal(now()).empty());
}

TEST_CASE("of a key with too many revokers or revocations nobody looks at all, and it is not used",
          "[trust][keys][hostile]") {
  const Keys keys;
  const auto ring = [&](const Bytes& signatures) {
    return joined({keys.ada.public_packet(), signatures, keys.certified(keys.form())});
  };
  const auto many = [](std::uint32_t count, auto&& make) {
    Bytes out;
    for (std::uint32_t i = 0; i < count; ++i) {
      const Bytes one = make(i);
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  };
  const auto naming = [&](std::uint32_t i) {
    const auto fingerprint = to_upper_hex(joined({Bytes(16), big_endian(i + 1, 4)}));
    return keys.direct(with(keys.form(), [&](auto& f) { f.revoker = fingerprint; }));
  };
  CHECK(keys.why(ring(many(64, naming))).empty());
  CHECK(keys.why(ring(many(65, naming))) == "the key names more keys that may revoke it than the limit of 64");

  const auto revoking = [&](const PgpMaker& signer, std::uint32_t i) {
    return signer.signature(kKeyRevocation, keys.ada.hashed(),
                            with(keys.form(), [&](auto& f) { f.created = keys.made + i; }));
  };
  const auto forged = [&](std::uint32_t i) {
    auto out = revoking(keys.ada, i);
    out.back() ^= std::byte{1};
    return out;
  };
  const std::string too_many = "the key has more revocations to be checked than the limit of 256";
  CHECK(keys.why(ring(many(256, forged))).empty());
  CHECK(keys.why(ring(many(257, forged))) == too_many);
  CHECK(Keys::info(ring(many(257, forged))).problem == too_many.substr(std::string_view("the key ").size()));
  CHECK_THAT(keys.why(ring(joined({revoking(keys.ada, 0), many(257, forged)}))),
             StartsWith("the key is revoked since "));
  // Those of others need no look.
  CHECK(keys.why(ring(many(300, [&](std::uint32_t i) { return revoking(keys.bob, i); }))).empty());
}

// SPDX-License-Identifier: Apache-2.0
//
// What an OpenPGP key's own signatures make of it: keys are written packet by packet.
#include <sifkit/trust/key_store.h>

#include "armor.h"
#include "key_blocks.h"

#include "support/errors.h"
#include "support/key_fixture.h"
#include "support/standing_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;

TEST_CASE("a key counts by a valid certification or direct-key signature of its own, and by nothing else",
          "[trust][keys][standing]") {
  const Keys keys;
  const auto key = keys.ada.public_packet();
  const auto bound = keys.bound(keys.form());
  const std::string none = "the key has no valid signature of its own";
  CHECK(keys.why(keys.good()).empty());
  CHECK(Keys::info(keys.good()).problem.empty());
  CHECK(keys.why(joined({keys.good(), bound})).empty());

  // A subkey that is bound says nothing of the primary key's owner.
  CHECK(keys.why(joined({key, bound})) == none);
  CHECK(keys.why_of(joined({key, bound}), keys.subkey) == none);
  CHECK(keys.why(joined({key, PgpMaker::user_id(kUser), bound})) == none);
  CHECK(Keys::info(joined({key, bound})).problem == "has no valid signature of its own");
  auto forged = keys.good();
  forged.back() ^= std::byte{1};
  CHECK(keys.why(joined({forged, bound})) == none + ": it is not by the key");
  CHECK(keys.why(joined(
            {key, PgpMaker::user_id(kUser), keys.bob.certification(kUser, keys.form(), &keys.ada), bound})) == none);

  const auto refused = [&](const KeySignatureForm& form) {
    return keys.why(joined({key, keys.certified(form), bound}));
  };
  CHECK_THAT(refused(with(keys.form(), [](auto& f) { f.lifetime = kDay; })), StartsWith(none + ": it has expired on "));
  CHECK_THAT(refused(with(keys.form(), [](auto& f) { f.created = now() + kDay; })),
             StartsWith(none + ": it is from the future: made "));
  CHECK_THAT(refused(with(keys.form(), [&](auto& f) { f.created = keys.made - 1; })),
             StartsWith(none + ": it is older than the key: made "));
  CHECK(refused(with(keys.form(), [](auto& f) { f.critical = 99; })) ==
        none + ": the subpacket 99 in it is critical and not known here");
  CHECK(refused(with(keys.form(), [](auto& f) { f.critical = 20; })) ==
        none + ": the subpacket 20 in it is critical and not known here");

  // A direct-key signature does, with no user id at all.
  const auto direct = joined({key, keys.direct(keys.form())});
  CHECK(keys.why(direct).empty());
  CHECK(Keys::info(direct).user_ids.empty());
  CHECK(Keys::info(direct).problem.empty());
}

TEST_CASE("certifications over SHA-1 count for keys of before 2024, over MD5 never", "[trust][keys][standing]") {
  const auto refused = [](std::uint32_t made, PgpHash hash) {
    const PgpMaker key(made);
    return PgpKeyring(joined({key.public_packet(), PgpMaker::user_id(kUser),
                              key.certification(kUser, {.created = made, .hash = hash})}),
                      "ring")
        .verify(key.signs("text", now()))
        .reason;
  };
  constexpr std::uint32_t kIn2020 = 1'580'000'000;
  constexpr std::uint32_t kIn2025 = 1'740'000'000;
  CHECK(refused(kIn2020, PgpHash::sha1).empty());
  CHECK(refused(kIn2020, PgpHash::sha224).empty());
  CHECK(refused(kIn2020, PgpHash::md5) == "the key has no valid signature of its own: it is not by the key");
  CHECK(refused(kIn2025, PgpHash::sha512).empty());
  CHECK(refused(kIn2025, PgpHash::sha1) ==
        "the key has no valid signature of its own: it is over SHA1, which is too weak for 2025-02-19 21:20:00 UTC");
}

TEST_CASE("the newest certification says when a key expires, and no key comes back to life without it",
          "[trust][keys][standing]") {
  const Keys keys;
  const auto key = keys.ada.public_packet();
  const auto ends = with(keys.form(), [](auto& f) { f.key_lifetime = 10 * kDay; });
  const auto later = with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; });
  const auto later_ends = with(later, [](auto& f) { f.key_lifetime = 10 * kDay; });
  const auto both = [&](const KeySignatureForm& one, const KeySignatureForm& other) {
    return joined({key, keys.certified(one), keys.ada.certification(kUser, other)});
  };
  CHECK_THAT(keys.why(joined({key, keys.certified(ends)})), StartsWith("the key has expired on "));
  CHECK(keys.why(both(ends, later)).empty());
  CHECK_THAT(keys.why(both(keys.form(), later_ends)), StartsWith("the key has expired on "));
  CHECK_THAT(keys.why(both(later_ends, keys.form())), StartsWith("the key has expired on "));
  CHECK(keys.why(joined({key, PgpMaker::user_id(kUser), keys.bound(keys.form())})) ==
        "the key has no valid signature of its own");

  // GnuPG names a revoker in a direct-key signature that says nothing of the end, which the certification has.
  const auto named = with(keys.form(), [&](auto& f) {
    f.revoker = keys.bob.fingerprint();
    f.flags.reset();
  });
  CHECK_THAT(keys.why(joined({key, keys.direct(named), keys.certified(ends)})), StartsWith("the key has expired on "));
  CHECK(Keys::info(joined({key, keys.direct(named), keys.certified(ends)})).expires ==
        std::int64_t{keys.made} + 10 * kDay);
  CHECK(keys.why(joined({key, keys.direct(named), keys.certified(keys.form())})).empty());

  // The user id that is marked as the primary one decides, however old it is.
  const auto other = joined(
      {PgpMaker::user_id("Other"), keys.ada.certification("Other", with(ends, [](auto& f) { f.primary = true; }))});
  CHECK_THAT(keys.why(joined({key, keys.certified(later), other})), StartsWith("the key has expired on "));
  CHECK(Keys::info(joined({key, keys.certified(later), other})).user_ids == std::vector<std::string>{"Other", kUser});
}

TEST_CASE("a key that is not for signing signs nothing", "[trust][keys][standing]") {
  const Keys keys;
  const auto certifies_only =
      joined({keys.ada.public_packet(), keys.certified(with(keys.form(), [](auto& f) { f.flags = 1; }))});
  CHECK(keys.why(certifies_only) == "the key is not meant for signing");
  CHECK(Keys::info(certifies_only).problem == "is not for signing");
  const auto with_subkey = joined({certifies_only, keys.bound(keys.form())});
  CHECK(keys.why(with_subkey) == "the key is not meant for signing");
  CHECK(keys.why_of(with_subkey, keys.subkey).empty());
  CHECK(Keys::info(with_subkey).can_sign);
  CHECK(Keys::info(with_subkey).problem.empty());
}

TEST_CASE("a subkey signs as long as its newest binding holds and it has signed back", "[trust][keys][standing]") {
  const Keys keys;
  const auto good = joined({keys.good(), keys.bound(keys.form())});
  const auto outcome = keys.outcome(good, keys.subkey);
  CHECK(outcome.status == PgpOutcome::Status::valid);
  CHECK(outcome.fingerprint == keys.ada.fingerprint());
  CHECK(outcome.user_id == kUser);
  CHECK(Keys::info(good).subkeys == std::vector{keys.subkey.fingerprint()});

  const auto packet = keys.subkey.public_packet(kPublicSubkeyTag);
  const auto covered = joined({keys.ada.hashed(), keys.subkey.hashed()});
  const std::string the_subkey = "the subkey " + keys.subkey.fingerprint();
  const auto refused = [&](const Bytes& signatures) {
    return keys.why_of(joined({keys.good(), packet, signatures}), keys.subkey);
  };
  CHECK(refused({}) == the_subkey + " is not bound to its primary key");
  auto forged = keys.ada.binding(keys.subkey, keys.form());
  forged.back() ^= std::byte{1};
  CHECK(refused(forged) == the_subkey + " is not bound to its primary key: it is not by the key");
  CHECK(refused(keys.bob.binding(keys.subkey, keys.form())) == the_subkey + " is not bound to its primary key");

  // Without the signature in turn anybody could call another one's subkey his own; and an older binding that has it
  // does not stand in for a newer one it was taken from.
  const auto later = with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; });
  const auto unanswered = keys.ada.signature(kSubkeyBinding, covered, with(later, [](auto& f) { f.flags = kMaySign; }));
  CHECK(refused(unanswered) == the_subkey + " has not signed its primary key in turn");
  CHECK(refused(joined({keys.ada.binding(keys.subkey, keys.form()), unanswered})) ==
        the_subkey + " has not signed its primary key in turn");
  const auto by_another =
      keys.ada.signature(kSubkeyBinding, covered, with(later, [&](auto& f) {
                           f.flags = kMaySign;
                           f.back = keys.bob.signature_body(kPrimaryBinding, covered, {.created = f.created});
                         }));
  CHECK(refused(by_another) == the_subkey + " has not signed its primary key in turn");

  CHECK_THAT(refused(keys.ada.binding(keys.subkey, with(keys.form(), [](auto& f) { f.key_lifetime = kDay; }))),
             StartsWith(the_subkey + " has expired on "));
  const auto revoked = keys.ada.signature(kSubkeyRevocation, covered, with(later, [](auto& f) { f.reason = 2; }));
  CHECK_THAT(refused(joined({keys.ada.binding(keys.subkey, keys.form()), revoked})),
             StartsWith(the_subkey + " is revoked since ") && ContainsSubstring("in a letter"));
  CHECK(refused(
            joined({keys.ada.binding(keys.subkey, keys.form()), keys.bob.signature(kSubkeyRevocation, covered, later)}))
            .empty());
}

TEST_CASE("a key is revoked by itself and by whom it has named for that", "[trust][keys][standing]") {
  const Keys keys;
  const auto key = keys.ada.public_packet();
  const auto later = with(keys.form(), [&](auto& f) { f.created = keys.made + 10 * kDay; });
  const auto stolen = with(later, [](auto& f) { f.reason = 2; });
  const auto retired = with(later, [](auto& f) { f.reason = 3; });
  const auto by = [&](const PgpMaker& signer, const KeySignatureForm& form) {
    return signer.signature(kKeyRevocation, keys.ada.hashed(), form);
  };
  const auto ring = [&](const Bytes& signatures) { return joined({key, signatures, keys.certified(keys.form())}); };
  const auto before = static_cast<std::int64_t>(keys.made) + 5 * kDay;
  CHECK_THAT(keys.why(ring(by(keys.ada, stolen))),
             StartsWith("the key is revoked since ") && ContainsSubstring(": in a letter"));
  CHECK_THAT(keys.why(ring(by(keys.ada, stolen)), before), StartsWith("the key is revoked since "));
  CHECK_THAT(keys.why(ring(by(keys.ada, retired))), StartsWith("the key is revoked since "));
  CHECK(keys.why(ring(by(keys.ada, retired)), before).empty());
  CHECK_THAT(keys.why(ring(joined({by(keys.ada, retired), by(keys.ada, stolen)})), before),
             StartsWith("the key is revoked since "));
  CHECK(keys.why(ring(by(keys.bob, stolen))).empty());

  const auto named = keys.direct(with(keys.form(), [&](auto& f) { f.revoker = keys.bob.fingerprint(); }));
  const auto bobs =
      joined({keys.bob.public_packet(), PgpMaker::user_id("Bob"), keys.bob.certification("Bob", keys.form())});
  const auto for_ada = ring(joined({by(keys.bob, stolen), named}));
  CHECK_THAT(keys.why(joined({for_ada, bobs})),
             StartsWith("the key is revoked since ") &&
                 ContainsSubstring(" by " + keys.bob.fingerprint() + " for its owner: in a letter"));
  CHECK_THAT(keys.why(for_ada),
             StartsWith("the key may be revoked since ") &&
                 ContainsSubstring(keys.bob.fingerprint() + ", who may do so and whose key is not there to check it"));
  CHECK_THAT(Keys::info(joined({for_ada, bobs})).problem, StartsWith("is revoked since "));
  auto forged = by(keys.bob, stolen);
  forged.back() ^= std::byte{1};
  CHECK(keys.why(joined({ring(joined({forged, named})), bobs})).empty());

  // One copy of a key in a ring may know more than another.
  CHECK_THAT(keys.why(joined({keys.good(), ring(by(keys.ada, stolen))})), StartsWith("the key is revoked since "));
}

TEST_CASE("a revocation certificate is taken from whom the key has named, too", "[trust][keys][standing]") {
  const Keys keys;
  KeyFixture fixture;
  const auto named = keys.direct(with(keys.form(), [&](auto& f) { f.revoker = keys.bob.fingerprint(); }));
  fixture.store.import_keys(joined({keys.ada.public_packet(), named, keys.certified(keys.form())}), "ada", true);
  const auto certificate =
      keys.bob.signature(kKeyRevocation, keys.ada.hashed(), with(keys.form(), [](auto& f) { f.reason = 2; }));
  CHECK(kind_of(error_of([&] { fixture.store.import_keys(certificate, "letter", true); })) == ErrorKind::not_found);
  fixture.store.import_keys(
      joined({keys.bob.public_packet(), PgpMaker::user_id("Bob"), keys.bob.certification("Bob", keys.form())}), "bob",
      true);
  CHECK(fixture.store.import_keys(certificate, "letter", true).at(0).change == ImportedKey::Change::updated);
  CHECK_THAT(fixture.store.find("ada", kPublic).problem, StartsWith("is revoked since "));
  CHECK(fixture.store.import_keys(certificate, "letter", true).at(0).change == ImportedKey::Change::unchanged);
  // What an import says of a key knows who is in the ring.
  const auto again = fixture.store.import_keys(
      joined({keys.ada.public_packet(), certificate, named, keys.certified(keys.form())}), "ada", true);
  CHECK_THAT(again.at(0).key.problem, StartsWith("is revoked since "));
  const auto other = keys.bob.signature(kCertificationRevocation, keys.ada.hashed(), keys.form());
  CHECK(kind_of(error_of([&] { fixture.store.import_keys(other, "letter", true); })) == ErrorKind::unsupported);
}

TEST_CASE("user ids that the key has not certified are not its own, and revoked ones are marked",
          "[trust][keys][standing]") {
  const Keys keys;
  const auto later = with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; });
  const auto latest = with(keys.form(), [&](auto& f) { f.created = keys.made + 2 * kDay; });
  const auto mallory = joined({PgpMaker::user_id("Mallory <mallory@example.org>"),
                               keys.bob.certification("Mallory <mallory@example.org>", keys.form(), &keys.ada)});
  const auto bare = PgpMaker::user_id("Nobody");
  const auto old_name = joined({PgpMaker::user_id("Old"), keys.ada.certification("Old", keys.form()),
                                keys.ada.certification("Old", later, nullptr, kCertificationRevocation)});
  const auto ring = joined({keys.ada.public_packet(), old_name, mallory, bare, keys.certified(keys.form())});
  const auto info = Keys::info(ring);
  CHECK(info.user_ids == std::vector<std::string>{kUser});
  CHECK(info.revoked_user_ids == std::vector<std::string>{"Old"});
  CHECK(keys_meant(std::vector{info}, "mallory").empty());
  CHECK(keys_meant(std::vector{info}, "Nobody").empty());
  CHECK(keys_meant(std::vector{info}, "old").size() == 1);
  CHECK(keys.outcome(ring, keys.ada).user_id == kUser);
  // Certified again after it was revoked; and a copy without the revocation does not hide it.
  CHECK(Keys::info(joined({keys.ada.public_packet(), old_name, keys.ada.certification("Old", latest)})).user_ids ==
        std::vector<std::string>{"Old"});
  const auto copy = joined({PgpMaker::user_id("Old"), keys.ada.certification("Old", keys.form())});
  CHECK(Keys::info(joined({keys.ada.public_packet(), copy, old_name})).revoked_user_ids ==
        std::vector<std::string>{"Old"});
}

TEST_CASE("packets that are neither known nor critical are passed over in a key", "[trust][keys][standing]") {
  const Keys keys;
  const auto key = keys.ada.public_packet();
  const auto certified = keys.certified(keys.form());
  const auto some = bytes_of("something");
  for (const unsigned tag : {10U, 12U, 21U, 40U, 60U, 63U}) {
    INFO(tag);
    const auto odd = pgp_packet(tag, some);
    CHECK(keys.why(joined({key, odd, certified, odd})).empty());
    CHECK(Keys::info(joined({key, odd, certified, odd})).user_ids == std::vector<std::string>{kUser});
  }
  // What is signed onto such a packet is not signed onto the user id before it.
  const auto revocation = keys.ada.certification(
      kUser, with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; }), nullptr, kCertificationRevocation);
  CHECK(Keys::info(joined({key, certified, pgp_packet(60, some), revocation})).revoked_user_ids.empty());
  for (const unsigned tag : {1U, 11U, 22U, 39U}) {
    INFO(tag);
    const auto ring = joined({key, pgp_packet(tag, some), certified});
    const auto said = "holds an OpenPGP packet with tag " + std::to_string(tag) + ", which has no place in a key";
    CHECK(keys.why(ring) == "the key " + said);
    CHECK(Keys::info(ring).problem == said);
    KeyFixture fixture;
    CHECK(kind_of(error_of([&] { fixture.store.import_keys(ring, "ring", true); })) == ErrorKind::unsupported);
  }
  const auto two = joined(
      {keys.good(), keys.bob.public_packet(), PgpMaker::user_id("Bob"), keys.bob.certification("Bob", keys.form())});
  CHECK(fingerprints(read_pgp_keys(two, "ring")) == std::vector{keys.ada.fingerprint(), keys.bob.fingerprint()});
  CHECK(keys.why_of(two, keys.bob).empty());
}

TEST_CASE("armor is read with blank lines, headers and text around it", "[trust][keys]") {
  const Keys keys;
  const auto good = write_armor(keys.good(), kPublicKeyLabel);
  const auto end = good.find("-----END");
  CHECK(read_armor(good, "key") == keys.good());
  CHECK(read_armor(good.substr(0, end) + "\n \t\n" + good.substr(end), "key") == keys.good());
  CHECK(read_armor("Dear Bob,\n\n" + good + "\nYours, Ada\n" + good, "key") == joined({keys.good(), keys.good()}));
  auto headers = good;
  headers.insert(headers.find("\n\n") + 1, "Comment: a key\r\nVersion: 1\r\n");
  CHECK(read_armor(headers, "key") == keys.good());
  const auto refused = [](const std::string& text) {
    return error_of([&] { (void)read_armor(text, "key"); })->message();
  };
  CHECK(refused(good.substr(0, end)) == "key: the armored block at byte 0 has no end");
  CHECK(refused(good.substr(0, end) + "more\n" + good.substr(end)) ==
        "key: the armored block at byte 0 goes on behind its checksum");
  CHECK(refused("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n") ==
        "key: the armored block at byte 0 is a 'PGP MESSAGE', not a key");
  CHECK(refused("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n> AAAA\n-----END PGP PUBLIC KEY BLOCK-----\n") ==
        "key: the armored block at byte 0 is not base64");
}

TEST_CASE("a key that holds the beginning of armor is not taken for text", "[trust][keys][hostile]") {
  const Keys keys;
  const std::string user = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----";
  const auto named = joined({PgpMaker::user_id(user), keys.ada.certification(user, keys.form())});
  const auto block = split_keys(joined({keys.ada.secret_packet(kSecretKeyTag), named}), "ring").at(0);
  CHECK(block.info.user_ids == std::vector{user});
  CHECK(public_half(block).info.fingerprint == keys.ada.fingerprint());
  CHECK(without_armor(as_bytes(armored(block)), "armored") == block.bytes);
  KeyFixture fixture;
  fixture.store.import_keys(block.bytes, "ring", true);
  CHECK(fixture.store.list(kPublic).at(0).user_ids == std::vector{user});
  CHECK(to_upper_hex(PgpKeyring(block.bytes, "ring").unlock({}, nullptr).fingerprint) == keys.ada.fingerprint());
}

TEST_CASE("where the primary secret is elsewhere, a subkey for signing signs", "[trust][keys]") {
  const Keys keys;
  const auto subkey = joined({keys.subkey.secret_packet(kSecretSubkeyTag), keys.ada.binding(keys.subkey, keys.form())});
  const auto offline = joined({keys.ada.stub_packet(), keys.certified(keys.form()), subkey});
  const auto unlocked = [](const Bytes& ring, const std::string& name = "") {
    return PgpKeyring(ring, "ring").unlock({name, {}}, nullptr);
  };
  CHECK(to_upper_hex(unlocked(offline).issuer) == keys.subkey.fingerprint());
  CHECK(to_upper_hex(unlocked(offline).fingerprint) == keys.ada.fingerprint());
  CHECK(Keys::info(offline).problem.empty());
  // Its public half is known and more recent elsewhere in the ring: the subkey is revoked there.
  const auto covered = joined({keys.ada.hashed(), keys.subkey.hashed()});
  const auto revoked =
      joined({keys.good(), keys.subkey.public_packet(kPublicSubkeyTag),
              keys.ada.signature(kSubkeyRevocation, covered, with(keys.form(), [](auto& f) { f.reason = 2; }))});
  CHECK(kind_of(error_of([&] { unlocked(joined({offline, revoked})); })) == ErrorKind::unsupported);

  const auto whole = joined({keys.ada.secret_packet(kSecretKeyTag), keys.certified(keys.form()), subkey});
  CHECK(to_upper_hex(unlocked(whole).issuer) == keys.ada.fingerprint());
  CHECK(to_upper_hex(unlocked(whole, keys.subkey.fingerprint()).issuer) == keys.subkey.fingerprint());
  const auto bare = joined({keys.ada.stub_packet(), keys.certified(keys.form())});
  const auto refused = error_of([&] { unlocked(bare); });
  CHECK(kind_of(refused) == ErrorKind::unsupported);
  CHECK_THAT(refused->message(), ContainsSubstring("the secret of this key is left out"));
  CHECK(Keys::info(bare).problem == "has its secret left out");
}

// SPDX-License-Identifier: Apache-2.0
//
// What an import adds to a key that is there already, in both rings. Keys are written packet by packet.
#include <sifkit/trust/key_store.h>

#include "pgp.h"

#include "support/errors.h"
#include "support/key_fixture.h"
#include "support/standing_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

constexpr auto kAdded = ImportedKey::Change::added;
constexpr auto kUpdated = ImportedKey::Change::updated;
constexpr auto kUnchanged = ImportedKey::Change::unchanged;

/// A signature packet of `PgpMaker` with another unhashed area.
Bytes with_unhashed(const Bytes& packet, const Bytes& area) {
  const ByteView body = ByteView(packet).subspan(6);
  const std::size_t hashed = 6 + pgp_number(body.subspan(4, 2));
  const std::size_t end = hashed + 2 + pgp_number(body.subspan(hashed, 2));
  const auto before = body.first(hashed);
  const auto after = body.subspan(end);
  return pgp_packet(kSignatureTag,
                    joined({Bytes(before.begin(), before.end()),
                            big_endian(static_cast<std::uint32_t>(area.size()), 2), area,
                            Bytes(after.begin(), after.end())}));
}

/// The same signature over and over, each time with other bytes that nothing signs.
Bytes replayed(const Bytes& packet, std::uint32_t times) {
  Bytes out;
  for (std::uint32_t i = 0; i < times; ++i) {
    const auto copy = with_unhashed(packet, joined({big_endian(5, 1), big_endian(100, 1), big_endian(i, 4)}));
    out.insert(out.end(), copy.begin(), copy.end());
  }
  return out;
}

struct UpdateFixture : KeyFixture {
  Keys keys;
  Bytes secret = keys.ada.secret_packet(kSecretKeyTag);

  ImportedKey::Change imported(const Bytes& key) const { return store.import_keys(key, "input", true).at(0).change; }

  /// The fingerprint of the key that would sign.
  std::string signer(const std::string& name = "") const {
    const auto bytes = store.read(kSecret);
    return to_upper_hex(PgpKeyring(bytes, "ring").unlock({name, {}}, nullptr).issuer);
  }
  std::optional<Error> refusal() const {
    return error_of([&] { signer(); });
  }
  Bytes ring() const { return store.read(kSecret); }
  Bytes secret_subkey() const {
    return joined({keys.subkey.secret_packet(kSecretSubkeyTag), keys.ada.binding(keys.subkey, keys.form())});
  }
};

}  // namespace

TEST_CASE("a key that is renewed signs again, by whatever half of it that comes", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto expired = keys.certified(with(keys.form(), [](auto& f) { f.key_lifetime = 500 * kDay; }));
  const auto renewed = keys.certified(with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; }));
  const bool public_half = GENERATE(false, true);
  const auto newer = joined({public_half ? keys.ada.public_packet() : fixture.secret, renewed});

  CHECK(fixture.imported(joined({fixture.secret, expired})) == kAdded);
  CHECK_THAT(fixture.store.find(keys.ada.fingerprint(), kSecret).problem, ContainsSubstring("has expired on "));
  CHECK(kind_of(fixture.refusal()) == ErrorKind::denied);
  CHECK(fixture.imported(newer) == kUpdated);
  CHECK(fixture.store.find(keys.ada.fingerprint(), kSecret).problem.empty());
  CHECK(fixture.store.find(keys.ada.fingerprint(), kPublic).problem.empty());
  CHECK(fixture.signer() == keys.ada.fingerprint());
  CHECK(mode_of(fixture.store.ring(kSecret)) == 0600);

  const auto before = fixture.ring();
  CHECK(fixture.imported(newer) == kUnchanged);
  CHECK(fixture.imported(joined({fixture.secret, expired})) == kUnchanged);
  CHECK(fixture.ring() == before);
}

TEST_CASE("a secret key that comes after its renewed public half is renewed, too", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto renewed = keys.certified(with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; }));
  CHECK(fixture.imported(joined({keys.ada.public_packet(), renewed})) == kAdded);
  const auto expired = keys.certified(with(keys.form(), [](auto& f) { f.key_lifetime = 500 * kDay; }));
  CHECK(fixture.imported(joined({fixture.secret, expired})) == kAdded);
  CHECK(fixture.signer() == keys.ada.fingerprint());
}

TEST_CASE("a secret takes the place of one that is left out, and not the other way round", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto own = keys.certified(keys.form());
  const auto stub = joined({keys.ada.stub_packet(), own});
  CHECK(fixture.imported(joined({stub, fixture.secret_subkey()})) == kAdded);
  CHECK_FALSE(Keys::info(stub).open);
  CHECK(fixture.signer() == keys.subkey.fingerprint());
  CHECK(fixture.imported(joined({fixture.secret, own})) == kUpdated);
  CHECK(fixture.store.find(keys.ada.fingerprint(), kSecret).open);
  CHECK(fixture.signer() == keys.ada.fingerprint());
  CHECK(fixture.signer(keys.subkey.fingerprint()) == keys.subkey.fingerprint());

  const auto before = fixture.ring();
  CHECK(fixture.imported(stub) == kUnchanged);
  CHECK(fixture.ring() == before);
}

TEST_CASE("a subkey comes to the secret ring with its secret only", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto own = keys.certified(keys.form());
  CHECK(fixture.imported(joined({fixture.secret, own})) == kAdded);
  const auto before = fixture.ring();
  CHECK(fixture.imported(joined({keys.ada.public_packet(), own, keys.bound(keys.form())})) == kUpdated);
  // What another has signed has no place beside a secret.
  const auto foreign = keys.bob.certification(kUser, keys.form(), &keys.ada);
  CHECK(fixture.imported(joined({keys.ada.public_packet(), own, foreign})) == kUpdated);
  CHECK(fixture.ring() == before);

  CHECK(fixture.imported(joined({fixture.secret, own, fixture.secret_subkey()})) == kUpdated);
  CHECK(fixture.signer(keys.subkey.fingerprint()) == keys.subkey.fingerprint());
}

TEST_CASE("a subkey that is revoked in the public ring is so in the secret one", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto own = keys.certified(keys.form());
  CHECK(fixture.imported(joined({keys.ada.stub_packet(), own, fixture.secret_subkey()})) == kAdded);
  CHECK(fixture.signer() == keys.subkey.fingerprint());
  const auto covered = joined({keys.ada.hashed(), keys.subkey.hashed()});
  const auto form = with(keys.form(), [](auto& f) { f.reason = 2; });
  auto forged = keys.ada.signature(kSubkeyRevocation, covered, form);
  forged.back() ^= std::byte{1};
  const auto with_revocation = [&](const Bytes& revocation) {
    return joined({keys.ada.public_packet(), own, keys.bound(keys.form()), revocation});
  };
  fixture.imported(with_revocation(forged));
  CHECK(fixture.signer() == keys.subkey.fingerprint());
  CHECK(fixture.imported(with_revocation(keys.ada.signature(kSubkeyRevocation, covered, form))) == kUpdated);
  CHECK(kind_of(fixture.refusal()) == ErrorKind::unsupported);
}

TEST_CASE("a subkey of a kind that is not known is not doubled by another import", "[trust][keys]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto body = joined({big_endian(4, 1), big_endian(keys.made, 4), big_endian(25, 1), Bytes(32)});
  const auto good = joined({keys.good(), pgp_packet(kPublicSubkeyTag, body)});
  CHECK(fixture.imported(good) == kAdded);
  CHECK(fixture.imported(good) == kUnchanged);
  // A secret is locked anew whenever it is exported.
  const auto locked = [&](const std::string& how) {
    return joined({fixture.secret, keys.certified(keys.form()), pgp_packet(kSecretSubkeyTag, joined({body, bytes_of(how)}))});
  };
  CHECK(fixture.imported(locked("one")) == kAdded);
  CHECK(fixture.imported(locked("another")) == kUnchanged);
}

TEST_CASE("a signature that is replayed comes to the secret ring once", "[trust][keys][hostile]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  CHECK(fixture.imported(joined({fixture.secret, keys.certified(keys.form())})) == kAdded);
  const auto user = PgpMaker::user_id(kUser);
  const auto before = fixture.ring();
  // One that is there already.
  fixture.imported(joined({keys.ada.public_packet(), user, replayed(keys.ada.certification(kUser, keys.form()), 100)}));
  CHECK(fixture.ring() == before);
  // One that is new.
  const auto renewed = keys.ada.certification(kUser, with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; }));
  CHECK(fixture.imported(joined({keys.ada.public_packet(), user, replayed(renewed, 100)})) == kUpdated);
  CHECK(fixture.ring().size() == before.size() + replayed(renewed, 1).size());
  const auto revocation =
      keys.ada.signature(kKeyRevocation, keys.ada.hashed(), with(keys.form(), [](auto& f) { f.reason = 2; }));
  const auto then = fixture.ring().size();
  CHECK(fixture.imported(joined({keys.ada.public_packet(), replayed(revocation, 100), user, renewed})) == kUpdated);
  CHECK(fixture.ring().size() == then + replayed(revocation, 1).size());
  CHECK_THAT(fixture.store.find(keys.ada.fingerprint(), kSecret).problem, ContainsSubstring("revoked"));
}

TEST_CASE("of the copies of a binding the one that the subkey has signed is taken", "[trust][keys][hostile]") {
  const UpdateFixture fixture;
  const auto& keys = fixture.keys;
  const auto own = keys.certified(keys.form());
  const auto expired = keys.ada.binding(keys.subkey, with(keys.form(), [](auto& f) { f.key_lifetime = 500 * kDay; }));
  CHECK(fixture.imported(joined({keys.ada.stub_packet(), own, keys.subkey.secret_packet(kSecretSubkeyTag), expired})) ==
        kAdded);
  CHECK(fixture.refusal());
  const auto renewed = keys.ada.binding(keys.subkey, with(keys.form(), [&](auto& f) { f.created = keys.made + kDay; }));
  CHECK(fixture.imported(joined({keys.ada.public_packet(), own, keys.subkey.public_packet(kPublicSubkeyTag),
                                 replayed(renewed, 3), renewed, replayed(renewed, 5)})) == kUpdated);
  CHECK(fixture.signer() == keys.subkey.fingerprint());
}

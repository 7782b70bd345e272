// SPDX-License-Identifier: Apache-2.0
//
// Signatures as others might write them: what a genuine image may look like is accepted, all else refused.
#include <algorithm>

#include <sifkit/core/base64.h>

#include "support/errors.h"
#include "support/forged_signature_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

constexpr Verdict valid = Verdict::valid;
constexpr Verdict untrusted = Verdict::untrusted;
constexpr Verdict unsupported = Verdict::unsupported;
constexpr Verdict tampered = Verdict::tampered;

}  // namespace

TEST_CASE("envelopes are read strictly", "[trust][dsse]") {
  const ForgedSignatureFixture fixture;
  const std::string good = fixture.envelope(fixture.payload);
  const std::string id = fixture.asymmetric("ed25519").key_id();
  const std::string other_id = fixture.asymmetric("ecdsa").key_id();
  const auto message = pre_authentication_encoding(kDssePayloadType, fixture.payload);
  const std::string signature = base64_encode(fixture.asymmetric("ed25519").sign(message));
  const std::string wrong = base64_encode(fixture.asymmetric("ed25519").sign(as_bytes("something else")));
  const auto with_entries = [&](const std::string& entries) {
    return good.substr(0, good.find("\"signatures\"")) + "\"signatures\":" + entries + "}";
  };
  const auto entry = [](const std::string& key, const std::string& value) { return R"({"keyid":")" + key + R"(","sig":")" + value + R"("})"; };

  CHECK(fixture.envelope_verdict(good) == valid);
  CHECK(fixture.envelope_verdict(good + "\n") == valid);
  CHECK(fixture.envelope_verdict(" \r\n\t" + good) == valid);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry("", signature) + "]")) == valid);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(other_id, wrong) + "," + entry(id, signature) + "]")) == valid);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(id, signature) + "," + entry(id, signature) + "]")) == valid);
  // One who does not hold the key may have made these.
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(other_id, signature) + "]")) == untrusted);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry("", wrong) + "]")) == untrusted);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(id, wrong) + "]")) == tampered);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(id, wrong) + "," + entry(id, signature) + "]")) == tampered);
  CHECK(fixture.envelope_verdict(with_entries("[" + entry(id, "") + "]")) == tampered);

  std::string many = entry(id, signature);
  for (int i = 0; i < 64; ++i) many += "," + entry(id, signature);
  for (const std::string& bad :
       {with_entries("[" + many + "]"), with_entries("[]"), with_entries("null"), good + "x", good + std::string(1, '\0'),
        replaced(good, "sif-metadata+json", "sif-metadata+yaml"), replaced(good, "{", R"({"more":1,)"), replaced(good, "{", R"({"payloadType":"x",)"),
        replaced(good, "payloadType", "PayloadType"), replaced(good, "keyid", "keyId"), replaced(good, signature, signature.substr(0, signature.find('='))),
        replaced(good, signature, signature.substr(0, 8) + "\\n" + signature.substr(8)), replaced(good, "\"payload\":\"", "\"payload\":\"_-"),
        std::string(100'000, '['), "{" + std::string(100'000, ' '), std::string("{\"payload\":") + std::string(70, '['), std::string("{}")}) {
    INFO(bad.substr(0, 200));
    CHECK(fixture.envelope_verdict(bad) == tampered);
  }
}

TEST_CASE("a signature object is bounded and of a known kind", "[trust][dsse]") {
  const ForgedSignatureFixture fixture;
  const std::string good = fixture.envelope(fixture.payload);
  CHECK(fixture.envelope_verdict(good + std::string((1u << 20) - good.size(), ' ')) == valid);
  CHECK(fixture.envelope_verdict(good + std::string((1u << 20) - good.size() + 1, ' ')) == tampered);
  CHECK(fixture.envelope_verdict("") == tampered);
  CHECK(fixture.envelope_verdict("SIFHASH:\nabcd") == tampered);
  CHECK(fixture.verdict_of(good, {"ed25519.pub"}, {HashType::blake2b_256, {}}).verdict == valid);
  for (const int hash : {0, 6, -1}) CHECK(fixture.verdict_of(good, {"ed25519.pub"}, {static_cast<HashType>(hash), {}}).verdict == tampered);
  const Image image = Image::open(fixture.directory / "image.sif");
  CHECK(error_of([&] { verify(image, fixture.trusted({"ed25519.pub"}), {.limits = {.signatures = 0}}); })->kind() == ErrorKind::limit);
}

TEST_CASE("RSA signatures are PKCS #1 v1.5 over SHA-256", "[trust][dsse]") {
  const ForgedSignatureFixture fixture;
  fixture.shell("openssl genrsa -out rsa.pem 2048 && openssl pkey -in rsa.pem -pubout -out rsa.pub && openssl rsa -in rsa.pem -RSAPublicKey_out -out rsa1.pub");
  const AsymmetricKey key = fixture.asymmetric("rsa");
  const std::string good = write_envelope(fixture.payload, {&key, 1});
  CHECK(fixture.verdict_of(good, {"rsa.pub"}).verdict == valid);
  CHECK(fixture.verdict_of(good, {"rsa1.pub"}).verdict == valid);
  write_file(fixture.directory / "message", as_text(pre_authentication_encoding(kDssePayloadType, fixture.payload)));
  const std::string old = base64_encode(key.sign(pre_authentication_encoding(kDssePayloadType, fixture.payload)));
  for (const std::string options : {"-sha256 -sigopt rsa_padding_mode:pss", "-sha512", "-sha384"}) {
    fixture.shell("openssl dgst -sign rsa.pem " + options + " -out signature message");
    const std::string made = base64_encode(as_bytes(read_file(fixture.directory / "signature")));
    CHECK(fixture.verdict_of(replaced(good, old, made), {"rsa.pub"}).verdict == tampered);
  }
  fixture.shell("openssl genrsa -out weak.pem 1024 && openssl pkey -in weak.pem -pubout -out weak.pub");
  CHECK(error_of([&] { fixture.asymmetric("weak"); })->kind() == ErrorKind::unsupported);
  CHECK(error_of([&] { fixture.trusted({"weak.pub"}); })->kind() == ErrorKind::unsupported);
}

TEST_CASE("signed metadata is read strictly", "[trust][metadata]") {
  const ForgedSignatureFixture fixture;
  const std::string& good = fixture.payload;
  const auto first_digest = good.find("sha256:") + 7;
  std::string upper_case = good;
  std::transform(upper_case.begin() + static_cast<std::ptrdiff_t>(first_digest), upper_case.begin() + static_cast<std::ptrdiff_t>(first_digest) + 64,
                 upper_case.begin() + static_cast<std::ptrdiff_t>(first_digest), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto objects = good.find("\"objects\":[") + 11;
  const auto comma = good.find("},{", objects) + 1;
  const std::string first = good.substr(objects, comma - objects);
  const std::string second = good.substr(comma + 1, good.size() - comma - 3);
  const std::string head = good.substr(0, objects);
  CHECK(fixture.payload_verdict(head + second + "," + first + "]}") == valid);
  CHECK(fixture.payload_verdict(upper_case) == valid);
  CHECK(fixture.payload_verdict(replaced(good, ",", " ,\n ")) == valid);
  for (const std::string& bad :
       {replaced(good, R"("version":1)", R"("version":2)"), replaced(good, R"("version":1,)", ""), replaced(good, "{", R"({"extra":0,)"),
        replaced(good, "{", R"({"version":1,)"), replaced(good, "version", "Version"), replaced(good, "\"header\"", "\"heading\""),
        // Weak digests (CVE-2022-39237).
        replaced(good, good.substr(first_digest - 7, 71), "md5:d41d8cd98f00b204e9800998ecf8427e"),
        replaced(good, good.substr(first_digest - 7, 71), "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"), replaced(good, "sha256:", "SHA256:"),
        replaced(good, "sha256:", "sha256::"), replaced(good, "sha256:", "sha256:a"), replaced(good, "sha256:", "sha512:"),
        replaced(good, R"("relativeId":0)", R"("relativeId":-1)"), replaced(good, R"("relativeId":0)", R"("relativeId":"0")"),
        replaced(good, R"("relativeId":0)", R"("relativeId":4294967295)"), replaced(good, R"("relativeId":0)", R"("relativeId":4294967296)"),
        replaced(good, R"("relativeId":0)", R"("relativeId":0.0)"),
        // Objects that are missing, listed twice or too many (CVE-2020-13846).
        head + first + "]}", head + second + "]}", head + "]}", head + first + "," + second + "," + first + "]}",
        head + first + "," + second + "," + replaced(second, "\"relativeId\":1", "\"relativeId\":7") + "]}", good + "}", good + " {}", "\xef\xbb\xbf" + good, std::string("null"), std::string()}) {
    INFO(bad.substr(0, 200));
    CHECK(fixture.payload_verdict(bad) == tampered);
  }
}

TEST_CASE("clear-signed messages are read strictly", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  const std::string& good = fixture.message;
  std::string crlf;
  for (const char c : good) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(fixture.message_verdict(good) == valid);
  CHECK(fixture.message_verdict(good + "\n") == valid);
  CHECK(fixture.message_verdict(crlf) == valid);
  CHECK(fixture.message_verdict(replaced(good, "Hash: SHA256\n", "")) == valid);
  CHECK(fixture.message_verdict(replaced(good, "Hash: SHA256", "Hash: SHA512")) == valid);  // the packet says which
  CHECK(fixture.message_verdict(fixture.signed_at(replaced(fixture.payload, ",\"objects\"", ",\n\"objects\""), static_cast<std::uint32_t>(std::time(nullptr)))) == valid);
  for (const std::string& bad :
       {replaced(good, "SHA256", "sha256"), replaced(good, "Hash:", "Comment: x\nHash:"), "text\n" + good, good + "\ntext",
        good + "\n" + good, replaced(good, "}]}\n", "}]} \n"), replaced(good, "{\"version", " {\"version"), replaced(good, "-----BEGIN PGP SIGNED", "-----BEGIN  PGP SIGNED"),
        good.substr(good.find("-----BEGIN PGP SIGNATURE")), replaced(good, "\n-----END PGP SIG", "\n=AAAA\n-----END PGP SIG"), good.substr(0, good.size() - 30),
        replaced(good, "SIGNATURE-----\n\n", "SIGNATURE-----\nVersion\n\n"), replaced(good, "\"version\":1", "\"version\":2")}) {
    INFO(bad.substr(0, 200));
    CHECK(fixture.message_verdict(bad) == tampered);
  }
  // The end of the base64 is told by padding or by a checksum.
  for (const std::size_t size : {30u, 31u, 32u}) {
    const Bytes packets(size, std::byte{0x2a});
    const auto message = write_clear_signed("text", "SHA256", packets);
    CHECK((message.find("=\n-----END") != std::string::npos) == (size % 3 != 0));
    CHECK((message.find("\n=") != std::string::npos) == (size % 3 == 0));
    CHECK(parse_clear_signed(message).packets == packets);
  }
  const std::string until_base64 = good.substr(0, good.find("SIGNATURE-----\n\n") + 16);
  for (const auto& [columns, verdict] : {std::pair(76u, valid), std::pair(77u, tampered)}) {
    std::string lines = base64_encode(parse_clear_signed(good).packets);
    for (std::size_t at = columns; at < lines.size(); at += columns + 1) lines.insert(at, "\n");
    CHECK(fixture.message_verdict(until_base64 + lines + "\n-----END PGP SIGNATURE-----") == verdict);
  }
  // Behind the packet's header of two or three bytes: version, type, key algorithm, hash.
  const std::size_t version = parse_clear_signed(good).packets[1] < std::byte{192} ? 2 : 3;
  CHECK(fixture.message_verdict(fixture.with_packet_byte(version, 3)) == unsupported);
  for (const unsigned type : {0x00u, 0x02u, 0x10u, 0x40u}) CHECK(fixture.message_verdict(fixture.with_packet_byte(version + 1, type)) == unsupported);
  for (const unsigned hash : {1u, 2u, 3u, 11u, 99u}) CHECK(fixture.message_verdict(fixture.with_packet_byte(version + 3, hash)) == unsupported);
  CHECK(fixture.message_verdict(replaced(good, "SHA256", "SHA1")) == unsupported);
}

TEST_CASE("the version and comments in a signature's armor are passed over, and no strict layout has them", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  const auto with = [&](const std::string& headers) {
    return fixture.verdict_of(replaced(fixture.message, "SIGNATURE-----\n\n", "SIGNATURE-----\n" + headers + "\n"), {"ada.pub"}, fixture.info);
  };
  const auto said_by_layout = [&] {
    const auto layout = fixture.verified({"ada.pub"}, {.groups = {1}, .strict_layout = true}).layout;
    return std::find(layout.begin(), layout.end(), "object 4: a header in the armor of a signature holds what nothing signs") != layout.end();
  };
  CHECK(with("").verdict == valid);
  CHECK_FALSE(said_by_layout());
  for (const char* headers : {"Version: GnuPG v2\n", "Comment: by Ada\n", "Version: 1\r\nComment: a\r\nComment: b\r\n", "Comment:\n"}) {
    INFO(headers);
    CHECK(with(headers).verdict == valid);
    CHECK(said_by_layout());
  }
  const auto other = with("Charset: UTF-8\n");
  CHECK(other.verdict == unsupported);
  CHECK_THAT(other.reason, ContainsSubstring("header 'Charset' in the signature's armor is not accepted"));
  const auto line = [](std::size_t bytes) { return "Comment: " + std::string(bytes - 9, 'x') + "\n"; };
  CHECK(with(line(256) + line(9) + line(9) + "Comment: Gr\xc3\xbc\xc3\x9f" "e\n").verdict == valid);
  // They are no place for another message.
  for (const std::string& more :
       {line(257), line(500000), line(10) + line(10) + line(10) + line(10) + line(10), std::string("Comment: \0\n", 11),
        std::string("Comment: a\rb\n"), std::string("Comment: \x1b[2J\n"), std::string("Comment: \xff\n"),
        std::string("Comment: -----BEGIN PGP SIGNATURE-----\n")}) {
    INFO(more.substr(0, 64));
    CHECK(with(more).verdict == unsupported);
  }
  const auto hashes = [&](const std::string& headers) {
    return fixture.message_verdict(replaced(fixture.message, "Hash: SHA256\n", headers));
  };
  const std::string hash = "Hash: SHA256\n";
  CHECK(hashes(hash + hash + hash + hash) == valid);
  CHECK(hashes(hash + hash + hash + hash + hash) == unsupported);
  CHECK(hashes("Hash: SHA256," + std::string(300, ' ') + "SHA512\n") == unsupported);
  // They make no signature hold that does not.
  std::string wrong = fixture.message;
  wrong = replaced(wrong, "\"version\"", "\"Version\"");
  CHECK(fixture.message_verdict(replaced(wrong, "SIGNATURE-----\n\n", "SIGNATURE-----\nComment: x\n\n")) == tampered);
}

TEST_CASE("a legacy signature over a hash that is not read is unsupported, not tampered", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  const auto text = fixture.signed_at("SIFHASH:\n" + std::string(64, '0'), static_cast<std::uint32_t>(std::time(nullptr)));
  const auto verdict = [&](HashType hash) {
    write_file(fixture.directory / "image.sif", fixture.unsigned_image + text);
    const File file = File::open_read_write(fixture.directory / "image.sif");
    auto info = fixture.info;
    info.hash = hash;
    Descriptor object;
    object.type = DataType::signature;
    object.used = true;
    object.id = 4;
    object.raw_group = kGroupMask;
    object.raw_link = 1 | kGroupMask;
    object.offset = static_cast<std::int64_t>(fixture.unsigned_image.size());
    object.size = static_cast<std::int64_t>(text.size());
    object.extra = encode_extra(info);
    file.write_at(kDescriptorsOffset + 3 * kDescriptorSize, object.encode());
    const auto report = fixture.verified({"ada.pub"}, {.groups = {1}, .legacy = true});
    REQUIRE(report.signatures.size() == 1);
    CHECK(report.failure);
    return report.signatures[0].verdict;
  };
  CHECK(verdict(HashType::sha256) == tampered);
  CHECK(verdict(HashType::blake2s_256) == unsupported);
  CHECK(verdict(HashType::blake2b_256) == unsupported);
}

TEST_CASE("a signature packet names one issuer and says nothing that belongs to keys", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  const ClearSigned parts = parse_clear_signed(fixture.message);
  const std::string packet(as_text(parts.packets));
  const std::string body = packet.substr(static_cast<unsigned char>(packet[1]) < 192 ? 2 : 3);
  const auto octet = [](std::size_t value) { return std::string(1, static_cast<char>(value)); };
  const auto hashed = static_cast<std::size_t>(static_cast<unsigned char>(body[5]));
  // Into the hashed area, which breaks the signature, or into the other one, which was empty.
  const auto with = [&](bool covered, const std::string& subpacket) {
    const auto added = octet(subpacket.size()) + subpacket;
    const auto changed = covered ? body.substr(0, 5) + octet(hashed + added.size()) + added + body.substr(6)
                                 : body.substr(0, 6 + hashed) + octet(0) + octet(added.size()) + added + body.substr(8 + hashed);
    const auto whole = "\xc2\xff" + octet(0) + octet(0) + octet(changed.size() >> 8) + octet(changed.size()) + changed;
    return fixture.verdict_of(write_clear_signed(parts.text, "SHA256", as_bytes(whole)), {"ada.pub"}, fixture.info);
  };
  const std::string fingerprint(as_text(fixture.secret.fingerprint));
  const std::string other(20, 'x');
  CHECK(with(false, "\x10" + fingerprint.substr(12)).verdict == valid);
  CHECK(with(false, "\x21\x04" + fingerprint).verdict == valid);
  CHECK(with(false, "\x64 anything").verdict == valid);
  for (const bool covered : {true, false}) {
    CHECK_THAT(with(covered, "\x10" + other.substr(12)).reason, ContainsSubstring("two issuers, "));
    CHECK_THAT(with(covered, "\x21\x04" + other).reason, ContainsSubstring("two issuers, "));
  }
  CHECK(with(false, "\x10" + other.substr(12)).verdict == tampered);
  for (const char type : {'\x09', '\x19', '\x1b', '\x20', '\x27'}) CHECK_THAT(with(true, octet(static_cast<unsigned char>(type)) + std::string(4, '\0')).reason, ContainsSubstring(" is for signatures over keys"));
  CHECK_THAT(with(true, "\xe4 anything").reason, ContainsSubstring("critical subpacket 100 is not known"));
  CHECK(with(true, "\xe4 anything").verdict == unsupported);
  const auto notation = with(true, "\x94 anything");
  CHECK(notation.verdict == unsupported);
  CHECK_THAT(notation.reason, ContainsSubstring("a critical notation that is not known"));
  CHECK(with(true, "\x64 anything").reason == "the signature does not match its text");
}

TEST_CASE("the fingerprint in the descriptor must be that of the key which has signed", "[trust][pgp]") {
  // Whoever reads descriptors only must not be told another name (CVE-2020-13845).
  const ForgedPgpFixture fixture;
  CHECK(fixture.verdict_of(fixture.message, {"ada.pub"}).verdict == tampered);
  SignatureInfo other = fixture.info;
  other.fingerprint[19] ^= std::byte{1};
  CHECK(fixture.verdict_of(fixture.message, {"ada.pub"}, other).verdict == tampered);
  const auto report = fixture.verdict_of(fixture.message, {"ada.pub"}, fixture.info);
  REQUIRE(report.signers.size() == 1);
  CHECK(report.signers[0].key == to_upper_hex(fixture.info.fingerprint));
  CHECK(report.signers[0].name == "ada <ada@example.org>");
  CHECK(report.signers[0].algorithm == "Ed25519");
  CHECK(report.created);
}

TEST_CASE("keys that may not be used sign nothing and vouch for nothing", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  const auto now = static_cast<std::uint32_t>(std::time(nullptr));
  CHECK(fixture.verdict_of(fixture.message, {"ada.revoked"}, fixture.info).verdict == untrusted);
  CHECK(fixture.verdict_of(fixture.message, {"ada.pub", "ada.revoked"}, fixture.info).verdict == untrusted);
  CHECK(fixture.verdict_of(fixture.message, {}, fixture.info).verdict == untrusted);
  CHECK(fixture.message_verdict(fixture.signed_at(fixture.payload, now + 3600)) == untrusted);

  fixture.make_pgp("weak", "RSA", 1024);
  SignatureInfo weak{HashType::sha256, {}};
  const auto report = fixture.verdict_of(fixture.foreign_clear_sign("weak", "SHA256", weak), {"weak.pub"}, weak);
  CHECK(report.verdict == untrusted);
  CHECK_THAT(report.reason, ContainsSubstring("1024 bits"));
  CHECK(error_of([&] { fixture.sign(fixture.key("weak.asc")); })->kind() == ErrorKind::denied);
}

TEST_CASE("hashes of OpenPGP signatures are SHA-256 or stronger", "[trust][pgp]") {
  const ForgedPgpFixture fixture;
  SignatureInfo info{HashType::sha256, {}};
  for (const char* hash : {"SHA256", "SHA384", "SHA512"}) CHECK(fixture.verdict_of(fixture.foreign_clear_sign("ada", hash, info), {"ada.pub"}, info).verdict == valid);
  for (const char* hash : {"SHA224", "SHA1"}) {
    const auto weak = fixture.verdict_of(fixture.foreign_clear_sign("ada", hash, info), {"ada.pub"}, info);
    CHECK(weak.verdict == unsupported);
    CHECK_THAT(weak.reason, ContainsSubstring(hash) && ContainsSubstring("too weak"));
    // Nothing says that the image is not what was signed.
    const auto failure = fixture.verified({"ada.pub"}, {.groups = {1}}).failure;
    REQUIRE(failure);
    CHECK(failure->kind() == ErrorKind::unsupported);
    CHECK(failure->hint().text().empty());
  }
}

TEST_CASE("each kind of OpenPGP key signs with the hash that fits it", "[trust][pgp]") {
  SignFixture fixture;
  const auto [algorithm, bits, curve, hash] = GENERATE(table<std::string, unsigned, const char*, std::string>({{"EDDSA", 0, nullptr, "SHA256"},
                                                                                                                {"RSA", 2048, nullptr, "SHA256"},
                                                                                                                {"ECDSA", 0, "NIST P-256", "SHA256"},
                                                                                                                {"ECDSA", 0, "NIST P-384", "SHA384"},
                                                                                                                {"ECDSA", 0, "NIST P-521", "SHA512"},
                                                                                                                {"ECDSA", 0, "secp256k1", "SHA256"},
                                                                                                                {"ECDSA", 0, "brainpoolP256r1", "SHA256"},
                                                                                                                {"ECDSA", 0, "brainpoolP384r1", "SHA384"},
                                                                                                                {"ECDSA", 0, "brainpoolP512r1", "SHA512"}}));
  fixture.make_pgp("bob", algorithm, bits, curve);
  fixture.sign(fixture.key("bob.asc"));
  const auto report = fixture.verified({"bob.pub"});
  CHECK_FALSE(report.failure);
  REQUIRE(report.signatures.size() == 2);
  CHECK(report.signatures[0].hash == hash);
  CHECK(report.signatures[0].signers.at(0).valid);
}

TEST_CASE("without a salt and at its time a PGP signature of the corpus is made again to the byte", "[trust][pgp]") {
  const char* shared = std::getenv("SIFKIT_SHARED");
  const auto corpus = (shared != nullptr ? std::filesystem::path(shared) : std::filesystem::path(SIFKIT_SOURCE_DIR) / "../shared") / "corpus/sif";
  if (!std::filesystem::exists(corpus)) SKIP_TEST("no corpus of SIF images beside the project");
  const PgpSecretKey key = PgpKeyring(as_bytes(read_file(corpus / "keys/private.asc")), "corpus").unlock({}, nullptr);
  const Image image = Image::open(corpus / "images/two-groups-signed-pgp.sif");
  for (const auto* object : image.objects_of(DataType::signature)) {
    const Bytes bytes = image.read_data(*object, 1u << 20);
    const ClearSigned message = parse_clear_signed(as_text(bytes));
    const auto created = parse_signature_packet(message.packets).created;
    REQUIRE(created);
    CHECK(clear_sign(message.text, key.packet, key.fingerprint, static_cast<std::uint32_t>(*created), false) == as_text(bytes));
    // With a salt all but the salt and the signature over it is the same.
    const ClearSigned salted = parse_clear_signed(clear_sign(message.text, key.packet, key.fingerprint, static_cast<std::uint32_t>(*created)));
    CHECK(salted.text == message.text);
    CHECK(parse_signature_packet(salted.packets).issuer_fingerprint == parse_signature_packet(message.packets).issuer_fingerprint);
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "key_format.h"

#include <openssl/pkcs12.h>

#include <algorithm>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>

#include "x509.h"

namespace sifkit::trust {

namespace {

using namespace std::string_view_literals;

/// `{}` stands for the file's name in quotes.
struct Format {
  std::string_view what;
  std::string_view hint;
};

struct Mark {
  std::string_view text;
  Format format;
};

constexpr Format kUtf16{"UTF-16 text", "iconv -f UTF-16 -t UTF-8 {} makes it UTF-8"};
constexpr Format kUtf16Le{"UTF-16 text", "iconv -f UTF-16LE -t UTF-8 {} makes it UTF-8"};
constexpr Format kUtf16Be{"UTF-16 text", "iconv -f UTF-16BE -t UTF-8 {} makes it UTF-8"};
constexpr Format kUtf32{"UTF-32 text", "iconv -f UTF-32 -t UTF-8 {} makes it UTF-8"};
constexpr Format kOpenSsh{"a public key in OpenSSH's format", "ssh-keygen -e -m PKCS8 -f {} writes it as PEM"};
constexpr Format kOpenSshSecret{"a private key in OpenSSH's format",
                                "ssh-keygen -p -m PKCS8 -f {} rewrites it as PEM: work on a copy"};
constexpr Format kNoTool{
    "", "what signs images is a PEM key (openssl genpkey -algorithm ed25519) or an OpenPGP key"};

/// At the very start.
constexpr Mark kStarts[] = {
    {"\xff\xfe\0\0"sv, kUtf32},
    {"\0\0\xfe\xff"sv, kUtf32},
    {"\xff\xfe"sv, kUtf16},
    {"\xfe\xff"sv, kUtf16},
    {"-\0-\0"sv, kUtf16Le},
    {"\0-\0-"sv, kUtf16Be},
    {"\xef\xbb\xbf"sv, {"text with a byte order mark", "tail -c +4 {} leaves the mark out"}},
    {"\xfe\xed\xfe\xed"sv,
     {"a Java key store", "keytool -importkeystore -deststoretype PKCS12 and openssl pkcs12 -nodes make it PEM"}},
    {"\xce\xce\xce\xce"sv,
     {"a Java key store", "keytool -importkeystore -deststoretype PKCS12 and openssl pkcs12 -nodes make it PEM"}},
};

/// At the start of the first line that is not empty.
constexpr Mark kFirstWords[] = {
    {"ssh-rsa ", kOpenSsh},
    {"ssh-ed25519 ", {"a public key in OpenSSH's format", kNoTool.hint}},
    {"ssh-dss ", kOpenSsh},
    {"ecdsa-sha2-", kOpenSsh},
    {"sk-ssh-ed25519@openssh.com ", {"the public key of a security key in OpenSSH's format", kNoTool.hint}},
    {"sk-ecdsa-sha2-nistp256@openssh.com ", {"the public key of a security key in OpenSSH's format", kNoTool.hint}},
    {"---- BEGIN SSH2 PUBLIC KEY",
     {"a public key in the format of RFC 4716",
      "ssh-keygen -i -f {} makes it OpenSSH's, from which ssh-keygen -e -m PKCS8 makes PEM"}},
    {"PuTTY-User-Key-File-", {"a private key of PuTTY", "puttygen {} -O private-openssh-new makes it OpenSSH's"}},
    {"untrusted comment:", {"a key of minisign or signify", kNoTool.hint}},
    {"RWQ", {"a public key of minisign", kNoTool.hint}},
    {"AGE-SECRET-KEY-", {"a key of age, which encrypts but does not sign", kNoTool.hint}},
    {"age1", {"a key of age, which encrypts but does not sign", kNoTool.hint}},
    {"# created: ", {"a key of age, which encrypts but does not sign", kNoTool.hint}},
    {"age-encryption.org/", {"a file that age has encrypted", "age -d {} decrypts it"}},
    {"(private-key", {"a private key in GnuPG's own directory", "gpg --export-secret-keys writes it as OpenPGP"}},
    {"(protected-private-key",
     {"a private key in GnuPG's own directory", "gpg --export-secret-keys writes it as OpenPGP"}},
    {"(21:protected-private-key",
     {"a private key in GnuPG's own directory", "gpg --export-secret-keys writes it as OpenPGP"}},
    {"(11:private-key", {"a private key in GnuPG's own directory", "gpg --export-secret-keys writes it as OpenPGP"}},
    {"<!DOCTYPE", {"a web page, not a key", "download the key itself"}},
    {"<!doctype", {"a web page, not a key", "download the key itself"}},
    {"<html", {"a web page, not a key", "download the key itself"}},
};

/// Labels of PEM blocks.
constexpr Mark kLabels[] = {
    {"OPENSSH PRIVATE KEY", kOpenSshSecret},
    {"ENCRYPTED COSIGN PRIVATE KEY", {"a private key in cosign's own encryption", kNoTool.hint}},
    {"ENCRYPTED SIGSTORE PRIVATE KEY", {"a private key in cosign's own encryption", kNoTool.hint}},
    {"AGE ENCRYPTED FILE", {"a file that age has encrypted", "age -d {} decrypts it"}},
    {"PKCS7", {"certificates as PKCS#7", "openssl pkcs7 -print_certs -in {} writes them as PEM"}},
    {"CERTIFICATE REQUEST", {"a request for a certificate", "openssl req -in {} -pubkey -noout writes its public key"}},
    {"NEW CERTIFICATE REQUEST",
     {"a request for a certificate", "openssl req -in {} -pubkey -noout writes its public key"}},
    {"SSH SIGNATURE", {"a signature of OpenSSH, not a key", kNoTool.hint}},
};

/// Whether OpenSSL's `read` takes the bytes.
template <auto release, class Reader>
bool reads(ByteView bytes, Reader read) {
  const unsigned char* at = octets(bytes);
  auto* const found = read(nullptr, &at, static_cast<long>(bytes.size()));
  release(found);
  ERR_clear_error();
  return found != nullptr;
}

EVP_PKEY* read_rsa_public_key(EVP_PKEY** key, const unsigned char** at, long size) {
  return d2i_PublicKey(EVP_PKEY_RSA, key, at, size);
}

/// What of DER OpenSSL reads.
std::optional<Format> der_format(ByteView bytes) {
  prepare_crypto();
  if (reads<EVP_PKEY_free>(bytes, d2i_PUBKEY))
    return Format{"a public key as DER", "openssl pkey -pubin -inform DER -in {} writes it as PEM"};
  if (reads<X509_free>(bytes, d2i_X509))
    return Format{"a certificate as DER", "openssl x509 -inform DER -in {} writes it as PEM"};
  if (reads<PKCS12_free>(bytes, d2i_PKCS12)) {
    return Format{"a PKCS#12 store of a key and certificates",
                  "openssl pkcs12 -in {} -nodes writes what is in it as PEM: with -nocerts the key, with -nokeys the "
                  "certificates"};
  }
  if (reads<X509_SIG_free>(bytes, d2i_X509_SIG))
    return Format{"a locked private key as DER", "openssl pkey -inform DER -in {} writes it as PEM"};
  if (reads<EVP_PKEY_free>(bytes, d2i_AutoPrivateKey))
    return Format{"a private key as DER", "openssl pkey -inform DER -in {} writes it as PEM"};
  if (reads<EVP_PKEY_free>(bytes, read_rsa_public_key))
    return Format{"an RSA public key as DER",
                  "openssl rsa -RSAPublicKey_in -inform DER -in {} -pubout writes it as PEM"};
  return std::nullopt;
}

template <std::size_t count>
std::optional<Format> starting(const Mark (&marks)[count], std::string_view text) {
  const auto* const found = std::find_if(std::begin(marks), std::end(marks),
                                         [text](const Mark& mark) { return text.starts_with(mark.text); });
  return found == std::end(marks) ? std::nullopt : std::optional(found->format);
}

/// No command of OpenSSH writes such a key as PEM. Its kind is in the clear in a locked one, too.
bool is_openssh_ed25519(std::string_view block) {
  std::string base64(block.substr(0, block.find("-----END")));
  const Wiper base64_wiper(base64);
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r'; });
  auto bytes = base64_decode(base64);
  if (!bytes) return false;
  const Wiper wiper(*bytes);
  return as_text(*bytes).find("ssh-ed25519") != std::string_view::npos;
}

std::optional<Format> labelled(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const auto rest = text.substr(at + kBegin.size());
    const auto* const found = std::find_if(std::begin(kLabels), std::end(kLabels), [rest](const Mark& mark) {
      return rest.starts_with(mark.text) && rest.substr(mark.text.size()).starts_with("-----");
    });
    if (found == std::end(kLabels)) continue;
    const bool without_way = found->text == kLabels[0].text && is_openssh_ed25519(rest.substr(found->text.size() + 5));
    return without_way ? Format{found->format.what, kNoTool.hint} : found->format;
  }
  return std::nullopt;
}

bool is_jwk(std::string_view text) {
  return text.starts_with('{') &&
         (text.find("\"kty\"") != std::string_view::npos || text.find("\"keys\"") != std::string_view::npos);
}

std::optional<Format> other_format(ByteView bytes) {
  constexpr std::size_t kKeyboxMark = 8;
  const auto text = as_text(bytes);
  if (text.size() > kKeyboxMark && text.substr(kKeyboxMark).starts_with("KBXf"))
    return Format{"a keybox of GnuPG", "gpg --export writes the keys that are in it"};
  if (auto format = starting(kStarts, text)) return format;
  // Binary OpenPGP has the first bit set, DER has not.
  if (bytes.empty() || std::to_integer<unsigned>(bytes[0]) >= 0x80) return std::nullopt;
  if (bytes[0] == std::byte{0x30}) {
    if (auto format = der_format(bytes)) return format;
  }
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  const auto words = text.substr(first);
  if (auto format = starting(kFirstWords, words)) return format;
  if (is_jwk(words)) return Format{"a JSON web key", kNoTool.hint};
  return labelled(words);
}

}  // namespace

void refuse_other_key_formats(ByteView bytes, std::string_view name) {
  const auto format = other_format(bytes);
  if (!format) return;
  std::string hint(format->hint);
  if (const auto place = hint.find("{}"); place != std::string::npos) hint.replace(place, 2, in_quotes(name));
  throw Error(ErrorKind::unsupported, fmt::format("{} is {}, which is not read", in_quotes(name), format->what),
              std::move(hint));
}

}  // namespace sifkit::trust

// SPDX-License-Identifier: Apache-2.0
#include "metadata.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit::trust {

namespace {

constexpr std::string_view kComputing = "compute a signed digest";

struct HashFacts {
  std::string_view name;
  std::size_t bytes;
  const EVP_MD* (*evp)();
};

constexpr HashFacts kHashes[] = {
    {"sha224", 28, EVP_sha224}, {"sha256", 32, EVP_sha256},         {"sha384", 48, EVP_sha384},
    {"sha512", 64, EVP_sha512}, {"sha512_224", 28, EVP_sha512_224}, {"sha512_256", 32, EVP_sha512_256},
};

const HashFacts& facts(SignedHash hash) noexcept { return kHashes[static_cast<std::size_t>(hash)]; }

}  // namespace

std::string_view to_string(SignedHash hash) noexcept { return facts(hash).name; }

std::string SignedDigest::text() const { return fmt::format("{}:{}", to_string(hash), to_hex(value)); }

SignedDigest SignedDigest::parse(std::string_view text, std::string_view what) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    throw Error(ErrorKind::malformed, fmt::format("{}: expected 'algorithm:hex', got {}", what, in_quotes(text)));
  }
  const auto name = text.substr(0, colon);
  const auto hex = text.substr(colon + 1);
  const auto* const known =
      std::find_if(std::begin(kHashes), std::end(kHashes), [&](const HashFacts& f) { return f.name == name; });
  if (known == std::end(kHashes)) {
    throw Error(ErrorKind::malformed,
                fmt::format("{}: digest algorithm {} is not allowed in a signature (expected SHA-2)", what,
                            in_quotes(name)));
  }
  auto value = from_hex(hex);
  if (!value || value->size() != known->bytes) {
    throw Error(ErrorKind::malformed, fmt::format("{}: expected {} hex digits after '{}:', got {}", what, 2 * known->bytes, name, in_quotes(hex)));
  }
  SignedDigest digest;
  digest.hash = static_cast<SignedHash>(known - std::begin(kHashes));
  digest.value = std::move(*value);
  return digest;
}

SignedHasher::SignedHasher(SignedHash hash) : hash_(hash) {
  prepare_crypto();
  context_.reset(EVP_MD_CTX_new());
  check_crypto(context_ != nullptr && EVP_DigestInit_ex(context_.get(), facts(hash).evp(), nullptr) == 1, kComputing);
}

void SignedHasher::update(ByteView bytes) {
  if (!bytes.empty()) check_crypto(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, kComputing);
}

SignedDigest SignedHasher::finish() {
  SignedDigest digest{hash_, Bytes(facts(hash_).bytes)};
  unsigned length = 0;
  check_crypto(EVP_DigestFinal_ex(context_.get(), octets(digest.value), &length) == 1, kComputing);
  SIFKIT_CHECK(length == digest.value.size());
  return digest;
}

SignedDigest signed_digest_of(SignedHash hash, ByteView bytes) {
  SignedHasher hasher(hash);
  hasher.update(bytes);
  return hasher.finish();
}

std::string write_metadata(const ImageMetadata& metadata) {
  std::string out = fmt::format(R"({{"version":1,"header":{{"digest":"{}"}},"objects":[)", metadata.header.text());
  for (const auto& object : metadata.objects) {
    if (&object != metadata.objects.data()) out += ',';
    out += fmt::format(R"({{"relativeId":{},"descriptorDigest":"{}","objectDigest":"{}"}})", object.relative_id,
                       object.descriptor.text(), object.data.text());
  }
  return out + "]}";
}

ImageMetadata parse_metadata(std::string_view text) {
  const Json document = parse_json(text, "signed metadata");
  const JsonView root(document, "signed metadata");
  root.refuse_other_members({"version", "header", "objects"});
  if (root["version"].unsigned_number() != 1) {
    throw Error(ErrorKind::malformed, fmt::format("signed metadata: expected version 1, got {}",
                                                  root["version"].unsigned_number()));
  }
  root["header"].refuse_other_members({"digest"});

  ImageMetadata metadata;
  metadata.header = SignedDigest::parse(root["header"]["digest"].text(), "header digest");
  const auto objects = root["objects"];
  objects.require_array();
  if (objects.size() == 0) throw Error(ErrorKind::malformed, "signed metadata: no objects are listed");
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto entry = objects.at(i);
    entry.refuse_other_members({"relativeId", "descriptorDigest", "objectDigest"});
    const std::uint64_t id = entry["relativeId"].unsigned_number();
    if (id > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(ErrorKind::malformed, fmt::format("{}: relative ID {} is over 32 bits", entry.place(), id));
    }
    ObjectMetadata object;
    object.relative_id = static_cast<std::uint32_t>(id);
    object.descriptor = SignedDigest::parse(entry["descriptorDigest"].text(), entry.place() + ".descriptorDigest");
    object.data = SignedDigest::parse(entry["objectDigest"].text(), entry.place() + ".objectDigest");
    metadata.objects.push_back(std::move(object));
  }
  auto ids = metadata.objects;
  std::sort(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return a.relative_id < b.relative_id; });
  const auto twice = std::adjacent_find(ids.begin(), ids.end(),
                                        [](const auto& a, const auto& b) { return a.relative_id == b.relative_id; });
  if (twice != ids.end()) {
    throw Error(ErrorKind::malformed, fmt::format("signed metadata: relative ID {} is listed twice",
                                                  twice->relative_id));
  }
  return metadata;
}

}  // namespace sifkit::trust

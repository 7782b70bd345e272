// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image_editor.h>
#include <sifkit/sif/integrity.h>

#include "dsse.h"
#include "metadata.h"
#include "object_digests.h"
#include "pgp.h"

namespace sifkit::sif {

namespace {

/// A signature's text and what its descriptor says.
struct Made {
  std::string text;
  SignatureInfo info{HashType::sha256, {}};
};

Made make_signature(const std::string& payload, const SigningKey& key) {
  Made made;
  const bool pem = key.text.find("-----BEGIN ") != std::string::npos && key.text.find("-----BEGIN PGP ") == std::string::npos;
  if (pem) {
    const AsymmetricKey asymmetric = read_private_pem(key.text, key.name, key.passphrase);
    made.text = write_envelope(payload, std::span(&asymmetric, 1));
    return made;
  }
  const PgpKeyring ring(as_bytes(key.text), key.name);
  Bytes fingerprint;
  made.text = ring.sign(payload, key.which, key.passphrase, fingerprint);
  if (fingerprint.size() != made.info.fingerprint.size()) {
    throw Error(ErrorKind::unsupported, fmt::format("a fingerprint of {} bytes does not fit a SIF", fingerprint.size()));
  }
  std::copy(fingerprint.begin(), fingerprint.end(), made.info.fingerprint.begin());
  return made;
}

std::map<std::uint32_t, std::set<std::uint32_t>> chosen_objects(const Image& image, const SignOptions& options) {
  std::map<std::uint32_t, std::set<std::uint32_t>> groups;
  const bool all = options.groups.empty() && options.objects.empty();
  for (const auto* object : image.objects()) {
    const auto group = object->group();
    if (group == 0) continue;
    if (all || std::count(options.groups.begin(), options.groups.end(), group) != 0) groups[group].insert(object->id);
  }
  for (const auto group : options.groups) {
    if (groups.count(group) == 0) throw Error(ErrorKind::not_found, "group not found");
  }
  for (const auto id : options.objects) {
    const auto& object = image.object(id);
    if (object.group() == 0) throw Error(ErrorKind::usage, fmt::format("object {} is in no group", id));
    groups[object.group()].insert(id);
  }
  if (groups.empty()) throw Error(ErrorKind::not_found, "no groups found");
  return groups;
}

std::uint32_t first_of_group(const Image& image, std::uint32_t group) {
  std::uint32_t first = ~std::uint32_t{0};
  for (const auto* object : image.objects()) {
    if (object->group() == group) first = std::min(first, object->id);
  }
  return first;
}

ObjectSpec describe(std::uint32_t group, const SignatureInfo& info) {
  return {.type = DataType::signature, .group = 0, .link = group, .links_group = true, .extra = encode_extra(info)};
}

void add_signatures(ImageEditor& editor, const SigningKey& key, const SignOptions& options) {
  const Image& image = editor.image();
  if (!image.problems().empty()) throw Error(ErrorKind::malformed, fmt::format("a damaged image is not signed: {}", image.problems().front()));
  const auto groups = chosen_objects(image, options);
  std::vector<ObjectHash> wanted;
  for (const auto& [group, ids] : groups) {
    for (const auto id : ids) wanted.emplace_back(id, SignedHash::sha256);
  }
  const auto digests = hash_objects(image, wanted, options.threads, options.operation);
  for (const auto& [group, ids] : groups) {
    ImageMetadata metadata;
    metadata.header = signed_digest_of(SignedHash::sha256, image.header().integrity_bytes());
    const auto first = first_of_group(image, group);
    for (const auto id : ids) {
      const std::uint32_t relative = id - first;
      metadata.objects.push_back({relative, signed_digest_of(SignedHash::sha256, image.object(id).integrity_bytes(relative)),
                                  digests.at({id, SignedHash::sha256})});
    }
    const auto made = make_signature(write_metadata(metadata), key);
    MemorySource text(as_bytes(made.text));
    editor.add(describe(group, made.info), text);
  }
  editor.commit();
}

}  // namespace

void sign_in_place(File& file, const SigningKey& key, const SignOptions& options) {
  ImageEditor editor(file, {.time = options.time, .operation = options.operation});
  add_signatures(editor, key, options);
}

void sign(const std::filesystem::path& path, const SigningKey& key, const SignOptions& options) {
  ImageEditor editor(path, {.time = options.time, .operation = options.operation});
  in_context([&] { return in_quotes(path.native()); }, [&] { add_signatures(editor, key, options); });
}

}  // namespace sifkit::sif

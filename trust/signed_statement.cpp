// SPDX-License-Identifier: Apache-2.0
#include "signed_statement.h"

#include <set>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "clearsign.h"
#include "dsse.h"
#include "signature_check.h"

namespace sifkit::trust {

using namespace sif;

namespace {

/// The text of a signature; empty for a legacy one.
std::string read_text(const Image& image, const Descriptor& object, const Limits& limits,
                      std::vector<std::string>& keys) {
  const Bytes bytes = image.read_data(object, limits.signature_bytes);
  const auto text = as_text(bytes);
  if (looks_like_envelope(text)) {
    auto envelope = parse_envelope(text, limits.signatures);
    for (const auto& signature : envelope.signatures) keys.push_back(signature.key_id);
    return std::move(envelope.payload);
  }
  if (!looks_clear_signed(text)) throw Error(ErrorKind::malformed, "signature format not recognized");
  auto message = parse_clear_signed(text);
  if (is_legacy_text(message.text)) return {};
  if (const auto info = object.signature()) keys.push_back(to_upper_hex(info->fingerprint));
  return std::move(message.text);
}

}  // namespace

StatementCheck check_statement(const Image& image, const ObjectIndex& index, std::uint32_t group,
                               const ImageMetadata& metadata) {
  StatementCheck out;
  out.header = signed_digest_of(metadata.header.hash, image.header().integrity_bytes()) == metadata.header;
  std::set<std::uint64_t> named;
  for (const auto& listed : metadata.objects) {
    const std::uint64_t id = std::uint64_t{index.first_id(group)} + listed.relative_id;
    named.insert(id);
    const auto* object = id > ~std::uint32_t{0} ? nullptr : index.find(static_cast<std::uint32_t>(id));
    if (object == nullptr || object->group() != group) {
      out.missing.push_back(id);
    } else if (signed_digest_of(listed.descriptor.hash, index.integrity_bytes(*object)) != listed.descriptor) {
      out.changed.push_back(object->id);
    } else {
      out.intact.emplace_back(object->id, listed.data);
    }
  }
  for (const auto* member : index.members(group)) {
    if (named.count(member->id) == 0) out.unnamed.push_back(member->id);
  }
  return out;
}

std::vector<SignedStatement> read_statements(const Image& image, const ObjectIndex& index, const Limits& limits) {
  std::vector<SignedStatement> out;
  for (const auto* object : image.objects_of(DataType::signature)) {
    if (!object->links_group() || index.members(object->link()).empty()) continue;
    if (out.size() == limits.signatures) break;  // verification refuses such an image
    SignedStatement statement{.id = object->id, .group = object->link()};
    try {
      const auto text = read_text(image, *object, limits, statement.keys);
      if (text.empty()) continue;
      statement.metadata = parse_metadata(text);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::io) throw;
      statement.unreadable = error.message();
    }
    out.push_back(std::move(statement));
  }
  return out;
}

std::string why_void(const SignedStatement& statement, const StatementCheck& check) {
  if (!statement.unreadable.empty()) return statement.unreadable;
  if (!check.header) return "the header has changed";
  if (!check.missing.empty())
    return fmt::format("it names object {}, which is not in group {}", check.missing.front(), statement.group);
  if (!check.changed.empty()) return fmt::format("the descriptor of object {} has changed", check.changed.front());
  if (!check.unnamed.empty()) return fmt::format("it does not name object {}", check.unnamed.front());
  return {};
}

}  // namespace sifkit::trust

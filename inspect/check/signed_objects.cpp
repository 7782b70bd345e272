// SPDX-License-Identifier: Apache-2.0
#include "signed_objects.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>

#include "damage.h"

namespace sifkit::check {

namespace {

constexpr std::uint64_t kMaxSignature = 1u << 20;
constexpr std::string_view kRelativeId = "\"relativeId\":";

/// What is signed: the text itself with a PGP signature, the payload of a DSSE envelope.
std::string message_of(std::string_view signature) {
  if (!trimmed(signature, " \t\r\n").starts_with('{')) return std::string(signature);
  const auto document = parse_json(signature, "signature");
  const auto payload = base64_decode(JsonView(document, "signature")["payload"].text());
  return payload ? std::string(as_text(*payload)) : std::string();
}

/// Objects are numbered from the first of their group on. A message without numbers is legacy, and of the whole group.
bool names_object(std::string_view message, std::uint32_t relative) {
  bool numbered = false;
  for (std::size_t at = 0; (at = message.find(kRelativeId, at)) != std::string_view::npos;) {
    numbered = true;
    at += kRelativeId.size();
    const auto rest = trimmed(message.substr(at, 16));
    if (whole_number<std::uint32_t>(rest.substr(0, rest.find_first_not_of("0123456789"))) == relative) return true;
  }
  return !numbered && !message.empty();
}

}  // namespace

bool claims_to_sign_partition(const sif::Image& image) {
  const auto* partition = image.primary_partition();
  const auto signatures = image.objects_of(sif::DataType::signature);
  if (partition == nullptr) return !signatures.empty();
  auto first = partition->id;
  for (const auto* object : image.objects()) {
    if (object->group() == partition->group()) first = std::min(first, object->id);
  }
  return std::any_of(signatures.begin(), signatures.end(), [&](const sif::Descriptor* signature) {
    if (!signature->links_group()) return signature->link() == partition->id;
    if (signature->link() != partition->group()) return false;
    try {
      return names_object(message_of(as_text(image.read_data(*signature, kMaxSignature))), partition->id - first);
    } catch (const Error& error) {
      if (!is_damage(error) && error.kind() != ErrorKind::limit) throw;
      return false;  // what cannot be read says nothing
    }
  });
}

}  // namespace sifkit::check

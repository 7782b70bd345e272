// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/sif/image_writer.h>

namespace sifkit::sbom {

std::string uuid_of(std::string_view text) {
  Hasher hasher;
  hasher.update(as_bytes(text));
  const auto digest = hasher.finish_raw();
  auto hex = to_hex(sif::as_uuid(ByteView(digest).first(16), 8));
  for (const std::size_t at : {8u, 13u, 18u, 23u}) hex.insert(at, "-");
  return hex;
}

DocumentFormat parse_document_format(std::string_view text) {
  if (text == "spdx" || text == "spdx-json") return DocumentFormat::spdx;
  if (text == "cyclonedx" || text == "cyclonedx-json") return DocumentFormat::cyclonedx;
  throw Error(ErrorKind::usage, fmt::format("{} is no format of an SBOM that is made here", in_quotes(text)),
              "the formats are spdx and cyclonedx, both as JSON");
}

sif::SbomFormat sif_format(DocumentFormat format) noexcept {
  return format == DocumentFormat::spdx ? sif::SbomFormat::spdx_json : sif::SbomFormat::cyclonedx_json;
}

std::string name_of(const oci::Reference& reference) {
  if (oci::is_service(reference.transport)) return reference.location;
  auto location = std::string_view(reference.location);
  while (location.ends_with('/')) location.remove_suffix(1);
  auto name = location.substr(location.rfind('/') + 1);
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos && dot != 0) name = name.substr(0, dot);
  return name.empty() || name == "-" || name == "." || name == ".." ? "image" : std::string(name);
}

std::string document_text(const Inventory& inventory, const DocumentOptions& options) {
  const auto document = options.format == DocumentFormat::spdx ? spdx_document(inventory, options)
                                                               : cyclonedx_document(inventory, options);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sifkit::sbom

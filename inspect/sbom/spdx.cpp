// SPDX-License-Identifier: Apache-2.0
//
// SPDX 2.3 as JSON. The schema allows no member that is not in it.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/text.h>
#include <sifkit/version.h>

#include "document.h"
#include "license.h"

namespace sifkit::sbom {

namespace {

constexpr std::string_view kRoot = "SPDXRef-Image";
constexpr std::string_view kNothing = "NOASSERTION";

/// An id may hold letters, digits, '.' and '-' only; a part of a digest keeps apart what that makes equal.
std::string id_of(std::string_view prefix, std::string_view name, std::string_view unique) {
  std::string out = fmt::format("{}-", prefix);
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    out += plain ? c : '-';
  }
  return out + "-" + digest_of(as_bytes(unique)).hex().substr(0, 16);
}

/// The licences that are not on SPDX's list, by the id that they have in this document.
using OwnLicenses = std::map<std::string, std::string>;

std::string license_of(const Package& package, OwnLicenses& own) {
  if (trimmed(package.license).empty()) return std::string(kNothing);
  if (const auto expression = license_expression(package.license)) return *expression;
  const auto id = "LicenseRef-" + digest_of(as_bytes(package.license)).hex().substr(0, 16);
  own[id] = package.license;
  return id;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

Json package_record(const Package& package, const std::string& id, OwnLicenses& own) {
  Json out{{"SPDXID", id},
           {"name", package.name},
           {"downloadLocation", kNothing},
           {"filesAnalyzed", false},
           {"licenseConcluded", kNothing},
           {"licenseDeclared", license_of(package, own)},
           {"copyrightText", kNothing},
           {"sourceInfo", fmt::format("{}: {}", package.kind, joined(package.locations))},
           {"externalRefs", Json::array({{{"referenceCategory", "PACKAGE-MANAGER"},
                                          {"referenceType", "purl"},
                                          {"referenceLocator", package.purl}}})}};
  if (!package.version.empty()) out["versionInfo"] = package.version;
  out["supplier"] = package.supplier.empty() ? std::string(kNothing) : package.supplier;
  if (package.homepage.find_first_of(" \t\"<>") == std::string::npos && package.homepage.starts_with("http")) {
    out["homepage"] = package.homepage;
  }
  return out;
}

Json relationship(std::string_view from, std::string_view type, std::string_view to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

}  // namespace

Json spdx_document(const Inventory& inventory, const DocumentOptions& options) {
  Json packages = Json::array({{{"SPDXID", kRoot},
                                {"name", options.name},
                                {"downloadLocation", kNothing},
                                {"filesAnalyzed", false},
                                {"licenseConcluded", kNothing},
                                {"licenseDeclared", kNothing},
                                {"copyrightText", kNothing},
                                {"primaryPackagePurpose", "CONTAINER"}}});
  Json relationships = Json::array({relationship("SPDXRef-DOCUMENT", "DESCRIBES", kRoot)});
  if (const auto& system = inventory.distribution; !system.id.empty()) {
    Json record{{"SPDXID", "SPDXRef-OperatingSystem"}, {"name", system.id},
                {"downloadLocation", kNothing},        {"filesAnalyzed", false},
                {"licenseConcluded", kNothing},        {"licenseDeclared", kNothing},
                {"copyrightText", kNothing},           {"primaryPackagePurpose", "OPERATING_SYSTEM"}};
    if (!system.version_id.empty()) record["versionInfo"] = system.version_id;
    if (!system.name.empty()) record["description"] = system.name;
    packages.push_back(std::move(record));
    relationships.push_back(relationship(kRoot, "CONTAINS", "SPDXRef-OperatingSystem"));
  }
  OwnLicenses own;
  for (const auto& package : inventory.packages) {
    const auto id = id_of("SPDXRef-Package-" + package.kind, package.name, package.purl);
    packages.push_back(package_record(package, id, own));
    relationships.push_back(relationship(kRoot, "CONTAINS", id));
  }
  Json out{{"SPDXID", "SPDXRef-DOCUMENT"},
           {"spdxVersion", "SPDX-2.3"},
           {"dataLicense", "CC0-1.0"},
           {"name", options.name},
           {"creationInfo",
            {{"created", utc_timestamp(options.time ? *options.time : inventory.created.value_or(0))},
             {"creators", {"Tool: sifkit-" SIFKIT_VERSION_STRING}}}},
           {"packages", std::move(packages)},
           {"relationships", std::move(relationships)}};
  for (const auto& [id, text] : own) {
    out["hasExtractedLicensingInfos"].push_back({{"licenseId", id}, {"extractedText", text}, {"name", text}});
  }
  out["documentNamespace"] = "urn:uuid:" + uuid_of(out.dump(-1, ' ', false, Json::error_handler_t::replace));
  return out;
}

}  // namespace sifkit::sbom

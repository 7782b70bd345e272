// SPDX-License-Identifier: Apache-2.0
//
// CycloneDX 1.5 as JSON.
#include <sifkit/core/civil_time.h>
#include <sifkit/core/text.h>
#include <sifkit/version.h>

#include "document.h"
#include "license.h"

namespace sifkit::sbom {

namespace {

constexpr const char* kRoot = "image";

/// Either one expression or a list of licences, never both.
Json licenses_of(const std::string& license) {
  const auto expression = license_expression(license);
  if (!expression) return Json::array({{{"license", {{"name", license}}}}});
  if (expression->find_first_of(" +(") != std::string::npos) return Json::array({{{"expression", *expression}}});
  return Json::array({{{"license", {{"id", *expression}}}}});
}

Json property(const std::string& name, const std::string& value) { return {{"name", name}, {"value", value}}; }

Json component(const Package& package) {
  Json properties = Json::array();
  for (const auto& [name, value] : package.properties) properties.push_back(property("sifkit:" + name, value));
  properties.push_back(property("sifkit:kind", package.kind));
  for (const auto& location : package.locations) properties.push_back(property("sifkit:location", location));
  Json out{{"type", "library"},
           {"bom-ref", package.purl},
           {"name", package.name},
           {"purl", package.purl},
           {"properties", std::move(properties)}};
  if (!package.version.empty()) out["version"] = package.version;
  if (!trimmed(package.license).empty()) out["licenses"] = licenses_of(package.license);
  if (const auto colon = package.supplier.find(": "); colon != std::string::npos) {
    out["supplier"] = {{"name", package.supplier.substr(colon + 2)}};
  }
  return out;
}

}  // namespace

Json cyclonedx_document(const Inventory& inventory, const DocumentOptions& options) {
  Json components = Json::array();
  Json contained = Json::array();
  if (const auto& system = inventory.distribution; !system.id.empty()) {
    Json record{{"type", "operating-system"}, {"bom-ref", "operating-system"}, {"name", system.id}};
    if (!system.version_id.empty()) record["version"] = system.version_id;
    if (!system.name.empty()) record["description"] = system.name;
    components.push_back(std::move(record));
    contained.push_back("operating-system");
  }
  for (const auto& package : inventory.packages) {
    components.push_back(component(package));
    contained.push_back(package.purl);
  }
  Json metadata{{"component", {{"type", "container"}, {"bom-ref", kRoot}, {"name", options.name}}},
                {"tools",
                 {{"components",
                   Json::array({{{"type", "application"}, {"name", "sifkit"}, {"version", SIFKIT_VERSION_STRING}}})}}}};
  if (const auto time = options.time ? options.time : inventory.created) metadata["timestamp"] = utc_timestamp(*time);
  if (!inventory.architecture.empty()) {
    metadata["component"]["properties"] = Json::array({property("sifkit:architecture", inventory.architecture)});
  }
  Json out{{"$schema", "http://cyclonedx.org/schema/bom-1.5.schema.json"},
           {"bomFormat", "CycloneDX"},
           {"specVersion", "1.5"},
           {"version", 1},
           {"metadata", std::move(metadata)},
           {"components", std::move(components)},
           {"dependencies", Json::array({{{"ref", kRoot}, {"dependsOn", std::move(contained)}}})}};
  out["serialNumber"] = "urn:uuid:" + uuid_of(out.dump(-1, ' ', false, Json::error_handler_t::replace));
  return out;
}

}  // namespace sifkit::sbom

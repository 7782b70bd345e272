// SPDX-License-Identifier: Apache-2.0
#include <sifkit/records/image.h>

#include <algorithm>

#include <sifkit/records/or_null.h>
#include <sifkit/trust/default_keys.h>

namespace sifkit::records {

namespace {

std::string label(const InspectReport& report, const std::string& name) {
  const auto& labels = report.attributes.labels;
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

}  // namespace

std::string origin(const InspectReport& report) {
  const auto bootstrap = label(report, "org.label-schema.usage.singularity.deffile.bootstrap");
  const auto from = label(report, "org.label-schema.usage.singularity.deffile.from");
  return bootstrap.empty() ? from : from.empty() ? bootstrap : bootstrap + ": " + from;
}

std::map<std::string, std::string> names_of_signers(const ContainerSummary& summary) {
  const bool pgp = std::any_of(summary.signatures.begin(), summary.signatures.end(), [](const SignatureSummary& signature) { return signature.format == "PGP" && !signature.key.empty(); });
  return pgp ? trust::names_of_known_keys() : std::map<std::string, std::string>();
}

Json summary_record(const InspectReport& report) {
  const auto& summary = report.summary;
  const auto names = names_of_signers(summary);
  Json signatures = Json::array();
  for (const auto& signature : summary.signatures) {
    const auto name = names.find(signature.key);
    signatures.push_back({{"id", signature.id},
                          {"group", id_or_null(signature.group)},
                          {"object", id_or_null(signature.object)},
                          {"format", signature.format},
                          {"key", text_or_null(signature.key)},
                          {"name", name == names.end() ? Json(nullptr) : Json(name->second)},
                          {"verified", nullptr}});
  }
  Json overlays = Json::array();
  for (const auto& overlay : summary.overlays) overlays.push_back({{"id", overlay.id}, {"file_system", overlay.file_system}, {"bytes", overlay.bytes}});
  Json apps = Json::array();
  for (const auto& [name, app] : report.attributes.apps) apps.push_back(name);
  return {{"kind", summary.kind},
          {"bytes", number_or_null(summary.bytes)},
          {"architecture", text_or_null(summary.architecture)},
          {"created", number_or_null(summary.created)},
          {"from", text_or_null(origin(report))},
          {"layers", number_or_null(summary.layers)},
          {"file_system", text_or_null(summary.file_system)},
          {"compression", text_or_null(summary.compression)},
          {"block_size", number_or_null(summary.block_size)},
          {"inodes", number_or_null(summary.inodes)},
          {"encrypted", summary.kind == "SIF" ? Json(summary.encrypted) : Json(nullptr)},
          {"signatures", signatures},
          {"overlays", overlays},
          {"apps", apps},
          {"labels", report.attributes.labels}};
}

Json build_record(const ConvertReport& report, const WarningList& warnings) {
  Json listed = Json::array();
  for (const auto& warning : warnings.listed()) listed.push_back({{"kind", warning.kind}, {"text", warning.text}});
  return {{"schema", "sifkit/build/v1"},
          {"target", report.target.native()},
          {"bytes", report.bytes},
          {"digest", digest_or_null(report.digest)},
          {"architecture", report.architecture},
          {"uuid", report.uuid.empty() ? Json(nullptr) : Json(report.uuid)},
          {"manifest_digest", digest_or_null(report.manifest_digest)},
          {"config_digest", digest_or_null(report.config_digest)},
          {"layers", report.layers},
          {"entries", report.entries},
          {"inodes", report.inodes},
          {"compressed_bytes", report.compressed_bytes},
          {"uncompressed_bytes", report.uncompressed_bytes},
          {"file_bytes", report.file_bytes},
          {"duplicate_bytes", report.duplicate_bytes},
          {"reused_bytes", report.reused_bytes},
          {"base_layers", report.base_layers},
          {"hidden_files", report.hidden_files},
          {"layers_read_again", report.layers_read_again},
          {"threads", report.threads},
          {"seconds", report.seconds},
          {"warnings_total", warnings.total()},
          {"warnings", listed}};
}

Json tree_record(const inspect::TreeDigest& tree, bool with_runtime_files) {
  return {{"definition", "sifkit-tree/v1"},
          {"digest", tree.digest.text()},
          {"names", tree.names},
          {"bytes", tree.bytes},
          {"with_runtime_files", with_runtime_files}};
}

}  // namespace sifkit::records

// SPDX-License-Identifier: Apache-2.0
#include "inspect_text.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "console.h"
#include "keys.h"
#include "records.h"
#include "sif_text.h"
#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

std::string label(const InspectReport& report, const std::string& name) {
  const auto& labels = report.attributes.labels;
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

/// "docker-daemon: my_app:latest": what the image was built from.
std::string origin(const InspectReport& report) {
  const auto bootstrap = label(report, "org.label-schema.usage.singularity.deffile.bootstrap");
  const auto from = label(report, "org.label-schema.usage.singularity.deffile.from");
  return bootstrap.empty() ? from : from.empty() ? bootstrap : bootstrap + ": " + from;
}

std::string compression(const ContainerSummary& summary) {
  if (summary.compression.empty()) return {};
  return fmt::format("{}, blocks of {}", summary.compression, human_bytes(summary.block_size.value_or(0)));
}

std::string signer(const SignatureSummary& signature, const std::map<std::string, std::string>& names) {
  const auto of = signature.group != 0 ? fmt::format("group {}", signature.group) : fmt::format("object {}", signature.object);
  const auto name = names.find(signature.key);
  const std::string who = name != names.end() ? fmt::format(" by {} ({})", single_line(name->second), signature.key) : signature.key.empty() ? "" : " by key " + single_line(signature.key);
  return fmt::format("{}, {}{}, not verified", of, signature.format, who);
}

std::map<std::string, std::string> names_of_keys(const ContainerSummary& summary) {
  const bool pgp = std::any_of(summary.signatures.begin(), summary.signatures.end(), [](const SignatureSummary& signature) { return signature.format == "PGP" && !signature.key.empty(); });
  return pgp ? names_of_known_keys() : std::map<std::string, std::string>();
}


template <class Number>
Json number_or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json(nullptr);
}

}  // namespace

std::string summary_text(const std::string& source, const InspectReport& report) {
  const auto& summary = report.summary;
  std::string out = fmt::format("{}: {}{}\n", single_line(source), summary.kind, summary.bytes ? ", " + human_bytes(*summary.bytes) : "");
  const auto line = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) out += fmt::format("  {:<13} {}\n", name, single_line(text));
  };
  line("architecture", summary.architecture);
  if (summary.created) line("created", time_text(*summary.created));
  line("from", origin(report));
  if (summary.layers) line("layers", fmt::format("{}", *summary.layers));
  line("file system", summary.file_system);
  line("compression", compression(summary));
  if (summary.inodes) line("files", fmt::format("{}", *summary.inodes));
  if (summary.kind == "SIF") {
    line("encrypted", summary.encrypted ? "yes" : "no");
    if (summary.signatures.empty()) line("signatures", "none");
    const auto names = names_of_keys(summary);
    for (const auto& signature : summary.signatures) line("signature", signer(signature, names));
    if (summary.overlays.empty()) line("overlay", "none");
    for (const auto& overlay : summary.overlays) line("overlay", fmt::format("{}, {} (object {})", overlay.file_system, human_bytes(overlay.bytes), overlay.id));
  }
  if (!report.attributes.apps.empty()) {
    std::string names;
    for (const auto& [name, app] : report.attributes.apps) names += (names.empty() ? "" : ", ") + name;
    line("apps", names);
  }
  if (!report.attributes.labels.empty()) out += "  labels\n";
  for (const auto& [name, value] : report.attributes.labels) out += fmt::format("    {}: {}\n", single_line(name), single_line(value));
  return out;
}

Json summary_record(const InspectReport& report) {
  const auto& summary = report.summary;
  const auto names = names_of_keys(summary);
  Json signatures = Json::array();
  for (const auto& signature : summary.signatures) {
    const auto name = names.find(signature.key);
    signatures.push_back({{"id", signature.id},
                          {"group", signature.group == 0 ? Json(nullptr) : Json(signature.group)},
                          {"object", signature.object == 0 ? Json(nullptr) : Json(signature.object)},
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

}  // namespace sifkit::cli

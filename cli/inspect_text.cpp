// SPDX-License-Identifier: Apache-2.0
#include "inspect_text.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include <sifkit/records/image.h>

#include "console.h"
#include "sif_text.h"
#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

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

}  // namespace

std::string summary_text(const std::string& source, const InspectReport& report) {
  const auto& summary = report.summary;
  std::string out = fmt::format("{}: {}{}\n", single_line(source), summary.kind, summary.bytes ? ", " + human_bytes(*summary.bytes) : "");
  const auto line = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) out += fmt::format("  {:<13} {}\n", name, single_line(text));
  };
  line("architecture", summary.architecture);
  if (summary.created) line("created", time_text(*summary.created));
  line("from", records::origin(report));
  if (summary.layers) line("layers", fmt::format("{}", *summary.layers));
  line("file system", summary.file_system);
  line("compression", compression(summary));
  if (summary.inodes) line("files", fmt::format("{}", *summary.inodes));
  if (summary.kind == "SIF") {
    line("encrypted", summary.encrypted ? "yes" : "no");
    if (summary.signatures.empty()) line("signatures", "none");
    const auto names = records::names_of_signers(summary);
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

}  // namespace sifkit::cli

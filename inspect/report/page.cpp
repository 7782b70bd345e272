// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/report.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/civil_time.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/core/units.h>

#include "report/assets.h"
#include "report/markup.h"
#include "report/size_map.h"

namespace sifkit::inspect {

namespace {

/// JSON inside a script element, which only '<' could end or hide.
std::string json_in_html(const Json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

/// Digest of an element's text, as a content security policy names it.
std::string policy_digest(std::string_view text) {
  Hasher hasher;
  hasher.update(as_bytes(text));
  return "'sha256-" + base64_encode(hasher.finish_raw()) + "'";
}

/// What the image runs with; an object without members where it has no configuration, or one that is none. Members of
/// other types than they should be count as absent: a page tells of broken images, too.
Json configuration_of(const InspectReport& said) {
  if (said.oci_config.empty()) return Json::object();
  try {
    Json out = parse_json(said.oci_config, "oci-config.json");
    return out.is_object() ? out : Json::object();
  } catch (const Error&) {
    return Json::object();
  }
}

/// The texts of a list.
std::vector<std::string> texts_of(const Json& configuration, const char* name) {
  std::vector<std::string> out;
  const auto list = configuration.find(name);
  if (list == configuration.end() || !list->is_array()) return out;
  for (const auto& each : *list) {
    if (each.is_string()) out.push_back(each.get<std::string>());
  }
  return out;
}

/// A command's words, each in quotes; empty for no words.
std::string words_of(const Json& configuration, const char* name) {
  std::string out;
  for (const auto& word : texts_of(configuration, name)) out += fmt::format("{}\"{}\"", out.empty() ? "" : " ", word);
  return out;
}

/// An image of layers has its configuration, and nothing of what a build makes of that.
bool is_source(const InspectReport& said) { return said.summary.layers.has_value(); }

TextMap labels_of(const InspectReport& said, const Json& configuration) {
  if (!is_source(said)) return said.attributes.labels;
  TextMap out;
  const auto labels = configuration.find("Labels");
  if (labels == configuration.end() || !labels->is_object()) return out;
  for (const auto& [name, value] : labels->items()) {
    if (value.is_string()) out[name] = value.get<std::string>();
  }
  return out;
}

void add_digests(Page& page, const NamedDigests& digests) {
  static constexpr std::pair<std::string_view, std::string_view> kTitles[] = {
      {"file", "Digest of the file"},
      {"partition", "Digest of the partition"},
      {"manifest", "Digest of the manifest"},
      {"config", "Digest of the configuration"}};
  for (const auto& [name, digest] : digests) {
    const auto title = std::find_if(std::begin(kTitles), std::end(kTitles),
                                    [&named = name](const auto& each) { return each.first == named; });
    if (digest) page.fact(title == std::end(kTitles) ? name : title->second, digest->text());
  }
}

void add_identity(Page& page, const ReportInput& input, const Json& configuration) {
  const auto& summary = input.said.summary;
  const auto& facts = input.findings.facts;
  page.open("identity", "Identity");
  page.start_facts();
  page.fact("Kind", summary.kind);
  if (summary.bytes) page.fact("Size", human_bytes(*summary.bytes));
  add_digests(page, input.digests);
  page.fact("Architecture", summary.architecture.empty() ? facts.architecture : summary.architecture);
  if (summary.created) page.fact("Created", utc_time(*summary.created) + " UTC");
  page.fact("Distribution", input.inventory.distribution.name);
  page.fact("File system", summary.file_system);
  page.fact("Compression", summary.compression);
  page.fact("C library", facts.libc);
  page.fact("Kernel from", facts.kernel);
  page.fact("Processors from", facts.processor);
  page.fact("CUDA", facts.cuda);
  page.fact("ROCm", facts.rocm);
  page.fact("MPI", facts.mpi);
  if (summary.encrypted) page.fact("Encrypted", "yes");
  for (const auto& overlay : summary.overlays) {
    page.fact("Overlay", fmt::format("{}, {} (object {}); not looked into: a container has what is in it, too",
                                     overlay.file_system, human_bytes(overlay.bytes), overlay.id));
  }
  for (const auto& [name, value] : labels_of(input.said, configuration)) page.fact(name, value);
  page.end_facts();
  page.close();
}

void add_variables(Page& page, const Json& configuration) {
  const auto variables = texts_of(configuration, "Env");
  if (variables.empty()) return;
  page.raw("<h3>Environment</h3>\n");
  page.start_facts();
  const auto shown = std::min(variables.size(), kReportedVariables);
  for (const auto& text : std::span(variables).first(shown)) {
    const auto end = std::min(text.find('='), text.size());
    page.fact(text.substr(0, end), end + 1 < text.size() ? text.substr(end + 1) : "(empty)");
  }
  page.end_facts();
  if (shown < variables.size()) {
    page.raw(fmt::format("<p>And {} more, which <code>sifkit inspect --oci</code> shows.</p>\n",
                         variables.size() - shown));
  }
}

void add_process(Page& page, const InspectReport& said, const Json& configuration) {
  page.open("process", "What it runs");
  const auto start = page.body().size();
  page.start_facts();
  page.fact("Entrypoint", words_of(configuration, "Entrypoint"));
  page.fact("Command", words_of(configuration, "Cmd"));
  page.fact("User", member_text(configuration, "User"));
  page.fact("Working directory", member_text(configuration, "WorkingDir"));
  if (!is_source(said)) {
    for (const auto& [name, app] : said.attributes.apps) page.fact("App", name);
  }
  page.end_facts();
  add_variables(page, configuration);
  if (!is_source(said)) {
    const auto& attributes = said.attributes;
    page.text_block("Runscript", attributes.runscript);
    page.text_block("Startscript", attributes.startscript);
    page.text_block("Test", attributes.test);
    page.text_block("Help", attributes.helpfile);
    for (const auto& [path, text] : attributes.environment) page.text_block(path, text);
    page.text_block("Definition", attributes.deffile);
  }
  if (page.body().size() == start) page.raw("<p>The image does not say.</p>\n");
  page.close();
}

void add_signatures(Page& page, const ContainerSummary& summary) {
  page.open("signatures", "Signatures");
  if (summary.signatures.empty()) {
    page.raw("<p>Nothing is signed.</p>\n");
  } else {
    page.raw("<p class=\"soft\">As the file states them; this page verifies nothing: <code>sifkit verify</code> does.</p>\n");
    page.start_table("signature-table", {{"Object", true}, {"Of"}, {"Format"}, {"Key"}});
    for (const auto& signature : summary.signatures) {
      const auto of = signature.object != 0 ? fmt::format("object {}", signature.object) : fmt::format("group {}", signature.group);
      page.row({{std::to_string(signature.id), true}, {of}, {html(signature.format)}, {"<code>" + html(signature.key) + "</code>"}});
    }
    page.end_table();
  }
  page.close();
}

void add_sizes(Page& page, const std::vector<SizedName>& names) {
  page.open("size", "What takes the room");
  page.raw("<div class=\"scripted\"><div id=\"crumbs\" role=\"navigation\" aria-label=\"Directory\"><ol></ol></div>"
           "<p id=\"state\" class=\"soft\" role=\"status\"></p>"
           "<p class=\"soft\">Choose a directory to look into it; Escape leads back.</p>"
           "<div id=\"map\" role=\"group\" aria-label=\"Map of sizes\"></div></div>\n");
  page.start_table("children", {{"Name"}, {"Size", true}, {"Share", true}, {"Names", true}});
  std::vector<const SizedName*> top;
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i].parent == 0) top.push_back(&names[i]);
  }
  std::stable_sort(top.begin(), top.end(), [](const auto* a, const auto* b) { return a->bytes > b->bytes; });
  for (const auto* each : top) {
    const auto share = names[0].bytes == 0 ? 0.0 : 100 * static_cast<double>(each->bytes) / static_cast<double>(names[0].bytes);
    const std::string name = each->kind == SizedName::Kind::others ? fmt::format("{} smaller ones", each->names)
                             : html(each->name) + (each->kind == SizedName::Kind::directory ? "/" : "");
    page.row({{"<span class=\"path\">" + name + "</span>"},
              {human_bytes(each->bytes), true},
              {fmt::format("{:.1f} %", share), true},
              {std::to_string(each->names), true}});
  }
  page.end_table();
  page.close();
}

void add_layers(Page& page, const std::vector<ReportedLayer>& layers) {
  if (layers.empty()) return;
  page.open("layers", "Layers");
  page.raw("<p class=\"soft\">A layer hides files of older ones that it replaces or removes; those still take room in the image.</p>\n");
  page.start_table("layer-table", {{"Layer", true}, {"Files", true}, {"Size", true}, {"Hides", true}, {"Lost", true}, {"Command"}});
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& [name, command, usage] = layers[i];
    lost += usage.lost_bytes;
    page.row({{std::to_string(i + 1), true},
              {std::to_string(usage.files), true},
              {human_bytes(usage.bytes), true},
              {human_bytes(usage.hidden_bytes), true},
              {human_bytes(usage.lost_bytes), true},
              {"<code>" + html(command) + "</code><br><span class=\"soft\">" + html(name) + "</span>"}});
  }
  page.end_table();
  page.raw(fmt::format("<p>{} of all that the layers bring is no longer to be seen.</p>\n", human_bytes(lost)));
  page.close();
}

void add_packages(Page& page, const sbom::Inventory& inventory) {
  page.open("packages", fmt::format("Packages ({})", inventory.packages.size()));
  page.raw("<p class=\"scripted\"><label for=\"search\">Only with</label> <input type=\"search\" id=\"search\"></p>\n");
  page.start_table("package-table", {{"Kind"}, {"Name"}, {"Version"}, {"License"}});
  const auto shown = std::min(inventory.packages.size(), kReportedPackages);
  for (const auto& package : std::span(inventory.packages).first(shown)) {
    page.row({{html(package.kind)}, {html(package.name)}, {html(package.version)}, {html(package.license)}});
  }
  page.end_table();
  if (shown < inventory.packages.size()) {
    page.raw(fmt::format("<p>And {} more, which <code>sifkit sbom gen</code> lists.</p>\n", inventory.packages.size() - shown));
  }
  page.close();
}

void add_findings(Page& page, const check::Report& report) {
  page.open("findings", fmt::format("Findings ({})", std::accumulate(report.counts.begin(), report.counts.end(), std::size_t{0})));
  page.start_table("finding-table", {{"Severity"}, {"Code"}, {"Where"}, {"What"}});
  for (const auto& finding : report.findings) {
    page.row({{fmt::format("<span class=\"severity\">{}</span>", to_string(finding.severity))}, {"<code>" + html(finding.code) + "</code>"},
              {"<span class=\"path\">" + html(finding.path) + "</span>"}, {html(finding.text)}},
             to_string(finding.severity));
  }
  page.end_table();
  for (const auto& [code, severity, count] : report.omitted) {
    page.raw(fmt::format("<p>And {} more of the kind <code>{}</code> ({}).</p>\n", count, html(code), to_string(severity)));
  }
  page.close();
}

Json data_of(const std::vector<SizedName>& names) {
  Json list = Json::array();
  for (const auto& each : names) {
    list.push_back({each.parent, visible(each.name), each.bytes, each.names, static_cast<int>(each.kind)});
  }
  return {{"schema", "sifkit/report-data/v1"}, {"names", std::move(list)}};
}

}  // namespace

std::string report_page(const ReportInput& input, const layers::Tree& tree, const OperationContext& operation) {
  const auto names = size_map(tree, kReportedNames, operation);
  Page page;
  const Json configuration = configuration_of(input.said);
  add_identity(page, input, configuration);
  add_process(page, input.said, configuration);
  add_signatures(page, input.said.summary);
  add_sizes(page, names);
  add_layers(page, input.layers);
  add_findings(page, input.findings);
  add_packages(page, input.inventory);
  const std::string name = html(input.name);
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n"
      "<header><h1><bdi>{}</bdi></h1>\n<nav aria-label=\"Sections\"><ul>{}</ul></nav></header>\n<main id=\"main\">\n{}</main>\n"
      "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{}</script>\n</body>\n</html>\n",
      policy_digest(kReportStyle), policy_digest(kReportScript), name, kReportStyle, name, page.sections(), page.body(),
      json_in_html(data_of(names)), kReportScript);
}

}  // namespace sifkit::inspect

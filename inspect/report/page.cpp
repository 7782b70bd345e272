// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/report.h>

#include <algorithm>
#include <numeric>
#include <span>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/civil_time.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/core/units.h>

#include "report/assets.h"
#include "report/size_map.h"

namespace sifkit::inspect {

namespace {

/// What a reader sees of any text: control characters and what changes directions are written out.
std::string visible(std::string_view text) { return printable(text, text.size()); }

/// The same between tags and in quoted attributes.
std::string html(std::string_view text) {
  std::string out;
  for (const char c : visible(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

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

struct Cell {
  std::string html;
  bool number = false;
};

class Page {
 public:
  void open(std::string_view id, std::string_view title) {
    body_ += fmt::format("<section id=\"{}\" aria-labelledby=\"{}-title\"><h2 id=\"{}-title\">{}</h2>\n", id, id, id, title);
    sections_ += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, title);
  }
  void close() { body_ += "</section>\n"; }
  void raw(std::string_view text) { body_ += text; }

  void start_table(std::string_view id, const std::vector<Cell>& heads) {
    body_ += fmt::format("<div class=\"wide\"><table id=\"{}\"><thead><tr>", id);
    for (const auto& head : heads) body_ += fmt::format("<th scope=\"col\"{}>{}</th>", head.number ? " class=\"number\"" : "", head.html);
    body_ += "</tr></thead><tbody>\n";
  }
  void row(const std::vector<Cell>& cells, std::string_view kind = {}) {
    body_ += kind.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", kind);
    for (const auto& cell : cells) body_ += fmt::format("<td{}>{}</td>", cell.number ? " class=\"number\"" : "", cell.html);
    body_ += "</tr>\n";
  }
  void end_table() { body_ += "</tbody></table></div>\n"; }

  /// Rows of what has a name and a value.
  void start_facts() { body_ += "<div class=\"wide\"><table><tbody>\n"; }
  void fact(std::string_view name, std::string_view value) {
    if (!value.empty()) body_ += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html(name), html(value));
  }

  const std::string& body() const noexcept { return body_; }
  const std::string& sections() const noexcept { return sections_; }

 private:
  std::string body_;
  std::string sections_;
};

void add_identity(Page& page, const ReportInput& input) {
  const auto& summary = input.said.summary;
  const auto& facts = input.findings.facts;
  page.open("identity", "Identity");
  page.start_facts();
  page.fact("Kind", summary.kind);
  if (summary.bytes) page.fact("Size", human_bytes(*summary.bytes));
  page.fact("Architecture", summary.architecture.empty() ? facts.architecture : summary.architecture);
  if (summary.created) page.fact("Created", utc_time(*summary.created) + " UTC");
  page.fact("Distribution", input.inventory.distribution.name);
  page.fact("File system", summary.file_system);
  page.fact("Compression", summary.compression);
  page.fact("C library", facts.libc);
  page.fact("Kernel from", facts.kernel);
  page.fact("CUDA", facts.cuda);
  page.fact("ROCm", facts.rocm);
  page.fact("MPI", facts.mpi);
  if (summary.encrypted) page.fact("Encrypted", "yes");
  for (const auto& [name, value] : input.said.attributes.labels) page.fact(name, value);
  page.end_table();
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
  add_identity(page, input);
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

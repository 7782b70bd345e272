// SPDX-License-Identifier: Apache-2.0
#include "report/markup.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/units.h>
#include <sifkit/inspect/report.h>

namespace sifkit::inspect {

namespace {

constexpr std::size_t kUnfoldedLines = 20;
constexpr std::size_t kUnfoldedBytes = 2048;

/// As `html`, but lines, tabulators and backslashes are what they are.
std::string html_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find_first_of("\n\t\\");
    out += html(text.substr(0, end));
    if (end == std::string_view::npos) break;
    out += text[end];
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

std::string visible(std::string_view text) { return printable(text, text.size()); }

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

void Page::open(std::string_view id, std::string_view title) {
  body_ += fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-title\"><h2 id=\"{0}-title\">{1}</h2>\n", id, title);
  sections_ += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, title);
}

void Page::start_table(std::string_view id, const std::vector<Cell>& heads) {
  body_ += fmt::format("<div class=\"wide\"><table id=\"{}\"><thead><tr>", id);
  for (const auto& head : heads) {
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", head.number ? " class=\"number\"" : "", head.html);
  }
  body_ += "</tr></thead><tbody>\n";
}

void Page::row(const std::vector<Cell>& cells, std::string_view kind) {
  body_ += kind.empty() ? "<tr>" : fmt::format("<tr class=\"{}\">", kind);
  for (const auto& cell : cells) {
    body_ += fmt::format("<td{}>{}</td>", cell.number ? " class=\"number\"" : "", cell.html);
  }
  body_ += "</tr>\n";
}

void Page::fact(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (facts_++ == 0) body_ += "<div class=\"wide\"><table><tbody>\n";
  body_ += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", html(name), html(value));
}

void Page::end_facts() {
  if (facts_ != 0) end_table();
}

void Page::text_block(std::string_view name, std::string_view text) {
  if (text.empty()) return;
  const auto shown = text.substr(0, kReportedText);
  const auto lines = static_cast<std::size_t>(std::count(shown.begin(), shown.end(), '\n')) + 1;
  const bool folded = lines > kUnfoldedLines || shown.size() > kUnfoldedBytes;
  body_ += fmt::format("<h3>{}</h3>\n", html(name));
  if (folded) {
    body_ += fmt::format("<details><summary>{} line{}, {}</summary>", lines, lines == 1 ? "" : "s",
                         human_bytes(shown.size()));
  }
  // The line feed behind the tag is no part of the text.
  body_ += "<pre>\n" + html_lines(shown) + "</pre>";
  if (shown.size() < text.size()) {
    body_ += fmt::format("<p>And {} more bytes, which <code>sifkit inspect</code> shows.</p>",
                         text.size() - shown.size());
  }
  body_ += folded ? "</details>\n" : "\n";
}

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit::inspect {

/// What a reader sees of any text: control characters and what changes directions are written out.
std::string visible(std::string_view text);

/// The same between tags and in quoted attributes.
std::string html(std::string_view text);

struct Cell {
  std::string html;
  bool number = false;
};

/// The sections of a page and the list of them. What is called `title` in them is markup already; names, values and lines
/// may be anything.
class Page {
 public:
  void open(std::string_view id, std::string_view title);
  void close() { body_ += "</section>\n"; }
  void raw(std::string_view text) { body_ += text; }

  void start_table(std::string_view id, const std::vector<Cell>& heads);
  void row(const std::vector<Cell>& cells, std::string_view kind = {});
  void end_table() { body_ += "</tbody></table></div>\n"; }

  /// Rows of what has a name and a value; no table for none.
  void start_facts() { facts_ = 0; }
  void fact(std::string_view name, std::string_view value);
  void end_facts();

  /// The lines of a script or a definition below their name; where they are many, folded up until someone wants them.
  /// Nothing for no lines.
  void text_block(std::string_view name, std::string_view text);

  const std::string& body() const noexcept { return body_; }
  const std::string& sections() const noexcept { return sections_; }

 private:
  std::string body_;
  std::string sections_;
  std::size_t facts_ = 0;  ///< of the table that is open
};

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>

namespace sifkit::cli {

/// The text with everything escaped that a terminal would not show but obey: control characters other than line feed and
/// tabulator, those that change the direction of writing or end a line, and bytes that are no UTF-8.
std::string terminal_text(std::string_view text);

/// The same in one line: line feeds and tabulators are escaped, too. For names in lists, whatever reads them.
std::string single_line(std::string_view text);

/// Stands before the stream of a terminal, so that no command can forget to escape what it prints: `terminal_text` of all that
/// is written. A character may come in several pieces.
class TerminalFilter : public std::streambuf {
 public:
  explicit TerminalFilter(std::ostream& terminal) : terminal_(terminal) {}
  ~TerminalFilter() override;

  /// Our own control of the terminal, which is no text: the line is emptied. On a stream that is none of ours, too.
  static void clear_line(std::ostream& out);

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  std::ostream& terminal_;
  std::string begun_;  ///< the start of a character of several bytes
};

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit::inspect {

struct TextLine {
  std::size_t number = 0;  ///< from 1
  std::string text;

  friend bool operator==(const TextLine& a, const TextLine& b) { return a.text == b.text; }
};

std::vector<TextLine> lines_of(std::string_view text);

/// A script that the shell reads into its own run has no interpreter of its own: its "#!" is a comment.
enum class ScriptUse { run, sourced };

/// The lines that a shell acts on, with "#!" in front of all. From where quotes are nested or a here-document begins
/// every line is one of them: what looks like a comment may be data there. So is every line of another interpreter's.
std::vector<TextLine> acting_lines(std::string_view script, ScriptUse use = ScriptUse::run);

/// What one statement of a script sets a variable to, or that it takes it away.
struct Assignment {
  std::string name;
  std::string value;
  bool gives_way = false;  ///< to a value that is there already
  bool unsets = false;     ///< there is no value
};

/// Of a script that does nothing else than to export variables with fixed values and to unset some, as the builds of
/// images write it; nothing for any other.
std::optional<std::vector<Assignment>> exports_of(std::string_view script);

/// Whether a script is what a build makes of an entrypoint and a command.
bool is_of_entrypoint(std::string_view run_script);

/// Whether two scripts do the same: their acting lines are the same, or both are what a build makes of the same
/// entrypoint and command, in the words of two programs.
bool same_script(std::string_view a, std::string_view b);

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#include "script_text.h"

#include <algorithm>
#include <map>
#include <utility>

#include <sifkit/core/text.h>

#include "script_reader.h"

namespace sifkit::inspect {

namespace {

/// Follows the quotes of a script from line to line.
class QuoteReader {
 public:
  /// Whether the next line begins with a new word, and not inside of quotes or of what cannot be told.
  bool outside() const noexcept { return clear_ && !continued_ && quote_ == '\0'; }

  void read(std::string_view line) {
    continued_ = false;
    for (std::size_t i = 0; clear_ && i < line.size(); ++i) {
      const char c = line[i];
      if (quote_ == '\'') {
        if (c == '\'') quote_ = '\0';
      } else if (c == '\\') {
        continued_ = ++i == line.size();
      } else if (quote_ == '"') {
        inside(line, i);
      } else if (c == '\'' || c == '"') {
        // $'…' has escapes of its own.
        clear_ = !(c == '\'' && i > 0 && line[i - 1] == '$');
        quote_ = c;
      } else if (c == '#' && (i == 0 || std::string_view(" \t;&|()").find(line[i - 1]) != std::string_view::npos)) {
        return;
      } else if (line.substr(i).starts_with("<<")) {
        clear_ = false;
      } else if (line.substr(i).starts_with("${")) {
        const auto end = line.find('}', i);
        clear_ = end < line.find_first_of(" \t'\"`\\", i);
        if (clear_) i = end;
      }
    }
  }

 private:
  /// Between double quotes. In an expansion they open again, and what ends where depends on the shell.
  void inside(std::string_view line, std::size_t& i) {
    const auto rest = line.substr(i);
    if (rest.starts_with("${") || rest.starts_with("$(")) {
      ++expansions_;
      ++i;
    } else if (line[i] == '`') {
      backquoted_ = !backquoted_;
    } else if ((line[i] == '}' || line[i] == ')') && expansions_ != 0) {
      --expansions_;
    } else if (line[i] == '"') {
      clear_ = expansions_ == 0 && !backquoted_;
      quote_ = '\0';
    }
  }

  char quote_ = '\0';
  bool continued_ = false;  ///< the line before ends in the middle of a word
  std::size_t expansions_ = 0;
  bool backquoted_ = false;
  bool clear_ = true;
};

/// What each variable was set to by the statements before.
using LastValues = std::map<std::string, std::string>;

/// `export A="b"`, or with a value that gives way to one that is there: `export A="${A:-"b"}"`.
std::optional<Assignment> export_statement(ScriptReader& reader, const LastValues& before) {
  Assignment out;
  out.name = reader.take_name();
  if (out.name.empty()) return std::nullopt;
  if (!reader.take("=")) {
    const auto set = before.find(out.name);
    if (set == before.end() || !reader.take_line_end()) return std::nullopt;
    out.value = set->second;
    out.gives_way = true;
    return out;
  }
  std::optional<std::string> value;
  if (reader.take("\"${" + out.name + ":-")) {
    out.gives_way = true;
    value = reader.take("\"") ? reader.take_double_quoted() : std::string();
    if (!value || !reader.take("}\"")) return std::nullopt;
  } else {
    value = reader.take_word();
  }
  if (!value || !reader.take_line_end()) return std::nullopt;
  out.value = std::move(*value);
  return out;
}

/// `if [ -z "${A:-}" ]; then A="b"; fi`, which an export follows. What is behind "if" comes here.
std::optional<Assignment> condition_statement(ScriptReader& reader) {
  Assignment out;
  out.gives_way = true;
  if (!reader.take(" [ -z \"${")) return std::nullopt;
  out.name = reader.take_name();
  if (out.name.empty() || !reader.take(":-}\" ]; then " + out.name + "=")) return std::nullopt;
  auto value = reader.take_word();
  if (!value || !reader.take("; fi") || !reader.take_line_end()) return std::nullopt;
  out.value = std::move(*value);
  return out;
}

/// `unset A`. What is behind "unset " comes here.
std::optional<Assignment> unset_statement(ScriptReader& reader) {
  Assignment out;
  out.unsets = true;
  out.name = reader.take_name();
  if (out.name.empty() || !reader.take_line_end()) return std::nullopt;
  return out;
}

struct TemplateLine {
  char letter;
  std::string_view text;
};

/// The lines of the scripts that Apptainer, SingularityCE and sifkit make of an entrypoint and a command, but for the
/// words themselves, each with a letter for it.
constexpr TemplateLine kTemplateLines[] = {
    {'a', "if [ -n \"$SINGULARITY_NO_EVAL\" ]; then"},
    {'A', "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then"},
    {'e', "if [ -z \"$OCI_CMD\" ] && [ -n \"$OCI_ENTRYPOINT\" ]; then"},
    {'c', "if [ -n \"$OCI_CMD\" ] && [ -z \"$OCI_ENTRYPOINT\" ]; then"},
    {'z', "if [ $# -eq 0 ]; then"},
    {'g', "if [ $# -gt 0 ]; then"},
    {'l', "else"},
    {'f', "fi"},
    {'n', ":"},
    {'x', "exec \"$@\""},
    {'i', "CMDLINE_ARGS=\"\""},
    {'o', "for arg in \"$@\"; do"},
    {'p', "CMDLINE_ARGS=\"${CMDLINE_ARGS} \\\"$arg\\\"\""},
    {'d', "done"},
    {'1', "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${CMDLINE_ARGS}\""},
    {'2', "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${OCI_CMD}\""},
    {'3', "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT}\""},
    {'4', "SINGULARITY_OCI_RUN=\"${CMDLINE_ARGS}\""},
    {'5', "SINGULARITY_OCI_RUN=\"${OCI_CMD}\""},
    {'v', "eval \"set ${SINGULARITY_OCI_RUN}\""},
};

/// `set -- 'word' "$@"`: a word of the image.
constexpr char kWordLine = 'w';

/// The whole bodies as each program writes them, in the letters of the lines; E and C stand for the lines with the
/// words of the entrypoint and of the command.
std::vector<std::string> known_bodies(bool has_entrypoint, bool has_cmd) {
  const std::string e = has_entrypoint ? "E" : "";
  const std::string c = has_cmd ? "C" : "";
  const std::string default_cmd = has_cmd ? "zCf" : "";
  const std::string by_case = "iopdeg1l3ffcg4l5ffg1l2fvx";
  const std::string either = has_entrypoint ? "gEl" + c + "Ef" : default_cmd;
  return {
      // sifkit, Apptainer, SingularityCE, and Singularity before there was --no-eval.
      "A" + default_cmd + e + "xfiopdg1l2fvx",
      "ae" + e + "xfc" + default_cmd + "xf" + either + "xf" + by_case,
      "ae" + e + "xfcz" + c + "nfxfg" + e + "nl" + c + e + "nfxf" + by_case,
      by_case,
  };
}

/// A script that a build has made of an entrypoint and a command.
struct RunTemplate {
  std::string entrypoint;
  std::string cmd;
  std::optional<std::vector<std::string>> entrypoint_words;  ///< as its lines for --no-eval have them, if it has any
  std::optional<std::vector<std::string>> cmd_words;
};

struct BodyLine {
  char letter = 0;
  std::string word;
};

/// Whether the lines are all of a body and nothing else. The words must be the same ones wherever they stand.
bool has_body(const std::vector<BodyLine>& lines, std::string_view body, RunTemplate& out) {
  std::size_t at = 0;
  for (const char letter : body) {
    if (letter != 'E' && letter != 'C') {
      if (at == lines.size() || lines[at++].letter != letter) return false;
      continue;
    }
    auto& words = letter == 'E' ? out.entrypoint_words : out.cmd_words;
    if (words) {
      for (const auto& word : *words) {
        if (at == lines.size() || lines[at].letter != kWordLine || lines[at++].word != word) return false;
      }
      continue;
    }
    // Where the words stand for the first time, nobody else's are next to them.
    words.emplace();
    for (; at != lines.size() && lines[at].letter == kWordLine; ++at) words->push_back(lines[at].word);
    if (words->empty()) return false;
  }
  return at == lines.size();
}

std::optional<RunTemplate> run_template(std::string_view script) {
  ScriptReader reader(script);
  RunTemplate out;
  const auto value = [&](std::string_view name, std::string& text) {
    if (!reader.take(name)) return false;
    auto word = reader.take_word();
    if (word) text = std::move(*word);
    return word && reader.take_line_end();
  };
  if (!reader.take("#!/bin/sh\n")) return std::nullopt;
  if (!value("OCI_ENTRYPOINT=", out.entrypoint) || !value("OCI_CMD=", out.cmd)) return std::nullopt;
  std::vector<BodyLine> lines;
  for (reader.skip_comments(); !reader.rest().empty(); reader.skip_comments()) {
    if (reader.take("set -- ")) {
      auto word = reader.take_word();
      if (!word || !reader.take(" \"$@\"") || !reader.take_line_end()) return std::nullopt;
      lines.push_back({kWordLine, std::move(*word)});
      continue;
    }
    const auto line = trimmed(reader.take_line(), kBlanks);
    const auto known = std::find_if(std::begin(kTemplateLines), std::end(kTemplateLines),
                                    [&](const TemplateLine& other) { return other.text == line; });
    if (known == std::end(kTemplateLines)) return std::nullopt;
    lines.push_back({known->letter, {}});
  }
  for (const auto& body : known_bodies(!out.entrypoint.empty(), !out.cmd.empty())) {
    RunTemplate found{out.entrypoint, out.cmd, std::nullopt, std::nullopt};
    if (has_body(lines, body, found)) return found;
  }
  return std::nullopt;
}

/// Whether a shell reads a script: by its "#!", or because it has none.
bool is_read_by_shell(std::string_view script) {
  static constexpr std::string_view kShells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh"};
  if (!script.starts_with("#!")) return true;
  auto words = script.substr(2, script.find('\n') - 2);
  const auto take_word = [&] {
    words = trimmed(words, kBlanks);
    const auto word = words.substr(0, words.find_first_of(kBlanks));
    words.remove_prefix(word.size());
    return word;
  };
  const auto name_of = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  auto name = name_of(take_word());
  if (name == "env") {
    auto word = take_word();
    if (word == "-S") word = take_word();
    name = name_of(word);
  }
  return std::find(std::begin(kShells), std::end(kShells), name) != std::end(kShells);
}

}  // namespace

std::vector<TextLine> lines_of(std::string_view text) {
  std::vector<TextLine> out;
  for (ScriptReader reader(text); !reader.rest().empty();) {
    out.push_back({out.size() + 1, std::string(reader.take_line())});
  }
  return out;
}

std::vector<TextLine> acting_lines(std::string_view script, ScriptUse use) {
  const bool sourced = use == ScriptUse::sourced;
  // What begins a comment, and what quotes, is another matter in every other language.
  if (!sourced && !is_read_by_shell(script)) return lines_of(script);
  std::vector<TextLine> out;
  QuoteReader quotes;
  for (auto& line : lines_of(script)) {
    const auto text = trimmed(line.text, kBlanks);
    const bool interpreter = !sourced && line.number == 1 && line.text.starts_with("#!");
    const bool passed_over = quotes.outside() && !interpreter && (text.empty() || text.starts_with('#'));
    if (passed_over) continue;
    quotes.read(line.text);
    out.push_back(std::move(line));
  }
  return out;
}

std::optional<std::vector<Assignment>> exports_of(std::string_view script) {
  std::vector<Assignment> out;
  LastValues last;
  ScriptReader reader(script);
  for (reader.skip_comments(); !reader.rest().empty(); reader.skip_comments()) {
    std::optional<Assignment> set;
    if (reader.take("export ")) {
      set = export_statement(reader, last);
    } else if (reader.take("unset ")) {
      set = unset_statement(reader);
    } else if (reader.take("if")) {
      set = condition_statement(reader);
    }
    if (!set) return std::nullopt;
    if (set->unsets) {
      last.erase(set->name);
    } else {
      last[set->name] = set->value;
    }
    out.push_back(std::move(*set));
  }
  return out;
}

bool is_of_entrypoint(std::string_view run_script) { return run_template(run_script).has_value(); }

bool same_script(std::string_view a, std::string_view b) {
  if (acting_lines(a) == acting_lines(b)) return true;
  const auto first = run_template(a);
  const auto second = first ? run_template(b) : std::nullopt;
  if (!second || first->entrypoint != second->entrypoint || first->cmd != second->cmd) return false;
  // What they do without an evaluation is told by the words of both.
  const auto agree = [](const auto& words, const auto& others) { return !words || !others || *words == *others; };
  return agree(first->entrypoint_words, second->entrypoint_words) && agree(first->cmd_words, second->cmd_words);
}

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#include "script_text.h"

#include <algorithm>
#include <utility>

namespace sifkit::inspect {

namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

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

/// Takes a script apart from its front.
class ScriptReader {
 public:
  explicit ScriptReader(std::string_view text) : text_(text) {}

  std::string_view rest() const noexcept { return text_; }

  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool take_line_end() {
    skip(kBlanks);
    return text_.empty() || take("\n");
  }

  void skip(std::string_view characters) {
    text_.remove_prefix(std::min(text_.find_first_not_of(characters), text_.size()));
  }

  /// Without its line feed.
  std::string_view take_line() {
    const auto line = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(std::min(line.size() + 1, text_.size()));
    return line;
  }

  void skip_comments() {
    for (skip(" \t\r\n"); text_.starts_with('#'); skip(" \t\r\n")) take_line();
  }

  /// Empty where there is none.
  std::string take_name() {
    static constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    std::string out(text_.substr(0, text_.find_first_not_of(kOfNames)));
    if (!out.empty() && out.front() >= '0' && out.front() <= '9') return {};
    text_.remove_prefix(out.size());
    return out;
  }

  /// A word without expansions; nothing where it has one.
  std::optional<std::string> take_word() {
    std::string out;
    while (!text_.empty() && std::string_view(" \t\r\n;").find(text_.front()) == std::string_view::npos) {
      std::optional<std::string> part;
      if (take("'")) {
        part = take_single_quoted();
      } else if (take("\"")) {
        part = take_double_quoted();
      } else {
        part = take_plain();
      }
      if (!part) return std::nullopt;
      out += *part;
    }
    return out;
  }

  /// Behind the opening quote, with the closing one.
  std::optional<std::string> take_double_quoted() {
    std::string out;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '$' || c == '`') return std::nullopt;
      if (c != '\\' || text_.empty()) {
        out += c;
        continue;
      }
      const char escaped = text_.front();
      text_.remove_prefix(1);
      if (escaped == '\n') continue;
      if (std::string_view("\\\"$`").find(escaped) == std::string_view::npos) out += c;
      out += escaped;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> take_single_quoted() {
    const auto end = text_.find('\'');
    if (end == std::string_view::npos) return std::nullopt;
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return out;
  }

  /// Characters that mean themselves to every shell, wherever they stand in a value.
  std::optional<std::string> take_plain() {
    static constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
    std::string out(text_.substr(0, text_.find_first_not_of(kPlain)));
    if (out.empty()) return std::nullopt;
    text_.remove_prefix(out.size());
    return out;
  }

  std::string_view text_;
};

/// `export A="b"`, or with a value that gives way to one that is there: `export A="${A:-"b"}"`.
std::optional<Assignment> export_statement(ScriptReader& reader, const std::vector<Assignment>& before) {
  Assignment out;
  out.name = reader.take_name();
  if (out.name.empty()) return std::nullopt;
  if (!reader.take("=")) {
    const auto same = [&](const Assignment& set) { return set.name == out.name; };
    const auto set = std::find_if(before.rbegin(), before.rend(), same);
    if (set == before.rend() || !reader.take_line_end()) return std::nullopt;
    out.value = set->value;
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

/// The lines of the scripts that Apptainer, SingularityCE and sifkit make of an entrypoint and a command, but for the
/// words themselves.
constexpr std::string_view kTemplateLines[] = {
    "if [ -n \"$SINGULARITY_NO_EVAL\" ]; then",
    "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then",
    "if [ -z \"$OCI_CMD\" ] && [ -n \"$OCI_ENTRYPOINT\" ]; then",
    "if [ -n \"$OCI_CMD\" ] && [ -z \"$OCI_ENTRYPOINT\" ]; then",
    "if [ $# -eq 0 ]; then",
    "if [ $# -gt 0 ]; then",
    "else",
    "fi",
    ":",
    "exec \"$@\"",
    "CMDLINE_ARGS=\"\"",
    "for arg in \"$@\"; do",
    "CMDLINE_ARGS=\"${CMDLINE_ARGS} \\\"$arg\\\"\"",
    "done",
    "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${CMDLINE_ARGS}\"",
    "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${OCI_CMD}\"",
    "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT}\"",
    "SINGULARITY_OCI_RUN=\"${CMDLINE_ARGS}\"",
    "SINGULARITY_OCI_RUN=\"${OCI_CMD}\"",
    "eval \"set ${SINGULARITY_OCI_RUN}\"",
};

/// How each of them ends.
constexpr std::string_view kTemplateEnd =
    "if [ $# -gt 0 ]; then\n"
    "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${CMDLINE_ARGS}\"\n"
    "else\n"
    "SINGULARITY_OCI_RUN=\"${OCI_ENTRYPOINT} ${OCI_CMD}\"\n"
    "fi\n"
    "eval \"set ${SINGULARITY_OCI_RUN}\"\n"
    "exec \"$@\"\n";

/// A script that a build has made of an entrypoint and a command.
struct RunTemplate {
  std::string entrypoint;
  std::string cmd;
  std::string body;  ///< the program's own lines, without words of the image
};

std::optional<RunTemplate> run_template(std::string_view script) {
  ScriptReader reader(script);
  std::optional<RunTemplate> out(std::in_place);
  const auto value = [&](std::string_view name, std::string& text) {
    if (!reader.take(name)) return false;
    auto word = reader.take_word();
    if (word) text = std::move(*word);
    return word && reader.take_line_end();
  };
  if (!reader.take("#!/bin/sh\n")) return std::nullopt;
  if (!value("OCI_ENTRYPOINT=", out->entrypoint) || !value("OCI_CMD=", out->cmd)) return std::nullopt;
  for (reader.skip_comments(); !reader.rest().empty(); reader.skip_comments()) {
    if (reader.take("set -- ")) {
      if (!reader.take_word() || !reader.take(" \"$@\"") || !reader.take_line_end()) return std::nullopt;
      continue;
    }
    const auto line = trimmed(reader.take_line());
    const auto known = std::find(std::begin(kTemplateLines), std::end(kTemplateLines), line);
    if (known == std::end(kTemplateLines)) return std::nullopt;
    out->body.append(line).append("\n");
  }
  if (!out->body.ends_with(kTemplateEnd)) return std::nullopt;
  return out;
}

}  // namespace

std::vector<TextLine> lines_of(std::string_view text) {
  std::vector<TextLine> out;
  for (ScriptReader reader(text); !reader.rest().empty();) {
    out.push_back({out.size() + 1, std::string(reader.take_line())});
  }
  return out;
}

std::vector<TextLine> acting_lines(std::string_view script) {
  std::vector<TextLine> out;
  QuoteReader quotes;
  for (auto& line : lines_of(script)) {
    const auto text = trimmed(line.text);
    const bool interpreter = line.number == 1 && line.text.starts_with("#!");
    const bool passed_over = quotes.outside() && !interpreter && (text.empty() || text.starts_with('#'));
    if (passed_over) continue;
    quotes.read(line.text);
    out.push_back(std::move(line));
  }
  return out;
}

std::optional<std::vector<Assignment>> exports_of(std::string_view script) {
  std::vector<Assignment> out;
  ScriptReader reader(script);
  for (reader.skip_comments(); !reader.rest().empty(); reader.skip_comments()) {
    std::optional<Assignment> set;
    if (reader.take("export ")) {
      set = export_statement(reader, out);
    } else if (reader.take("if")) {
      set = condition_statement(reader);
    }
    if (!set) return std::nullopt;
    out.push_back(std::move(*set));
  }
  return out;
}

bool is_of_entrypoint(std::string_view run_script) { return run_template(run_script).has_value(); }

bool same_script(std::string_view a, std::string_view b) {
  if (acting_lines(a) == acting_lines(b)) return true;
  const auto first = run_template(a);
  const auto second = first ? run_template(b) : std::nullopt;
  // Two scripts of one program with the same entrypoint and command are the same, or somebody has changed one of them.
  return second && first->entrypoint == second->entrypoint && first->cmd == second->cmd && first->body != second->body;
}

}  // namespace sifkit::inspect

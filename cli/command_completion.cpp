// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "manual.h"
#include "one_of.h"
#include "option_list.h"

namespace sifkit::cli {

namespace {

/// Between single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// A verb or a group of verbs, by the words that lead to it; the first is the program alone, "".
struct Place {
  std::string path;
  std::vector<std::pair<std::string, std::string>> verbs;  ///< below it, with what they do
  std::vector<OptionInfo> options;
};

std::vector<Place> places_of(const CLI::App& app, const std::string& path = {}) {
  std::vector<Place> out(1);
  out[0].path = path;
  out[0].options = options_of(app);
  for (const CLI::App* verb : listed_verbs(app)) {
    out[0].verbs.emplace_back(verb->get_name(), verb->get_description());
    const auto below = places_of(*verb, path + (path.empty() ? "" : " ") + verb->get_name());
    out.insert(out.end(), below.begin(), below.end());
  }
  return out;
}

std::string quoted_paths(const std::vector<Place>& places, std::string_view between) {
  std::string out;
  for (const auto& place : places) {
    if (!place.path.empty()) out += (out.empty() ? "" : std::string(between)) + shell_quoted(place.path);
  }
  return out;
}

// In all shells verbs complete to verbs, a word that starts with '-' to options, everything else to files. "help" stands
// before the verbs as if it were not there.

std::string bash(const std::vector<Place>& places) {
  std::string cases;
  for (const auto& place : places) {
    std::vector<std::string> verbs;
    std::vector<std::string> options;
    for (const auto& verb : place.verbs) verbs.push_back(verb.first);
    for (const auto& option : place.options) options.insert(options.end(), option.names.begin(), option.names.end());
    cases += fmt::format("    {}) options={} verbs={} ;;\n", shell_quoted(place.path), shell_quoted(fmt::to_string(fmt::join(options, " "))), shell_quoted(fmt::to_string(fmt::join(verbs, " "))));
  }
  return fmt::format(R"sh(# bash completion for sifkit
_sifkit() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} at= next i options= verbs=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="${{at:+$at }}${{COMP_WORDS[i]}}"
    case $next in
      help) ;;
      {}) at=$next ;;
    esac
  done
  case $at in
{}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [ -n "$verbs" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _sifkit sifkit
)sh",
                     quoted_paths(places, "|"), cases);
}

std::string fish(const std::vector<Place>& places) {
  std::string out = fmt::format(R"sh(# fish completion for sifkit
function __sifkit_at
  set -l at
  for word in (commandline -opc)[2..-1]
    set -l next (string join ' ' -- $at $word)
    test "$next" != help; and contains -- $next {}; and set at $next
  end
  test "$at" = "$argv"
end
)sh",
                                quoted_paths(places, " "));
  for (const auto& place : places) {
    const auto start = fmt::format("complete -c sifkit -n {}", shell_quoted("__sifkit_at" + (place.path.empty() ? "" : " " + shell_quoted(place.path))));
    for (const auto& [verb, description] : place.verbs) out += fmt::format("{} -f -a {} -d {}\n", start, verb, shell_quoted(description));
    for (const auto& option : place.options) {
      out += start;
      for (const auto& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      out += fmt::format("{} -d {}\n", option.type.empty() ? "" : " -r", shell_quoted(option.description));
    }
  }
  return out;
}

std::string zsh(const std::vector<Place>& places) {
  std::string cases;
  for (const auto& place : places) {
    std::string verbs;
    std::string options;
    for (const auto& [verb, description] : place.verbs) verbs += "\n        " + shell_quoted(verb + ":" + description);
    for (const auto& option : place.options) {
      for (const auto& name : option.names) options += "\n        " + shell_quoted(name + ":" + option.description);
    }
    cases += fmt::format("    {})\n      verbs=({})\n      options=({}) ;;\n", shell_quoted(place.path), verbs, options);
  }
  return fmt::format(R"sh(#compdef sifkit
_sifkit() {{
  local at= next word
  local -a verbs options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    next="${{at:+$at }}$word"
    case $next in
      (help) ;;
      ({}) at=$next ;;
    esac
  done
  case $at in
{}  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  elif (( $#verbs )); then
    _describe verb verbs
  else
    _files
  fi
}}
# A file of $fpath is the function itself; a script that is read defines it.
if [ "$funcstack[1]" = _sifkit ]; then
  _sifkit "$@"
else
  compdef _sifkit sifkit
fi
)sh",
                     quoted_paths(places, "|"), cases);
}

}  // namespace

void add_completion_commands(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "completion", "Print a completion script for a shell");
  only_errors_are_records(*verb);
  const auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash, zsh or fish")->required()->transform(OneOf({"bash", "zsh", "fish"}))->type_name("SHELL");
  verb->callback([shell, &root, &session] {
    session.action = [shell, &root, &session] {
      const auto places = places_of(root);
      session.io.out << (*shell == "bash" ? bash(places) : *shell == "zsh" ? zsh(places) : fish(places));
      return 0;
    };
  });
  CLI::App* man = add_verb(root, session, "man", "Print the manual page");
  only_errors_are_records(*man);
  man->callback([&root, &session] {
    session.action = [&root, &session] {
      session.io.out << manual_page(root);
      return 0;
    };
  });
}

}  // namespace sifkit::cli

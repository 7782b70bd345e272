// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include "commands.h"
#include "option_list.h"

namespace sifkit::cli {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

/// Between single quotes of a shell.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Verbs complete to verbs, a word that starts with '-' to the verb's options, everything else to files.
std::string bash(const std::vector<VerbInfo>& verbs) {
  std::string cases;
  std::string family;
  std::vector<std::string> top;
  std::vector<std::string> of_sif;
  for (const auto& verb : verbs) {
    std::vector<std::string> options;
    for (const auto& option : verb.options) options.insert(options.end(), option.names.begin(), option.names.end());
    cases += fmt::format("    {}) options={} ;;\n", shell_quoted(joined(verb.path)), shell_quoted(joined(options)));
    if (verb.path.size() == 1) {
      top.push_back(verb.path[0]);
    } else {
      if (of_sif.empty()) top.push_back(verb.path[0]);
      of_sif.push_back(verb.path[1]);
    }
  }
  return fmt::format(R"sh(# bash completion for sifkit
_sifkit() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}} options=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W {} -- "$word")
    return
  fi
  if [ "$verb" = sif ]; then
    if [ "$COMP_CWORD" -eq 2 ]; then
      mapfile -t COMPREPLY < <(compgen -W {} -- "$word")
      return
    fi
    verb="sif ${{COMP_WORDS[2]}}"
  fi
  case $verb in
{}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _sifkit sifkit
)sh",
                     shell_quoted(joined(top)), shell_quoted(joined(of_sif)), cases);
}

std::string fish(const std::vector<VerbInfo>& verbs) {
  std::string out = "# fish completion for sifkit\n";
  std::string family;
  for (const auto& verb : verbs) {
    std::string condition = "__fish_use_subcommand";
    if (verb.path.size() == 2) {
      if (family != verb.path[0]) {
        family = verb.path[0];
        out += fmt::format("complete -c sifkit -n __fish_use_subcommand -a {}\n", family);
      }
      condition = shell_quoted("__fish_seen_subcommand_from " + family);
    }
    out += fmt::format("complete -c sifkit -n {} -a {} -d {}\n", condition, verb.path.back(), shell_quoted(verb.description));
    for (const auto& option : verb.options) {
      out += fmt::format("complete -c sifkit -n {}", shell_quoted("__fish_seen_subcommand_from " + verb.path.back()));
      for (const auto& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      out += fmt::format(" -d {}\n", shell_quoted(option.description));
    }
  }
  return out;
}

std::string zsh(const std::vector<VerbInfo>& verbs) {
  // zsh reads bash's functions through its own adapter.
  return "#compdef sifkit\nautoload -U +X bashcompinit && bashcompinit\n" + bash(verbs);
}

/// A text for roff: no line starts with a control character, no backslash is a command.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) out += "\\&";
      out += c;
    }
  }
  return out;
}

std::string manual(const std::vector<VerbInfo>& verbs) {
  std::string out = ".TH SIFKIT 1\n.SH NAME\nsifkit \\- converts container images to SIF, and looks into SIF files\n.SH SYNOPSIS\n.B sifkit\n.I VERB\n[options] [arguments]\n.SH VERBS\n";
  for (const auto& verb : verbs) {
    out += ".SS " + roff("sifkit " + joined(verb.path) + " " + verb.arguments) + "\n" + roff(verb.description) + ".\n";
    for (const auto& positional : verb.positionals) {
      out += ".TP\n.I " + roff(positional.type) + "\n" + roff(positional.description) + "\n";
    }
    for (const auto& option : verb.options) {
      std::string names;
      for (const auto& name : option.names) names += (names.empty() ? "" : ", ") + name;
      out += ".TP\n.B " + roff(names) + (option.type.empty() ? "" : " " + roff(option.type)) + "\n" + roff(option.description) + "\n";
    }
  }
  out += ".SH EXIT STATUS\n";
  struct Code {
    ErrorKind kind;
    const char* meaning;
  };
  static constexpr Code codes[] = {{ErrorKind::usage, "bad option, bad reference, contradictory options"},
                                   {ErrorKind::not_found, "no such file, image, tag or object"},
                                   {ErrorKind::exists, "the target is there and \\-\\-force was not given"},
                                   {ErrorKind::io, "the system refused"},
                                   {ErrorKind::no_space, "disk full or over quota"},
                                   {ErrorKind::malformed, "the input breaks its format"},
                                   {ErrorKind::integrity, "a digest or a size does not match"},
                                   {ErrorKind::unsupported, "well formed, not handled"},
                                   {ErrorKind::limit, "over a stated limit"},
                                   {ErrorKind::denied, "authorization refused"},
                                   {ErrorKind::network, "a service is unreachable"},
                                   {ErrorKind::internal, "a bug in sifkit"}};
  out += ".TP\n.B 0\nsuccess\n";
  for (const auto& code : codes) out += fmt::format(".TP\n.B {}\n{}\n", exit_code(code.kind), code.meaning);
  out += ".TP\n.B 130, 143\nstopped by SIGINT or SIGTERM\n.TP\n.B 141\nnobody reads the output any more\n";
  out += ".SH ENVIRONMENT\n.TP\n.B SOURCE_DATE_EPOCH\ntime of the image, in seconds since 1970\n.TP\n.B SIFKIT_TMPDIR, APPTAINER_TMPDIR, SINGULARITY_TMPDIR, TMPDIR\n"
         "folder for what a stream makes necessary to keep\n.TP\n.B DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, CONTAINER_HOST\naddress of the Docker (podman) service: unix://, tcp://, http:// or https://, else Docker's context\n.TP\n.B DOCKER_TLS_VERIFY, DOCKER_TLS, DOCKER_CERT_PATH\nTLS for tcp://; folder of ca.pem, cert.pem and key.pem (default: ~/.docker)\n.TP\n.B SLURM_CPUS_PER_TASK\nthreads to use at most\n.TP\n.B NO_COLOR, TERM\nobeyed on terminals\n";
  return out;
}

}  // namespace

void add_completion_commands(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "completion", "Print a completion script for a shell");
  const auto shell = std::make_shared<std::string>();
  verb->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}))->type_name("SHELL");
  verb->callback([shell, &root, &session] {
    session.action = [shell, &root, &session] {
      const auto verbs = verbs_of(root);
      session.io.out << (*shell == "bash" ? bash(verbs) : *shell == "zsh" ? zsh(verbs) : fish(verbs));
      return 0;
    };
  });
  CLI::App* man = add_verb(root, session, "man", "Print the manual page");
  man->callback([&root, &session] {
    session.action = [&root, &session] {
      session.io.out << manual(verbs_of(root));
      return 0;
    };
  });
}

}  // namespace sifkit::cli

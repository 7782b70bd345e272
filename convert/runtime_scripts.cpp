// SPDX-License-Identifier: Apache-2.0
#include "runtime_scripts.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "shell.h"

namespace sifkit {

namespace {

/// A script of the runtime's commands: what goes before and behind the reading of the environment.
struct Action {
  std::string_view head;
  std::string_view body;
};

/// The loop's variable is one that no image has.
constexpr std::string_view kReadEnvironment = R"sh(for __file in /.singularity.d/env/*.sh; do
    if [ -f "$__file" ]; then
        . "$__file"
    fi
done
)sh";

constexpr Action kExecAction{R"sh(#!/bin/sh
# Runs a command of the caller's in the container's environment.

)sh", R"sh(
exec "$@"
)sh"};

constexpr Action kRunAction{R"sh(#!/bin/sh
# Starts what the container, or one application in it, is made for.

)sh", R"sh(
if [ -n "${SINGULARITY_APPNAME:-}" ]; then
    for program in "/scif/apps/$SINGULARITY_APPNAME/scif/runscript" /scif/apps/singularity/scif/runscript; do
        if [ -x "$program" ]; then
            exec "$program" "$@"
        fi
    done
    echo "The application '$SINGULARITY_APPNAME' of this container has no runscript" >&2
    exit 1
fi

if [ -x /.singularity.d/runscript ]; then
    exec /.singularity.d/runscript "$@"
fi

echo "This container has no runscript; starting /bin/sh" >&2
exec /bin/sh "$@"
)sh"};

constexpr Action kShellAction{R"sh(#!/bin/sh
# Opens a shell in the container: the caller's choice, else bash, else sh.

)sh", R"sh(
if [ -n "${SINGULARITY_SHELL:-}" ] && [ -x "$SINGULARITY_SHELL" ]; then
    exec $SINGULARITY_SHELL "$@"
fi

if [ -x /bin/bash ]; then
    SHELL=/bin/bash
    PS1="Apptainer $APPTAINER_NAME:\\w> "
    export SHELL PS1
    exec /bin/bash --norc "$@"
fi

if [ -x /bin/sh ]; then
    SHELL=/bin/sh
    export SHELL
    exec /bin/sh "$@"
fi

echo "This container has neither /bin/bash nor /bin/sh" >&2
exit 1
)sh"};

constexpr Action kStartAction{R"sh(#!/bin/sh
# Starts the service of an instance. The process that waits for the instance is told first.

kill -CONT 1

)sh", R"sh(
if [ -x /.singularity.d/startscript ]; then
    exec /.singularity.d/startscript
fi
)sh"};

constexpr Action kTestAction{R"sh(#!/bin/sh
# Runs the tests that the container, or one application in it, brings.

)sh", R"sh(
if [ -n "${SINGULARITY_APPNAME:-}" ]; then
    for program in "/scif/apps/$SINGULARITY_APPNAME/scif/test" /scif/apps/singularity/scif/test; do
        if [ -x "$program" ]; then
            exec "$program" "$@"
        fi
    done
    echo "The application '$SINGULARITY_APPNAME' of this container has no test" >&2
    exit 1
fi

if [ -x /.singularity.d/test ]; then
    exec /.singularity.d/test "$@"
fi

echo "No test found in container, executing /bin/sh -c true"
exec /bin/sh -c true
)sh"};

constexpr std::string_view kBaseEnvironment = R"sh(#!/bin/sh
# The first environment file. Files of this directory are read in the order of their names.
)sh";

constexpr std::string_view kCustomEnvironment = R"sh(#!/bin/sh
# Custom environment code of this container goes here.

)sh";

constexpr std::string_view kAppsEnvironment = R"sh(#!/bin/sh
# The environment of the application chosen with --app.

if [ -n "${SINGULARITY_APPNAME:-}" ]; then
    export SINGULARITY_APPNAME

    if [ ! -d "/scif/apps/$SINGULARITY_APPNAME/" ]; then
        echo "This container has no application '$SINGULARITY_APPNAME'" >&2
        exit 1
    fi

    SCIF_APPS=/scif/apps
    SCIF_APPROOT="/scif/apps/$SINGULARITY_APPNAME"
    export SCIF_APPS SCIF_APPROOT

    PATH="/scif/apps/$SINGULARITY_APPNAME:/scif/apps/singularity:$PATH"

    if [ -d "$SCIF_APPROOT/bin" ]; then
        PATH="$SCIF_APPROOT/bin:$PATH"
    fi

    if [ -d "$SCIF_APPROOT/lib" ]; then
        LD_LIBRARY_PATH="$SCIF_APPROOT/lib:$LD_LIBRARY_PATH"
        export LD_LIBRARY_PATH
    fi

    if [ -f "$SCIF_APPROOT/scif/env/01-base.sh" ]; then
        . "$SCIF_APPROOT/scif/env/01-base.sh"
    fi

    if [ -f "$SCIF_APPROOT/scif/env/90-environment.sh" ]; then
        . "$SCIF_APPROOT/scif/env/90-environment.sh"
    fi

    export PATH
fi
)sh";

constexpr std::string_view kLastEnvironment = R"sh(#!/bin/sh
# Libraries that the runtime binds into the container, and the prompt.

if [ -z "$LD_LIBRARY_PATH" ]; then
    LD_LIBRARY_PATH="/.singularity.d/libs"
else
    LD_LIBRARY_PATH="$LD_LIBRARY_PATH:/.singularity.d/libs"
fi

if [ -z "$PS1" ]; then
    PS1="Apptainer> "
fi

export LD_LIBRARY_PATH PS1
)sh";

constexpr std::string_view kRuntimeVariables = R"sh(#!/bin/sh
# What the caller asked of PATH on the command line.

if [ -n "${SING_USER_DEFINED_PREPEND_PATH:-}" ]; then
    PATH="${SING_USER_DEFINED_PREPEND_PATH}:${PATH}"
fi

if [ -n "${SING_USER_DEFINED_APPEND_PATH:-}" ]; then
    PATH="${PATH}:${SING_USER_DEFINED_APPEND_PATH}"
fi

if [ -n "${SING_USER_DEFINED_PATH:-}" ]; then
    PATH="${SING_USER_DEFINED_PATH}"
fi

unset SING_USER_DEFINED_PREPEND_PATH SING_USER_DEFINED_APPEND_PATH SING_USER_DEFINED_PATH

export PATH
)sh";

/// The runtime looks for the line that it knows among lines of less than 64 KiB, and gives up at a longer one.
constexpr std::size_t kMaxScriptLine = 60'000;

/// Where words are broken into lines: small enough for any escapes.
constexpr std::size_t kBrokenLine = 1000;

/// `set --` puts one word in front, so the words come in reverse.
std::string prepend_words(const std::vector<std::string>& words, std::size_t line_bytes, std::string_view indent) {
  std::string out;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    const bool plain = word->size() <= line_bytes && reads_as_written(*word);
    const auto quoted = plain ? fmt::format("'{}'", escape_in_single_quotes(*word))
                              : fmt::format("\"{}\"", escape_in_double_quotes(*word, line_bytes));
    out += fmt::format("{}set -- {} \"$@\"\n", indent, quoted);
  }
  return out;
}

/// Whether every shell reads the text as data between the quotes of a default value: some end it at a brace, bash looks
/// into what has the form of a process substitution, and no form that opens quotes again fits in there.
bool nests(std::string_view text) {
  return text.find('}') == std::string_view::npos && text.find("<(") == std::string_view::npos &&
         text.find(">(") == std::string_view::npos && reads_as_written(text);
}

/// Variables that the runtime sets itself: what an image says of them has no effect in a container, or the value of
/// something else. An assignment of those that are read-only is an error message at every start. Most are those of the
/// shell that Apptainer has built in and of the script that it runs there, down to the names of its loops.
constexpr std::string_view kReserved[] = {
    "APPTAINER_CONTAINER",
    "APPTAINER_INSTANCE",
    "APPTAINER_NAME",
    "DIRSTACK",
    "EUID",
    "GID",
    "HOME",
    "IFS",
    "LINENO",
    "OPTIND",
    "PPID",
    "PWD",
    "RANDOM",
    "SINGULARITY_APPNAME",
    "SINGULARITY_ENVIRONMENT",
    "SING_USER_DEFINED_APPEND_PATH",
    "SING_USER_DEFINED_PATH",
    "SING_USER_DEFINED_PREPEND_PATH",
    "SRANDOM",
    "UID",
    "__apptainer_cmd__",
    "__exported_env__",
    "__script__",
    "e",
    "key",
};

/// Set by bash before it reads anything. Where it stands in for /bin/sh, an assignment ends it.
constexpr std::string_view kReadOnlyInBash[] = {"BASHOPTS", "BASH_VERSINFO", "SHELLOPTS"};

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

std::string listed(const std::vector<std::string_view>& names) {
  static constexpr std::size_t kMaxListed = 20;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kMaxListed; ++i) out += (i == 0 ? "" : ", ") + in_quotes(names[i]);
  if (names.size() > kMaxListed) out += fmt::format(" and {} more", names.size() - kMaxListed);
  return out;
}

std::string text_of(const Action& action) { return fmt::format("{}{}{}", action.head, kReadEnvironment, action.body); }

}  // namespace

const std::vector<FixedScript>& fixed_scripts() {
  static const std::vector<FixedScript> scripts{
      {".singularity.d/actions/exec", text_of(kExecAction)},
      {".singularity.d/actions/run", text_of(kRunAction)},
      {".singularity.d/actions/shell", text_of(kShellAction)},
      {".singularity.d/actions/start", text_of(kStartAction)},
      {".singularity.d/actions/test", text_of(kTestAction)},
      {".singularity.d/env/01-base.sh", std::string(kBaseEnvironment)},
      {kCustomEnvironmentPath, std::string(kCustomEnvironment)},
      {".singularity.d/env/94-appsbase.sh", ""},
      {".singularity.d/env/95-apps.sh", std::string(kAppsEnvironment)},
      {".singularity.d/env/99-base.sh", std::string(kLastEnvironment)},
      {".singularity.d/env/99-runtimevars.sh", std::string(kRuntimeVariables)},
      {kStartScriptPath, "#!/bin/sh\n"},
  };
  return scripts;
}

bool is_reserved_variable(std::string_view name) noexcept { return is_one_of(kReserved, name); }

std::string environment_script(const std::vector<std::string>& env, WarningList& warnings) {
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  // Docker sets one entry after the other, and none that has no '='.
  std::map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < env.size(); ++i) {
    const auto name = name_of(env[i]);
    const bool has_value = name.size() != env[i].size();
    if (const auto [at, added] = last.try_emplace(name, i); !added && has_value) at->second = i;
  }
  std::vector<std::string_view> odd;
  std::vector<std::string_view> reserved;
  std::vector<std::string_view> bare;
  std::string out = "#!/bin/sh\n";
  for (std::size_t i = 0; i < env.size(); ++i) {
    const std::string_view name = name_of(env[i]);
    if (last.at(name) != i) continue;
    if (!is_shell_name(name)) {
      odd.push_back(name);
      continue;
    }
    if (is_reserved_variable(name)) {
      reserved.push_back(name);
      continue;
    }
    if (name.size() == env[i].size()) {
      bare.push_back(name);
      out += fmt::format("export {0}=\"${{{0}:-}}\"\n", name);
      continue;
    }
    const std::string_view text = std::string_view(env[i]).substr(name.size() + 1);
    const std::string value = escape_in_double_quotes(text);
    if (name == "PATH") {
      out += fmt::format("export PATH=\"{}\"\n", value);
    } else if (nests(text) && !is_one_of(kReadOnlyInBash, name)) {
      out += fmt::format("export {0}=\"${{{0}:-\"{1}\"}}\"\n", name, value);
    } else {
      out += fmt::format("if [ -z \"${{{0}:-}}\" ]; then {0}=\"{1}\"; fi\nexport {0}\n", name, value);
    }
  }
  if (!odd.empty()) {
    warnings.add("env-name", "left out of the environment: " + listed(odd) + " (no shell accepts such a name)");
  }
  if (!reserved.empty()) {
    warnings.add("env-reserved", "left out of the environment: " + listed(reserved) + " (the runtime sets these itself)");
  }
  if (!bare.empty()) {
    warnings.add("env-odd", "empty in the environment: " + listed(bare) + " (the image gives no value)");
  }
  return out;
}

namespace {

std::string run_script(const std::vector<std::string>& entrypoint, const std::vector<std::string>& cmd,
                       std::size_t line_bytes) {
  std::string out = "#!/bin/sh\n";
  out += fmt::format("OCI_ENTRYPOINT='{}'\n", escape_in_single_quotes(quote_words(entrypoint, line_bytes)));
  out += fmt::format("OCI_CMD='{}'\n", escape_in_single_quotes(quote_words(cmd, line_bytes)));
  out += "\n# Words are taken as they are, without another evaluation, when the caller asks for it (--no-eval).\n";
  out += "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then\n";
  if (!cmd.empty()) {
    out += "    if [ $# -eq 0 ]; then\n" + prepend_words(cmd, line_bytes, "        ") + "    fi\n";
  }
  out += prepend_words(entrypoint, line_bytes, "    ");
  out += "    exec \"$@\"\nfi\n";
  out += R"sh(
# The caller's words stand in for the image's default ones.
CMDLINE_ARGS=""
for arg in "$@"; do
    CMDLINE_ARGS="${CMDLINE_ARGS} \"$arg\""
done

if [ $# -gt 0 ]; then
    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${CMDLINE_ARGS}"
else
    SINGULARITY_OCI_RUN="${OCI_ENTRYPOINT} ${OCI_CMD}"
fi

# The runtime looks for the next line as it stands.
eval "set ${SINGULARITY_OCI_RUN}"
exec "$@"
)sh";
  return out;
}

bool has_line_over(std::string_view text, std::size_t limit) {
  for (std::size_t end = 0; !text.empty(); text.remove_prefix(std::min(end + 1, text.size()))) {
    end = std::min(text.find('\n'), text.size());
    if (end > limit) return true;
  }
  return false;
}

}  // namespace

std::string run_script(const std::vector<std::string>& entrypoint, const std::vector<std::string>& cmd) {
  std::string script = run_script(entrypoint, cmd, std::string::npos);
  return has_line_over(script, kMaxScriptLine) ? run_script(entrypoint, cmd, kBrokenLine) : script;
}

}  // namespace sifkit

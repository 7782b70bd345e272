// SPDX-License-Identifier: Apache-2.0
#include "runtime_scripts.h"

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
# The first environment file. Files of this folder are read in the order of their names.
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

/// `set --` puts one word in front, so the words come in reverse.
std::string prepend_words(const std::vector<std::string>& words, std::string_view indent) {
  std::string out;
  for (auto word = words.rbegin(); word != words.rend(); ++word) {
    out += fmt::format("{}set -- '{}' \"$@\"\n", indent, escape_in_single_quotes(*word));
  }
  return out;
}

/// Whether every shell reads the text as data between the quotes of a default value: some end it at a brace, bash looks
/// into what has the form of a process substitution.
bool nests(std::string_view text) {
  return text.find('}') == std::string_view::npos && text.find("<(") == std::string_view::npos && text.find(">(") == std::string_view::npos;
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

std::string environment_script(const std::vector<std::string>& env, WarningList& warnings) {
  std::string out = "#!/bin/sh\n";
  for (const auto& entry : env) {
    const auto equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    if (!is_shell_name(name)) {
      warnings.add("env-name", fmt::format("variable {} of the image is left out: no shell accepts its name",
                                           in_quotes(name)));
      continue;
    }
    if (equals == std::string::npos) {
      out += fmt::format("export {0}=\"${{{0}:-}}\"\n", name);
      continue;
    }
    const std::string value = escape_in_double_quotes(std::string_view(entry).substr(equals + 1));
    if (name != "PATH" && !nests(value)) {
      out += fmt::format("if [ -z \"${{{0}:-}}\" ]; then {0}=\"{1}\"; fi\nexport {0}\n", name, value);
    } else if (name == "PATH") {
      out += fmt::format("export PATH=\"{}\"\n", value);
    } else {
      out += fmt::format("export {0}=\"${{{0}:-\"{1}\"}}\"\n", name, value);
    }
  }
  return out;
}

std::string run_script(const std::vector<std::string>& entrypoint, const std::vector<std::string>& cmd) {
  std::string out = "#!/bin/sh\n";
  out += fmt::format("OCI_ENTRYPOINT='{}'\n", escape_in_single_quotes(quote_words(entrypoint)));
  out += fmt::format("OCI_CMD='{}'\n", escape_in_single_quotes(quote_words(cmd)));
  out += "\n# Words are taken as they are, without another evaluation, when the caller asks for it (--no-eval).\n";
  out += "if [ -n \"${SINGULARITY_NO_EVAL:-}\" ]; then\n";
  if (!cmd.empty()) {
    out += "    if [ $# -eq 0 ]; then\n" + prepend_words(cmd, "        ") + "    fi\n";
  }
  out += prepend_words(entrypoint, "    ");
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

}  // namespace sifkit

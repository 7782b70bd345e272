// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include <CLI/CLI.hpp>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

#include "console.h"

namespace sifkit::cli {

/// What all commands share: the console, the flags that every verb has, and the action that the parsed command line
/// chose. A command reads its options in `action`, after parsing.
struct Session {
  explicit Session(Console& console) : io(console) {}

  Console& io;
  bool quiet = false;
  bool verbose = false;
  bool debug = false;
  bool json = false;
  ProgressStyle progress_style = ProgressStyle::automatic;
  std::span<const std::string> arguments;  ///< of the command line
  bool output_failure_shown = false;  ///< standard output cannot be written, which an error has said

  /// Set by the verb's parse callback; returns the exit code (0, or that of a result which is not an error).
  std::function<int()> action;

  /// Made after parsing, before `action` runs.
  std::unique_ptr<ConsoleLogger> logger;
  std::unique_ptr<ConsoleProgress> progress;

  OperationContext operation() const { return {logger.get(), progress.get(), io.stop}; }

  /// Whether an error is no more than what a stop request has brought about. Ctrl-C stops all of a pipeline: the
  /// writer's end may be seen before the signal, so that is waited for, a tenth of a second at most.
  bool is_stopping() const;

  /// Prints one JSON record, indented, with a final line feed.
  void print_json(const Json& record) const { io.out << record.dump(2, ' ', false, Json::error_handler_t::replace) << '\n'; }

  /// Passes collected warnings to the logger, with a line for what was only counted.
  void show_warnings(const WarningList& warnings) const;
};

/// Adds a verb. `--json`, `-q`, `-v`, `-d`, `--debug` and `--progress` are added to each by `add_verb`; use it instead
/// of CLI::App::add_subcommand. The returned App lives as long as `parent`.
CLI::App* add_verb(CLI::App& parent, Session& session, const std::string& name, const std::string& description);

/// What a verb does with its arguments, once they are parsed: `run` gives the exit code.
template <class Arguments>
void set_action(CLI::App& verb, Session& session, std::shared_ptr<Arguments> arguments,
                int (*run)(const Arguments&, Session&)) {
  verb.callback([arguments, run, &session] {
    session.action = [arguments, run, &session] { return run(*arguments, session); };
  });
}

/// For a verb that has a `-d` of its own.
void keep_short_debug_free(CLI::App& verb, Session& session);

/// For a verb whose output is no record, with `--json` either: bytes of a file, a script, a page.
void only_errors_are_records(CLI::App& verb);

/// Writes an error to standard error: as text, or as a record where records are wanted.
void report_error(Session& session, const Error& error);

/// The file, or with "-" standard input.
std::unique_ptr<Source> open_input(const std::string& path, const Session& session);

/// The number of a data object as the user gave it; usage when it is none.
std::uint32_t parse_object_id(std::string_view text);

// One function per file command_<name>.cpp; each adds its verb (or family of verbs) to the root.
void add_build_command(CLI::App& root, Session& session);
void add_cache_command(CLI::App& root, Session& session);
void add_check_command(CLI::App& root, Session& session);
void add_completion_commands(CLI::App& root, Session& session);
void add_files_commands(CLI::App& root, Session& session);
void add_diff_command(CLI::App& root, Session& session);
void add_digest_command(CLI::App& root, Session& session);
void add_du_command(CLI::App& root, Session& session);
void add_edit_command(CLI::App& root, Session& session);
void add_find_command(CLI::App& root, Session& session);
void add_help_command(CLI::App& group, Session& session);
void add_copy_command(CLI::App& root, Session& session);
void add_history_command(CLI::App& root, Session& session);
void add_images_command(CLI::App& root, Session& session);
void add_inspect_command(CLI::App& root, Session& session);
void add_key_command(CLI::App& root, Session& session);
void add_keyserver_commands(CLI::App& family, Session& session);
void add_ls_command(CLI::App& root, Session& session);
void add_report_command(CLI::App& root, Session& session);
void add_sbom_command(CLI::App& root, Session& session);
void add_pull_command(CLI::App& root, Session& session);
void add_push_command(CLI::App& root, Session& session);
void add_registry_command(CLI::App& root, Session& session);
void add_sif_command(CLI::App& root, Session& session);
void add_sif_edit_verbs(CLI::App& family, Session& session);
void add_sign_command(CLI::App& root, Session& session);
void add_take_commands(CLI::App& root, Session& session);
void add_verify_command(CLI::App& root, Session& session);
void add_version_command(CLI::App& root, Session& session);

}  // namespace sifkit::cli

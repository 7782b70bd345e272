// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <new>
#include <system_error>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>
#include <sifkit/records/error.h>
#include <sifkit/version.h>

#include "commands.h"
#include "find_words.h"
#include "help_formatter.h"
#include "hint_text.h"
#include "one_of.h"
#include "stream_sink.h"
#include "terminal_filter.h"
#include "usage_error.h"

namespace sifkit::cli {

namespace {

constexpr int kReaderGone = 128 + SIGPIPE;
constexpr const char* kDebugText = "Print everything";

const std::vector<std::pair<std::string, ProgressStyle>> kProgressStyles{{"auto", ProgressStyle::automatic},
                                                                         {"bar", ProgressStyle::bar},
                                                                         {"plain", ProgressStyle::plain},
                                                                         {"json", ProgressStyle::json},
                                                                         {"none", ProgressStyle::none}};

std::vector<std::string> progress_words() {
  std::vector<std::string> words;
  for (const auto& style : kProgressStyles) words.push_back(style.first);
  return words;
}

/// What helps wherever the file is.
std::string hint_of(const Error& error) {
  return error.hint().empty() && error.kind() == ErrorKind::no_space ? "free some space there" : hint_text(error.hint());
}

}  // namespace

void report_error(Session& session, const Error& error) {
  const auto hint = hint_of(error);
  if (session.json) {
    session.io.err << records::record_text(records::error_record(error, hint), -1) << '\n';
    return;
  }
  if (error.kind() == ErrorKind::cancelled) {  // where it was does not matter to who stopped it
    session.io.err << "sifkit: " << error.message() << '\n';
    return;
  }
  session.io.err << "sifkit: error: " << error.what() << '\n';
  if (!hint.empty()) session.io.err << "  hint: " << hint << '\n';
}

namespace {

/// Of a command line that could not be parsed to its end.
bool wants_json(std::span<const std::string> args) {
  const auto end = std::find(args.begin(), args.end(), "--");
  return std::any_of(args.begin(), end, [](const std::string& word) { return word == "--json" || word.starts_with("--json="); });
}

ProgressStyle effective_style(const Session& session) {
  if (session.progress_style != ProgressStyle::automatic) return session.progress_style;
  if (session.quiet || session.json) return ProgressStyle::none;
  const char* terminal = std::getenv("TERM");
  const bool smart = terminal != nullptr && std::string_view(terminal) != "dumb";
  return session.io.err_is_terminal && smart ? ProgressStyle::bar : ProgressStyle::plain;
}

/// The greatest exit code of what is no error: 1 says that there are differences or findings.
constexpr int kResult = 1;

int finish_output(Session& session, int code) {
  if (session.output_failure_shown) return code;
  try {
    if (session.io.out) errno = 0;  // else it is still that of the write that failed
    if (!session.io.out.flush()) throw_output_failure();
    return code;
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const Error& error) {
    report_error(session, error);
    return code <= kResult ? exit_code(error.kind()) : code;
  }
}

bool is_pipe(const struct stat& status) { return S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode); }

/// Whether a word names a pipe, with a transport in front of it or not: `-`, /dev/stdin, <(COMMAND).
bool any_names_pipe(std::span<const std::string> args, int input) {
  const auto names_pipe = [&](const std::string& word) {
    struct stat status {};
    return word == "-" ? ::fstat(input, &status) == 0 && is_pipe(status)
                       : ::stat(word.c_str(), &status) == 0 && is_pipe(status);
  };
  return std::any_of(args.begin(), args.end(), [&](const std::string& word) {
    return names_pipe(word) || names_pipe(word.substr(word.find(':') + 1));
  });
}

int run_action(Session& session) {
  const auto least = session.debug   ? LogLevel::debug
                     : session.quiet ? LogLevel::error
                     : session.json  ? LogLevel::warning
                                     : LogLevel::info;
  session.logger = std::make_unique<ConsoleLogger>(session.io, least);
  session.progress = std::make_unique<ConsoleProgress>(*session.logger, effective_style(session), session.io.width);
  try {
    const int code = session.action();
    session.progress->done();
    return code;
  } catch (Error& error) {
    session.progress->done();
    if (session.is_stopping()) error = Error(ErrorKind::cancelled, "stopped on request");
    report_error(session, error);
    session.output_failure_shown = !session.io.out;
    return exit_code(error.kind());
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const std::bad_alloc&) {
    session.progress->done();
    report_error(session, Error(ErrorKind::limit, "out of memory", "use fewer threads (-j) or give the job more memory"));
    return exit_code(ErrorKind::limit);
  } catch (const std::filesystem::filesystem_error& error) {
    session.progress->done();
    report_error(session, Error(ErrorKind::io, error.what()));
    return exit_code(ErrorKind::io);
  } catch (const std::system_error& error) {
    session.progress->done();
    report_error(session, Error(ErrorKind::io, error.what(), "the limits of the job on threads or open files are too low"));
    return exit_code(ErrorKind::io);
  } catch (const std::exception& error) {
    session.progress->done();
    report_error(session, Error(ErrorKind::internal, error.what(), "this is a bug in sifkit; please report it"));
    return exit_code(ErrorKind::internal);
  }
}

}  // namespace

CLI::App* add_verb(CLI::App& parent, Session& session, const std::string& name, const std::string& description) {
  CLI::App* verb = parent.add_subcommand(name, description);
  const std::string common = kCommonOptions;
  verb->set_help_flag("-h,--help", "Print this help")->group(common);
  verb->add_flag("-q,--quiet", session.quiet, "Print errors only")->group(common);
  verb->add_flag("-v,--verbose", session.verbose, "Print more")->group(common);
  verb->add_flag("-d,--debug", session.debug, kDebugText)->group(common);
  verb->add_flag("--json", session.json, "Print one JSON record")->group(common);
  verb->add_option("--progress", session.progress_style, "How progress is shown: " + one_of(progress_words()))
      ->transform(CLI::Transformer(kProgressStyles).description(""))
      ->transform(OneOf(progress_words()))
      ->type_name("STYLE")
      ->group(common);
  return verb;
}

void keep_short_debug_free(CLI::App& verb, Session& session) {
  verb.remove_option(verb.get_option("--debug"));
  verb.add_flag("--debug", session.debug, kDebugText)->group(kCommonOptions);
}

void only_errors_are_records(CLI::App& verb) {
  verb.get_option("--json")->description("Print errors as JSON records; the output is what it is");
}

void Session::show_warnings(const WarningList& warnings) const {
  for (const auto& warning : warnings.listed()) {
    const auto hint = hint_text(warning.hint);
    logger->write(LogLevel::warning,
                  fmt::format("{}{} [{}]", warning.text, hint.empty() ? "" : " (" + hint + ")", warning.kind));
  }
  for (const auto& [kind, count] : warnings.unlisted())
    logger->write(LogLevel::warning, fmt::format("{} more of the kind '{}'", count, kind));
}

std::unique_ptr<Source> open_input(const std::string& path, const Session& session) {
  if (path != "-") return open_source(path);
  return std::make_unique<StreamSource>(File(duplicate(session.io.in, "standard input"), "standard input"));
}

bool Session::is_stopping() const {
  static constexpr std::chrono::milliseconds kSignalsApart{100};
  if (io.stop.stop_possible() && any_names_pipe(arguments, io.in)) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any stopped;
    stopped.wait_for(lock, io.stop, kSignalsApart, [] { return false; });
  }
  return io.stop.stop_requested();
}

namespace {

struct Command {
  std::string_view verbs;  ///< that `add` adds, with spaces between them
  void (*add)(CLI::App&, Session&);
};

/// In the order of the help.
constexpr Command kCommands[] = {
    {"build", add_build_command},
    {"copy", add_copy_command},
    {"pull", add_pull_command},
    {"push", add_push_command},
    {"images", add_images_command},
    {"inspect", add_inspect_command},
    {"ls", add_ls_command},
    {"cat stat readlink", add_files_commands},
    {"find", add_find_command},
    {"du", add_du_command},
    {"history", add_history_command},
    {"check", add_check_command},
    {"report", add_report_command},
    {"edit", add_edit_command},
    {"sbom", add_sbom_command},
    {"cp tar", add_take_commands},
    {"digest", add_digest_command},
    {"diff", add_diff_command},
    {"sif", add_sif_command},
    {"sign", add_sign_command},
    {"verify", add_verify_command},
    {"key", add_key_command},
    {"registry", add_registry_command},
    {"cache", add_cache_command},
    {"completion man", add_completion_commands},
    {"version", add_version_command},
    {"help", add_help_command},
};

bool is_one_of(std::string_view verb, std::string_view verbs) {
  const auto at = (" " + std::string(verbs) + " ").find(" " + std::string(verb) + " ");
  return !verb.empty() && at != std::string::npos;
}

/// The command that the first word is the verb of, but for those that speak of all.
const Command* chosen_command(std::span<const std::string> args) {
  const auto verb = std::find_if(args.begin(), args.end(), [](const auto& arg) { return !arg.starts_with('-'); });
  if (verb == args.end()) return nullptr;
  const auto* const found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                         [&](const auto& command) { return is_one_of(*verb, command.verbs); });
  const bool of_one = found != std::end(kCommands) && found->add != add_completion_commands && found->add != add_help_command;
  return of_one ? found : nullptr;
}

/// Runs with the verbs of one command: to set all of them up takes longer than many a verb. With null, with all. Nothing
/// where those of one are not enough: for help and for what is wrong with the command line.
std::optional<int> run_with(const Command* only, std::span<const std::string> args, Console& io) {
  Session session(io);
  session.arguments = args;
  CLI::App app("Converts container images to SIF, and inspects, signs and verifies SIF files", "sifkit");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "sifkit " SIFKIT_VERSION_STRING, "Print the version");
  app.fallthrough(false);
  app.require_subcommand(0, 1);  // more would take a file named like a verb for that verb
  // Where Apptainer has them, before the verb.
  app.add_flag("-q,--quiet", session.quiet, "Print errors only");
  app.add_flag("-v,--verbose", session.verbose, "Print more");
  app.add_flag("-d,--debug", session.debug, kDebugText);
  app.add_flag("--json", session.json, "Print one JSON record");
  app.add_flag("-s,--silent", session.quiet)->group("");
  app.add_flag("--nocolor")->group("");  // nothing here is coloured
  for (const Command& command : kCommands) {
    if (only == nullptr || only == &command) command.add(app, session);
  }

  const auto words = with_find_words(args);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForVersion& version) {
    io.out << version.what() << '\n';
    return finish_output(session, 0);
  } catch (const CLI::CallForHelp&) {
    if (only != nullptr) return std::nullopt;
    if (const auto unknown = unknown_verb(app)) {
      report_error(session, *unknown);
      return exit_code(ErrorKind::usage);
    }
    io.out << deepest_chosen(app)->help();
    return finish_output(session, 0);
  } catch (const CLI::ParseError& error) {
    if (only != nullptr) return std::nullopt;
    session.json = session.json || wants_json(args);
    report_error(session, usage_error(app, words, error));
    return exit_code(ErrorKind::usage);
  }
  if (!session.action) {
    if (only != nullptr) return std::nullopt;
    io.err << deepest_chosen(app)->help();
    return exit_code(ErrorKind::usage);
  }
  return finish_output(session, run_action(session));
}

int run_safely(std::span<const std::string> args, Console& io) {
  if (const Command* const one = chosen_command(args)) {
    if (const auto code = run_with(one, args, io)) return *code;
  }
  return *run_with(nullptr, args, io);
}

}  // namespace

int run(std::span<const std::string> args, Console& io) {
  TerminalFilter out_filter(io.out);
  TerminalFilter err_filter(io.err);
  std::ostream out(&out_filter);
  std::ostream err(&err_filter);
  out.setstate(io.out.rdstate());
  Console safe = io.with_streams(io.out_is_terminal ? out : io.out, io.err_is_terminal ? err : io.err);
  return run_safely(args, safe);
}

}  // namespace sifkit::cli

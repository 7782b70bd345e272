// SPDX-License-Identifier: Apache-2.0
#include "app.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <new>
#include <system_error>

#include <fmt/format.h>

#include <sifkit/version.h>

#include "commands.h"
#include "help_formatter.h"
#include "stream_sink.h"

namespace sifkit::cli {

namespace {

constexpr int kReaderGone = 128 + SIGPIPE;

const std::map<std::string, ProgressStyle> kProgressStyles{{"auto", ProgressStyle::automatic},
                                                           {"bar", ProgressStyle::bar},
                                                           {"plain", ProgressStyle::plain},
                                                           {"json", ProgressStyle::json},
                                                           {"none", ProgressStyle::none}};

/// How many single-character edits lead from one word to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

/// The verb nearest to a word nobody knows, or nothing when none is near.
std::string nearest_verb(const CLI::App& app, const std::string& word) {
  std::string best;
  std::size_t least = 3;
  for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    const auto distance = edit_distance(word, verb->get_name());
    if (distance < least) {
      least = distance;
      best = verb->get_name();
    }
  }
  return best;
}

const CLI::App* deepest_chosen(const CLI::App& app) {
  const CLI::App* chosen = &app;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  return chosen;
}

void report(Session& session, const Error& error) {
  if (session.json) {
    Json frames = Json::array();
    for (const auto& frame : error.context()) frames.push_back(frame);
    const Json record{{"schema", "sifkit/error/v1"},
                      {"kind", to_string(error.kind())},
                      {"exit_code", exit_code(error.kind())},
                      {"message", error.message()},
                      {"context", frames},
                      {"hint", error.hint().empty() ? Json(nullptr) : Json(error.hint())}};
    session.io.err << record.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  if (error.kind() == ErrorKind::cancelled) {  // where it was does not matter to who stopped it
    session.io.err << "sifkit: " << error.message() << '\n';
    return;
  }
  session.io.err << "sifkit: error: " << error.what() << '\n';
  if (!error.hint().empty()) session.io.err << "  hint: " << error.hint() << '\n';
}

ProgressStyle effective_style(const Session& session) {
  if (session.progress_style != ProgressStyle::automatic) return session.progress_style;
  if (session.quiet) return ProgressStyle::none;
  const char* terminal = std::getenv("TERM");
  const bool smart = terminal == nullptr || std::string_view(terminal) != "dumb";
  return session.io.err_is_terminal && smart ? ProgressStyle::bar : ProgressStyle::plain;
}

int finish_output(Session& session, int code) {
  try {
    if (session.io.out) errno = 0;  // else it is still that of the write that failed
    if (!session.io.out.flush()) throw_output_failure();
    return code;
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const Error& error) {
    report(session, error);
    return code == 0 ? exit_code(error.kind()) : code;
  }
}

int run_action(Session& session) {
  const auto least = session.debug ? LogLevel::debug : session.quiet ? LogLevel::error : LogLevel::info;
  session.logger = std::make_unique<ConsoleLogger>(session.io, least);
  session.progress = std::make_unique<ConsoleProgress>(*session.logger, effective_style(session), session.io.width);
  try {
    const int code = session.action();
    session.progress->done();
    return code;
  } catch (const Error& error) {
    session.progress->done();
    report(session, error);
    return exit_code(error.kind());
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const std::bad_alloc&) {
    session.progress->done();
    report(session, Error(ErrorKind::limit, "out of memory", "use fewer threads (-j) or give the job more memory"));
    return exit_code(ErrorKind::limit);
  } catch (const std::system_error& error) {
    session.progress->done();
    report(session, Error(ErrorKind::io, error.what(), "the job may not start as many threads, or open as many files, as this needs"));
    return exit_code(ErrorKind::io);
  } catch (const std::exception& error) {
    session.progress->done();
    report(session, Error(ErrorKind::internal, error.what(), "this is a bug in sifkit; please report it"));
    return exit_code(ErrorKind::internal);
  }
}

}  // namespace

CLI::App* add_verb(CLI::App& parent, Session& session, const std::string& name, const std::string& description) {
  CLI::App* verb = parent.add_subcommand(name, description);
  const std::string common = "Common options";
  verb->add_flag("-q,--quiet", session.quiet, "Print errors only")->group(common);
  verb->add_flag("-v,--verbose", session.verbose, "Print more")->group(common);
  verb->add_flag("--debug", session.debug, "Print everything")->group(common);
  verb->add_flag("--json", session.json, "Print one JSON record")->group(common);
  verb->add_option("--progress", session.progress_style, "How progress is shown: auto, bar, plain, json or none")
      ->transform(CLI::CheckedTransformer(kProgressStyles).description(""))
      ->type_name("STYLE")
      ->group(common);
  return verb;
}

std::optional<std::string> environment(std::string_view name) {
  for (const char* prefix : {"SIFKIT_", "APPTAINER_", "SINGULARITY_"}) {
    if (const char* value = std::getenv((prefix + std::string(name)).c_str())) return value;
  }
  return std::nullopt;
}

void Session::show_warnings(const WarningList& warnings) const {
  std::map<std::string, std::uint64_t> listed;
  for (const auto& warning : warnings.listed()) {
    ++listed[warning.kind];
    logger->write(LogLevel::warning, warning.text);
  }
  for (const auto& [kind, count] : listed) {
    if (const auto all = warnings.count(kind); all > count) {
      logger->write(LogLevel::warning, fmt::format("{} more of the kind '{}'", all - count, kind));
    }
  }
}

int run(std::span<const std::string> args, Console& io) {
  Session session(io);
  CLI::App app("Converts container images to SIF, and inspects, signs and verifies SIF files", "sifkit");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "sifkit " SIFKIT_VERSION_STRING, "Print the version");
  app.fallthrough(false);
  add_build_command(app, session);
  add_images_command(app, session);
  add_inspect_command(app, session);
  add_files_commands(app, session);
  add_sif_command(app, session);
  add_sign_command(app, session);
  add_verify_command(app, session);
  add_key_command(app, session);
  add_completion_commands(app, session);
  add_version_command(app, session);

  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
    if (app.get_subcommands().empty()) throw CLI::CallForHelp();
  } catch (const CLI::CallForHelp&) {
    io.out << deepest_chosen(app)->help();
    return args.empty() ? exit_code(ErrorKind::usage) : finish_output(session, 0);
  } catch (const CLI::CallForVersion& version) {
    io.out << version.what() << '\n';
    return finish_output(session, 0);
  } catch (const CLI::ParseError& error) {
    const CLI::App* verb = deepest_chosen(app);
    std::string message = error.what();
    std::string hint;
    const std::size_t place = verb == &app ? 0 : 1;  // of a verb's word, if one is still to come
    const bool is_family = !verb->get_subcommands([](const CLI::App*) { return true; }).empty();
    if (is_family && place >= args.size()) {
      message = "a verb is missing";
    } else if (is_family && !args[place].starts_with('-')) {
      message = fmt::format("no verb {}", in_quotes(args[place]));
      if (const auto near = nearest_verb(*verb, args[place]); !near.empty()) hint = fmt::format("did you mean '{}'?", near);
    }
    if (hint.empty()) hint = fmt::format("see '{} --help'", full_name(verb));
    report(session, Error(ErrorKind::usage, message, hint));
    return exit_code(ErrorKind::usage);
  }
  if (!session.action) {
    io.err << deepest_chosen(app)->help();
    return exit_code(ErrorKind::usage);
  }
  return finish_output(session, run_action(session));
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include <sifkit/inspect/check.h>
#include <sifkit/records/findings.h>

#include "commands.h"
#include "numbers.h"
#include "one_of.h"
#include "sbom.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

constexpr int kFound = 1;  ///< exit code

struct CheckArguments {
  std::string source;
  SourceArguments from;
  std::string machine;
  std::string glibc;
  bool deep = false;
  bool sarif = false;
  std::string fail_on = "error";
};

check::Severity threshold(const CheckArguments& a) {
  return a.fail_on == "note"      ? check::Severity::note
         : a.fail_on == "warning" ? check::Severity::warning
                                  : check::Severity::error;
}

check::Options check_options(const CheckArguments& a, const Session& session) {
  check::Options options;
  options.deep = a.deep;
  options.operation = session.operation();
  if (!a.machine.empty()) {
    in_context([&] { return "--for " + in_quotes(a.machine); }, [&] { check::set_machine(options, a.machine); });
  }
  if (!a.glibc.empty()) {
    if (!check::is_glibc_version(a.glibc))
      throw Error(ErrorKind::usage, fmt::format("--glibc {}: expected a version such as 2.28", in_quotes(a.glibc)));
    options.glibc = a.glibc;
  }
  return options;
}

std::string words_for(check::Severity severity, std::size_t count) {
  return fmt::format("{}{}", to_string(severity), count == 1 ? "" : "s");
}

void write_text(const check::Report& report, Session& session) {
  const auto& facts = report.facts;
  std::string out;
  const auto fact = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += fmt::format("{:<13} {}\n", name, printable(value));
  };
  if (!session.quiet) {
    fact("architecture", facts.architecture);
    fact("C library", facts.libc);
    fact("kernel from", facts.kernel);
    fact("processor", facts.processor);
    fact("CUDA", facts.cuda);
    fact("ROCm", facts.rocm);
    fact("MPI", facts.mpi);
  }
  for (const auto& finding : report.findings) {
    if (session.quiet && finding.severity == check::Severity::note) continue;
    out += fmt::format("{}: {}: {}{}\n", to_string(finding.severity), finding.code,
                       finding.path.empty() ? "" : in_quotes(finding.path) + ": ", finding.text);
    if (session.verbose) out += fmt::format("  to do: {}\n", check::action_of(finding));
  }
  for (const auto& [code, severity, count] : report.omitted) {
    if (session.quiet && severity == check::Severity::note) continue;
    out += fmt::format("{} more {} of the kind {}\n", count, words_for(severity, count), code);
  }
  if (!session.quiet) {
    std::vector<std::string> counts;
    for (const auto severity : {check::Severity::error, check::Severity::warning, check::Severity::note}) {
      counts.push_back(fmt::format("{} {}", report.count(severity), words_for(severity, report.count(severity))));
    }
    out += fmt::format("{}\n", fmt::join(counts, ", "));
  }
  session.io.out << out;
}

/// Whether the source can be opened again: a pipe cannot.
bool lasts(const std::string& source) {
  const auto reference = oci::Reference::parse(source);
  std::error_code error;
  return oci::is_service(reference.transport) || std::filesystem::is_regular_file(reference.location, error) ||
         std::filesystem::is_directory(reference.location, error);
}

/// Of several images that for the machine, where there is one; that there is none for it is a finding.
OpenedSource open_for_machine(const CheckArguments& a, Session& session) {
  const bool chosen = !a.from.platform.empty() || !a.from.architecture.empty();
  if (a.machine.empty() || chosen || !lasts(a.source)) return open_files(a.source, a.from, session);
  auto from = a.from;
  from.platform = a.machine;
  try {
    return open_files(a.source, from, session);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
  }
  return open_files(a.source, a.from, session);
}

int run_check(const CheckArguments& a, Session& session) {
  const auto options = check_options(a, session);
  if (a.sarif && session.json) throw Error(ErrorKind::usage, "--json and --sarif cannot be combined");
  const OpenedSource source = open_for_machine(a, session);
  const auto report = check::check_image(*source.image, options);
  session.progress->done();
  if (session.json) {
    session.print_json(records::check_record(a.source, report));
  } else if (a.sarif) {
    session.io.out << check::sarif_text(report, sbom::name_of(oci::Reference::parse(a.source)));
  } else {
    write_text(report, session);
  }
  bool failed = false;
  for (auto severity = static_cast<std::size_t>(threshold(a)); severity < report.counts.size(); ++severity) {
    failed = failed || report.counts[severity] != 0;
  }
  return failed ? kFound : 0;
}

}  // namespace

void add_check_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(
      root, session, "check",
      "Say whether an image will run on a cluster, and what should not be in it; -v adds what to do");
  const auto arguments = std::make_shared<CheckArguments>();
  auto& a = *arguments;
  verb->add_option("source", a.source, kSourceDescription)->required()->type_name("SRC");
  verb->add_option("--for", a.machine,
                   "The machine that is to run it, for example linux/arm64; of several images that for it is checked")
      ->type_name("OS/ARCH");
  verb->add_option("--glibc", a.glibc,
                   "Libraries of the host that need this version will be bound in, as those of drivers and MPI are")
      ->type_name("VERSION");
  verb->add_flag("--deep", a.deep, "Read every block, to find damage");
  verb->add_option("--fail-on", a.fail_on,
                   "Exit with 1 for findings from this severity on: error (default), warning or note")
      ->transform(OneOf({"error", "warning", "note"}))
      ->type_name("SEVERITY");
  verb->add_flag("--sarif", a.sarif, "Print SARIF 2.1.0");
  add_source_options(*verb, a.from);
  verb->callback(
      [arguments, &session] { session.action = [arguments, &session] { return run_check(*arguments, session); }; });
}

}  // namespace sifkit::cli

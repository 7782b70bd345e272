// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/oci/image_config.h>
#include <sifkit/records/signatures.h>
#include <sifkit/trust/verify.h>

#include "commands.h"
#include "hint_text.h"
#include "numbers.h"
#include "one_of.h"
#include "sif_text.h"
#include "source_options.h"
#include "trust_options.h"
#include "verify_text.h"

namespace sifkit::cli {

namespace {

struct VerifyArguments {
  std::vector<std::string> files;
  TrustArguments trust;
  std::optional<std::string> at;
  std::optional<std::string> digest;
  std::string json;  ///< "true": Apptainer's, "v1": ours
  bool ignored = false;
  SourceArguments from;
  trust::VerifyOptions options;
};

/// A day begins in UTC.
std::optional<std::int64_t> validation_time_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto seconds = oci::parse_rfc3339(text->find('T') == std::string::npos ? *text + "T00:00:00Z" : *text);
  if (!seconds) throw Error(ErrorKind::usage, fmt::format("{} is not a time", in_quotes(*text)), "it is like 2026-01-31 or 2026-01-31T12:00:00Z");
  return seconds;
}

Digest digest_of_option(const std::string& text) {
  try {
    return Digest::parse(text, "--require-digest");
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, error.message(), "'sifkit verify --print-digest' prints one");
  }
}

/// Prints what was found in one file; the exit code that it asks for.
int show(const std::string& file, const sif::Image& image, const trust::VerifyReport& report, const VerifyArguments& arguments, Session& session, Json& records) {
  if (arguments.json == "v1") {
    records.push_back(records::verify_record(file, &image, &report, nullptr));
  } else if (!arguments.json.empty()) {
    session.io.out << apptainer_json(image, report);
  } else if (!session.quiet) {
    warn_of_problems(session, file, image.problems());
    session.io.out << verify_text(image, report);
  }
  if (!report.failure) return 0;
  if (arguments.json != "v1") {
    Error error(report.failure->kind(), printable(report.failure->message()), report.failure->hint());
    error.add_context(in_quotes(file));
    report_error(session, error);
  }
  return exit_code(report.failure->kind());
}

int run_verify(const VerifyArguments& arguments, Session& session) {
  auto options = arguments.options;
  options.threads = available_threads();
  options.operation = session.operation();
  if (options.every_object && !options.legacy) options.every_object = false;  // everything is the default
  if (arguments.digest) options.required_digest = digest_of_option(*arguments.digest);
  std::optional<trust::VerifyPolicy> policy;
  if (!arguments.trust.policy.empty()) options.policy = &policy.emplace(trust::VerifyPolicy::read(arguments.trust.policy));
  const auto remote = [](const std::string& file) { return remote_sif(file).has_value(); };
  if (policy && std::any_of(arguments.files.begin(), arguments.files.end(), remote))
    throw Error(ErrorKind::usage, "--policy is for files: what a registry or a library has is in no directory",
                "'sifkit pull --policy' fetches it and asks the policy before it has its name");
  const auto keys = keys_to_verify_with(arguments.trust, validation_time_of(arguments.at));
  Json records = Json::array();
  int worst = 0;
  for (const auto& file : arguments.files) {
    try {
      const auto image = open_sif(file, arguments.from, session);
      const auto report = trust::verify(image, keys, options);
      session.progress->done();
      worst = std::max(worst, show(file, image, report, arguments, session, records));
    } catch (const Error& error) {
      if (arguments.json == "true") session.io.out << apptainer_json_of_nothing();
      if ((arguments.files.size() == 1 && arguments.json != "v1") || error.kind() == ErrorKind::cancelled) throw;
      session.progress->done();
      if (arguments.json != "v1") report_error(session, error);
      records.push_back(records::verify_record(file, nullptr, nullptr, &error));
      worst = std::max(worst, exit_code(error.kind()));
    }
  }
  if (arguments.json == "v1") session.print_json({{"schema", "sifkit/verify/v1"}, {"images", records}});
  return worst;
}

}  // namespace

void add_verify_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "verify", "Verify the signatures of SIF files");
  const auto arguments = std::make_shared<VerifyArguments>();
  auto& a = *arguments;
  auto& o = a.options;
  verb->add_option("file", a.files, "SIF files, of registries (oras://NAME) and libraries (library://NAME), too")->required()->type_name("FILE");
  add_trust_options(*verb, a.trust);
  verb->add_option("-g,--group-id", o.groups, "Verify this group (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_option("-i,--sif-id", o.objects, "Verify this object (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_flag("-a,--all", o.every_object, "With --legacy-insecure: every object must have a signature of its own (else the default)");
  verb->add_flag("--legacy-insecure", o.legacy, "Look at signatures of before 2020, which protect neither header nor descriptors");
  verb->add_option("--require-fingerprint", o.required_keys, "Fail unless this key has signed all that is checked (may be given again)")
      ->type_name("FINGERPRINT")->allow_extra_args(false);
  verb->add_flag("--ignore-others", o.ignore_others,
                 "Signatures by other keys than these do not matter: have these keys signed it, and does that hold?");
  verb->add_flag("--strict-layout", o.strict_layout, "Fail where bytes that nothing signs are not zero, or behind the last object");
  verb->add_flag("--print-digest", o.digest, "Print the digest of the whole file");
  verb->add_option("--require-digest", a.digest, "Fail unless the whole file has this digest: a signature does not tell that there is a newer image")->type_name("DIGEST");
  verb->add_option("--at", a.at, "Judge keys, certificates and signatures as of this time, for audits: 2026-01-31 or 2026-01-31T12:00:00Z")->type_name("TIME");
  add_remote_options(*verb, a.from);
  verb->add_flag("-l,--local", a.ignored, "Use no keyserver, which is always so");
  verb->remove_option(verb->get_option("--json"));
  verb->add_flag("-j,--json", a.json, "Print JSON in Apptainer's form; --json=v1: one JSON record")->transform(OneOf({"true", "v1"}));
  // Spellings of older releases of Apptainer and Singularity.
  verb->add_option("-k", a.trust.keys)
      ->type_name("KEYFILE")
      ->allow_extra_args(false)
      ->excludes(verb->get_option("--certificate"))
      ->group("");
  verb->add_option("--groupid", o.groups)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->add_option("--id", o.objects)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->callback([arguments, &session] {
    if (session.json && arguments->json.empty()) arguments->json = "true";  // in front of the verb
    session.json = !arguments->json.empty();
    session.action = [arguments, &session] { return run_verify(*arguments, session); };
  });
}

}  // namespace sifkit::cli

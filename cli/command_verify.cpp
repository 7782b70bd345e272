// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/oci/image_config.h>
#include <sifkit/records/signatures.h>
#include <sifkit/trust/default_keys.h>
#include <sifkit/trust/verify.h>

#include "commands.h"
#include "hint_text.h"
#include "numbers.h"
#include "one_of.h"
#include "sif_text.h"
#include "source_options.h"
#include "verify_text.h"

namespace sifkit::cli {

namespace {

struct VerifyArguments {
  std::vector<std::string> files;
  std::vector<std::string> keys;
  std::string certificate;
  std::string intermediates;
  std::string roots;
  bool ocsp = false;
  std::optional<std::string> at;
  std::optional<std::string> digest;
  std::string policy;
  std::string json;  ///< "true": Apptainer's, "v1": ours
  bool ignored = false;
  SourceArguments from;
  trust::VerifyOptions options;
};

/// Go's words for a truth, which Apptainer takes, and "yes" and "no". Another word is no "no": nobody would be asked.
bool is_true(std::string_view name) {
  const auto value = environment(name).value_or("");
  const auto is = [&](std::initializer_list<std::string_view> words) { return std::find(words.begin(), words.end(), value) != words.end(); };
  if (is({"1", "t", "T", "true", "TRUE", "True", "yes"})) return true;
  if (is({"", "0", "f", "F", "false", "FALSE", "False", "no"})) return false;
  throw Error(ErrorKind::usage, fmt::format("the variable {}: expected 'true' or 'false', got {}", name, in_quotes(value)));
}

/// What is asked of a certificate's chain would pass for done where keys are trusted by themselves.
void require_certificate(const VerifyArguments& arguments) {
  if (!arguments.certificate.empty()) return;
  const char* const option = arguments.ocsp                     ? "--ocsp-verify"
                             : !arguments.roots.empty()         ? "--certificate-roots"
                             : !arguments.intermediates.empty() ? "--certificate-intermediates"
                                                                : nullptr;
  if (option != nullptr) throw Error(ErrorKind::usage, fmt::format("{} requires --certificate", option));
}

/// The environment speaks where the command line is silent. What it says of certificates is for those alone.
void add_environment(VerifyArguments& arguments) {
  const auto fill = [](std::string& into, std::string_view name) {
    if (const auto value = environment(name); into.empty() && value) into = *value;
  };
  if (arguments.keys.empty()) fill(arguments.certificate, "VERIFY_CERTIFICATE");
  require_certificate(arguments);
  if (!arguments.certificate.empty()) {
    fill(arguments.intermediates, "VERIFY_INTERMEDIATES");
    fill(arguments.roots, "VERIFY_ROOTS");
    arguments.ocsp = arguments.ocsp || is_true("VERIFY_OCSP");
  }
  if (const auto key = environment("VERIFY_KEY"); key && arguments.keys.empty() && arguments.certificate.empty()) arguments.keys = {*key};
}

/// A name of a file that is empty, as of a variable that is not set, is no absence: that would allow what the file does not.
class NonEmptyPath : public CLI::Validator {
 public:
  NonEmptyPath() {
    func_ = [](std::string& text) { return text.empty() ? std::string("expected the name of a file, got ''") : std::string(); };
  }
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

trust::TrustedKeys keys_of(const VerifyArguments& arguments) {
  const auto at = validation_time_of(arguments.at);
  if (arguments.certificate.empty()) return trust::keys_to_trust(arguments.keys, at);
  trust::TrustedKeys keys(at);
  keys.add_certificate({arguments.certificate, arguments.intermediates, arguments.roots, arguments.ocsp});
  return keys;
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

int run_verify(VerifyArguments arguments, Session& session) {
  add_environment(arguments);
  auto options = arguments.options;
  options.threads = available_threads();
  options.operation = session.operation();
  if (options.every_object && !options.legacy) options.every_object = false;  // everything is the default
  if (arguments.digest) options.required_digest = digest_of_option(*arguments.digest);
  std::optional<trust::VerifyPolicy> policy;
  if (!arguments.policy.empty()) options.policy = &policy.emplace(trust::VerifyPolicy::read(arguments.policy));
  const auto remote = [](const std::string& file) { return remote_sif(file).has_value(); };
  if (policy && std::any_of(arguments.files.begin(), arguments.files.end(), remote))
    throw Error(ErrorKind::usage, "--policy is for files: what a registry or a library has is in no directory",
                "'sifkit pull' fetches it");
  const auto keys = keys_of(arguments);
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
  auto* key = verb->add_option("--key", a.keys, "A PEM public key or OpenPGP keys (may be given again; default: the rings of the user and the site)")
                  ->type_name("KEYFILE")->allow_extra_args(false);
  auto* certificate = verb->add_option("--certificate", a.certificate, "A certificate (PEM) whose key must have signed")->type_name("FILE")->transform(NonEmptyPath())->excludes(key);
  verb->add_option("--certificate-intermediates", a.intermediates, "Certificates between it and the root")->type_name("FILE")->transform(NonEmptyPath());
  verb->add_option("--certificate-roots", a.roots, "Certificates to trust in place of the system's")->type_name("FILE")->transform(NonEmptyPath());
  verb->add_flag("--ocsp-verify", a.ocsp, "Ask each certificate's OCSP responder whether it is revoked");
  verb->add_option("-g,--group-id", o.groups, "Verify this group (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_option("-i,--sif-id", o.objects, "Verify this object (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_flag("-a,--all", o.every_object, "With --legacy-insecure: every object must have a signature of its own (else the default)");
  verb->add_flag("--legacy-insecure", o.legacy, "Look at signatures of before 2020, which protect neither header nor descriptors");
  verb->add_option("--require-fingerprint", o.required_keys, "Fail unless this key has signed all that is checked (may be given again)")
      ->type_name("FINGERPRINT")->allow_extra_args(false);
  verb->add_flag("--ignore-others", o.ignore_others,
                 "Signatures by other keys than these do not matter: have these keys signed it, and does that hold?");
  verb->add_flag("--strict-layout", o.strict_layout, "Fail where bytes that nothing signs are not zero, or behind the last object");
  verb->add_option("--policy", a.policy, "Demand what this file (JSON) does of images in their directories: keys, how many, formats, sizes")->type_name("FILE")->transform(NonEmptyPath());
  verb->add_flag("--print-digest", o.digest, "Print the digest of the whole file");
  verb->add_option("--require-digest", a.digest, "Fail unless the whole file has this digest: a signature does not tell that there is a newer image")->type_name("DIGEST");
  verb->add_option("--at", a.at, "Judge keys, certificates and signatures as of this time, for audits: 2026-01-31 or 2026-01-31T12:00:00Z")->type_name("TIME");
  add_remote_options(*verb, a.from);
  verb->add_flag("-l,--local", a.ignored, "Use no keyserver, which is always so");
  verb->remove_option(verb->get_option("--json"));
  verb->add_flag("-j,--json", a.json, "Print JSON in Apptainer's form; --json=v1: one JSON record")->transform(OneOf({"true", "v1"}));
  // Spellings of older releases of Apptainer and Singularity.
  verb->add_option("-k", a.keys)->type_name("KEYFILE")->allow_extra_args(false)->excludes(certificate)->group("");
  verb->add_option("--groupid", o.groups)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->add_option("--id", o.objects)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->callback([arguments, &session] {
    if (session.json && arguments->json.empty()) arguments->json = "true";  // in front of the verb
    session.json = !arguments->json.empty();
    session.action = [arguments, &session] { return run_verify(*arguments, session); };
  });
}

}  // namespace sifkit::cli

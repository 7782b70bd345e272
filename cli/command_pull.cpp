// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/pull_image.h>
#include <sifkit/records/transfer.h>
#include <sifkit/trust/verify_policy.h>

#include "commands.h"
#include "source_options.h"
#include "trust_options.h"

namespace sifkit::cli {

namespace {

/// More than there may be: the word behind an option that is not known counts, and the option is what is to be told.
constexpr int kMaxPlaces = 1000;

struct PullArguments {
  std::vector<std::string> places;  ///< [OUT] URI
  std::string name;
  std::string directory;
  std::string digest;
  bool force = false;
  bool verify = false;
  bool docker_login = false;
  bool ignored = false;
  std::string variant;
  TrustArguments trust;
  SourceArguments from;
};

/// The variant is one of the architecture that is asked for, else of this machine's.
void choose_variant(const std::string& variant, PullOptions& options) {
  if (variant.empty()) return;
  const auto wanted = options.platform.value_or(oci::Platform::host());
  options.platform = oci::Platform::parse(fmt::format("{}/{}/{}", wanted.os, wanted.architecture, variant));
}

PullOptions pull_options(const PullArguments& arguments, const Session& session) {
  if (arguments.docker_login)
    throw Error(ErrorKind::usage, "--docker-login: a user's name is not asked for",
                "--creds USER asks for the password, 'sifkit registry login HOST' keeps it");
  if (arguments.places.size() > 2) throw Error(ErrorKind::usage, "expected [OUT] URI");
  if (arguments.places.size() == 2 && !arguments.name.empty())
    throw Error(ErrorKind::usage, "OUT and --name cannot be combined");
  PullOptions options{source_options(arguments.from, session)};
  choose_variant(arguments.variant, options);
  if (arguments.places.size() == 2 && arguments.places.front().empty()) throw Error(ErrorKind::usage, "OUT is empty");
  options.target = arguments.places.size() == 2 ? arguments.places.front() : arguments.name;
  options.directory = arguments.directory;
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  options.verified = arguments.verify || arguments.trust.any();
  if (!arguments.digest.empty()) options.digest = Digest::parse(arguments.digest, "--digest");
  return options;
}

int pull(const PullArguments& arguments, Session& session) {
  const auto& uri = arguments.places.back();
  auto options = pull_options(arguments, session);
  std::optional<trust::TrustedKeys> keys;
  std::optional<trust::VerifyPolicy> policy;
  if (options.verified) options.keys = &keys.emplace(keys_to_verify_with(arguments.trust, std::nullopt));
  if (!arguments.trust.policy.empty())
    options.policy = &policy.emplace(trust::VerifyPolicy::read(arguments.trust.policy));
  WarningList warnings;
  const auto pulled = pull_image(uri, options, warnings);
  session.progress->done();
  session.show_warnings(warnings);
  if (session.json) {
    session.print_json(records::pull_record(uri, pulled));
  } else if (!session.quiet) {
    session.logger->write_line(
        fmt::format("{}: {}, {}", printable(pulled.target.native()), human_bytes(pulled.bytes), pulled.digest.text()));
  }
  return 0;
}

}  // namespace

void add_pull_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "pull", "Fetch an image as a SIF file");
  const auto arguments = std::make_shared<PullArguments>();
  auto& a = *arguments;
  verb->add_option("places", a.places,
                   "The file to write (default: NAME_TAG.sif), and the image: docker://NAME, oras://NAME, "
                   "library://NAME or the URL of a SIF file")
      ->required()
      ->expected(1, kMaxPlaces)
      ->type_name("[OUT] URI");
  verb->add_flag("-F,--force", a.force, "Replace an existing file");
  verb->add_option("--name", a.name, "Name of the file, in place of OUT")->type_name("NAME");
  verb->add_option("--dir", a.directory, "Directory of the file")->type_name("DIR");
  verb->add_flag("--verify", a.verify,
                 "Verify the signatures of a SIF file before it gets its name; --key, --certificate and --policy "
                 "do so, too");
  add_trust_options(*verb, a.trust);
  verb->add_option("--digest", a.digest, "Fail unless the file has this digest")->type_name("DIGEST");
  add_source_options(*verb, a.from);
  verb->add_option("--arch-variant", a.variant, "Variant of the architecture to choose, for example v7 of arm")
      ->type_name("VARIANT")
      ->excludes(verb->get_option("--platform"));
  // Apptainer's.
  verb->add_flag("-U,--allow-unsigned,--allow-unauthenticated", a.ignored,
                 "Take what nobody has signed (always so without --verify)");
  verb->add_flag("--no-cleanup", a.ignored)->group("");
  verb->add_flag("--docker-login", a.docker_login)->group("");
  set_action(*verb, session, arguments, pull);
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/pull_image.h>
#include <sifkit/records/transfer.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct PullArguments {
  std::vector<std::string> places;  ///< [OUT] URI
  std::string name;
  std::string directory;
  std::string digest;
  bool force = false;
  bool verify = false;
  SourceArguments from;
};

PullOptions pull_options(const PullArguments& arguments, const Session& session) {
  if (arguments.places.size() > 2) throw Error(ErrorKind::usage, "expected [OUT] URI");
  if (arguments.places.size() == 2 && !arguments.name.empty())
    throw Error(ErrorKind::usage, "OUT and --name cannot be combined");
  PullOptions options{source_options(arguments.from, session)};
  if (arguments.places.size() == 2 && arguments.places.front().empty()) throw Error(ErrorKind::usage, "OUT is empty");
  options.target = arguments.places.size() == 2 ? arguments.places.front() : arguments.name;
  options.directory = arguments.directory;
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  options.verified = arguments.verify;
  if (!arguments.digest.empty()) options.digest = Digest::parse(arguments.digest, "--digest");
  return options;
}

int pull(const PullArguments& arguments, Session& session) {
  const auto& uri = arguments.places.back();
  WarningList warnings;
  const auto pulled = pull_image(uri, pull_options(arguments, session), warnings);
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
      ->expected(1, 2)
      ->type_name("[OUT] URI");
  verb->add_flag("-F,--force", a.force, "Replace an existing file");
  verb->add_option("--name", a.name, "Name of the file, in place of OUT")->type_name("NAME");
  verb->add_option("--dir", a.directory, "Directory of the file")->type_name("DIR");
  verb->add_flag("--verify", a.verify, "Verify the signatures of a SIF file before it gets its name");
  verb->add_option("--digest", a.digest, "Fail unless the file has this digest")->type_name("DIGEST");
  add_source_options(*verb, a.from);
  set_action(*verb, session, arguments, pull);
}

}  // namespace sifkit::cli

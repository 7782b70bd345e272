// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/trust/sign.h>

#include "commands.h"
#include "keys.h"
#include "numbers.h"

namespace sifkit::cli {

namespace {

struct SignArguments {
  std::vector<std::string> files;
  KeyArguments key;
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> objects;
  bool all = false;  ///< the default
};

int run_sign(const SignArguments& arguments, Session& session) {
  const auto keys = signing_keys(arguments.key, session);
  trust::SignOptions options;
  options.groups = arguments.groups;
  options.objects = arguments.objects;
  options.threads = available_threads();
  options.operation = session.operation();
  for (const auto& file : arguments.files) {
    trust::sign(file, keys, options);
    session.progress->done();
    if (!session.quiet && !session.json) session.logger->write_line(fmt::format("{}: signed", printable(file)));
  }
  if (session.json) session.print_json({{"schema", "sifkit/sign/v1"}, {"signed", arguments.files}});
  return 0;
}

}  // namespace

void add_sign_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "sign", "Sign SIF files");
  const auto arguments = std::make_shared<SignArguments>();
  auto& a = *arguments;
  verb->add_option("file", a.files, "SIF files")->required()->type_name("FILE");
  add_key_options(*verb, a.key);
  verb->add_option("-k,--keyidx", a.key.index, "Which key of a ring: its place, from 0")->transform(Whole<std::size_t>())->type_name("N");
  verb->add_option("-g,--group-id", a.groups, "Sign this group (may be given again)")->transform(Whole<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_option("-i,--sif-id", a.objects, "Sign this object (may be given again)")->transform(Whole<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  // Spellings of older releases of Apptainer and Singularity.
  verb->add_flag("-a,--all", a.all)->group("");
  verb->add_option("--groupid", a.groups)->transform(Whole<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->add_option("--id", a.objects)->transform(Whole<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return run_sign(*arguments, session); }; });
}

}  // namespace sifkit::cli

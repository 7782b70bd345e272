// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/records/signatures.h>
#include <sifkit/sif_file.h>
#include <sifkit/trust/sign.h>

#include "commands.h"
#include "each_of.h"
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
  bool replace = false;
};

std::string count_text(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// What keeps the image as a whole from being verified although it has just been signed.
void warn_of_rest(const std::string& file, const trust::SignReport& report, bool replace, Session& session) {
  for (const auto& old : report.stale) {
    session.logger->write(
        LogLevel::warning,
        fmt::format("{}: signature {} of group {} does not hold, so the image does not verify: {}{}", in_quotes(file),
                    old.id, old.group, printable(old.reason), replace ? "" : " (--replace drops old signatures)"));
  }
  for (const auto id : report.without_group) {
    session.logger->write(
        LogLevel::warning,
        fmt::format("{}: object {} is in no group, where nothing can sign it, so the image does not verify",
                    in_quotes(file), id));
  }
}

int run_sign(const SignArguments& arguments, Session& session) {
  const auto keys = signing_keys(arguments.key, session);
  trust::SignOptions options;
  options.groups = arguments.groups;
  options.objects = arguments.objects;
  options.replace = arguments.replace;
  options.threads = available_threads();
  options.operation = session.operation();
  Json images = Json::array();
  Json files = Json::array();
  const int code = for_each_of(arguments.files, session, [&](const std::string& file) {
    const auto report = with_sif_file(file, [&] { return trust::sign(file, keys, options); });
    session.progress->done();
    warn_of_rest(file, report, arguments.replace, session);
    images.push_back(records::sign_record(file, report));
    files.push_back(file);
    const auto dropped = report.replaced.empty()
                             ? ""
                             : fmt::format(", {} replaced", count_text(report.replaced.size(), "old signature"));
    if (!session.quiet && !session.json)
      session.logger->write_line(fmt::format("{}: signed{}", printable(file), dropped));
  });
  if (session.json) session.print_json({{"schema", "sifkit/sign/v1"}, {"signed", files}, {"images", images}});
  return code;
}

}  // namespace

void add_sign_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "sign", "Sign SIF files");
  const auto arguments = std::make_shared<SignArguments>();
  auto& a = *arguments;
  verb->add_option("file", a.files, "SIF files")->required()->type_name("FILE");
  add_key_options(*verb, a.key);
  verb->add_option("-k,--keyidx", a.key.index, "Index of the key in its ring, from 0")
      ->transform(Integer<std::size_t>())
      ->type_name("N")
      ->excludes(verb->get_option("--key-name"));
  verb->add_option("-g,--group-id", a.groups, "Sign this group (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_option("-i,--sif-id", a.objects, "Sign this object (may be given again)")->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false);
  verb->add_flag("--replace", a.replace,
                 "Drop old signatures of what is signed: those that do not hold any more, and those by the same keys");
  // Spellings of older releases of Apptainer and Singularity.
  verb->add_flag("-a,--all", a.all)->group("");
  verb->add_option("--groupid", a.groups)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->add_option("--id", a.objects)->transform(Integer<std::uint32_t>())->type_name("ID")->allow_extra_args(false)->group("");
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return run_sign(*arguments, session); }; });
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/inspect/stored_digests.h>
#include <sifkit/records/image.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct DigestArguments {
  std::string source;
  SourceArguments from;
  bool tree = false;
  bool without_runtime_files = false;
};

int digest(const DigestArguments& arguments, Session& session) {
  Json record{{"schema", "sifkit/digest/v1"}};
  if (!arguments.tree) {
    WarningList warnings;
    const auto digests = inspect::stored_digests(oci::Reference::parse(arguments.source), source_options(arguments.from, session), warnings);
    session.progress->done();
    for (const auto& [name, value] : digests) {
      record[name] = value ? Json(value->text()) : Json(nullptr);
      if (!session.json && value) session.io.out << fmt::format("{}: {}\n", name, value->text());
    }
    if (session.json) session.print_json(record);
    return 0;
  }
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  const auto tree = in_context([&] { return in_quotes(arguments.source); }, [&] {
    return inspect::tree_digest(source.files(), !arguments.without_runtime_files, session.operation());
  });
  session.progress->done();
  for (const auto& name : tree.left_out) {
    session.logger->write(LogLevel::warning,
                          fmt::format("attributes {} do not count: not every image can hold them", in_quotes(name)));
  }
  if (session.json) {
    record["tree"] = records::tree_record(tree, !arguments.without_runtime_files);
    session.print_json(record);
  } else {
    session.io.out << tree.digest.text() << '\n';
  }
  return 0;
}

}  // namespace

void add_digest_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "digest", "Print digests of an image or of what is in it");
  const auto arguments = std::make_shared<DigestArguments>();
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  auto* tree = verb->add_flag("--tree", arguments->tree,
                              "One digest of all files, their metadata and contents, the same however they are stored");
  verb->add_flag("--without-singularity", arguments->without_runtime_files,
                 "With --tree: without what building an image adds to its files")
      ->needs(tree);
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return digest(*arguments, session); }; });
}

}  // namespace sifkit::cli

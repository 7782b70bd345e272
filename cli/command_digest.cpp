// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/inspect/tree_digest.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>

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

Digest digest_of_source(Source& source, const OperationContext& operation) {
  Hasher hasher;
  Bytes room(1u << 20);
  while (const auto count = source.read(room)) {
    operation.check();
    hasher.update(ByteView(room).first(count));
    operation.progress->advance(count);
  }
  return hasher.finish();
}

using Digests = std::vector<std::pair<std::string, std::optional<Digest>>>;

/// What has a digest of its own as it is stored.
Digests stored_digests(const DigestArguments& arguments, const Session& session) {
  WarningList warnings;
  const auto operation = session.operation();
  const auto source = oci::open_source(oci::Reference::parse(arguments.source),
                                       source_options(arguments.from, session), warnings);
  const auto file = source->image_file();
  if (!file) {
    const auto image = source->open_image();
    return {{"manifest", image->manifest_digest()}, {"config", image->config_digest()}};
  }
  return in_context([&] { return in_quotes(file->name()); }, [&] {
    operation.progress->stage("reading", file->size());
    FileSource whole(file);
    Digests out{{"file", digest_of_source(whole, operation)}};
    if (sniff_file(*file).kind == FileKind::sif) {
      const sif::Image image(file);
      if (const auto* primary = image.primary_partition()) {
        const auto data = image.open_data(*primary);
        out.emplace_back("partition", digest_of_source(*data, operation));
      }
    }
    return out;
  });
}

int digest(const DigestArguments& arguments, Session& session) {
  Json record{{"schema", "sifkit/digest/v1"}};
  if (!arguments.tree) {
    const auto digests = stored_digests(arguments, session);
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
    record["tree"] = {{"definition", "sifkit-tree/v1"},
                      {"digest", tree.digest.text()},
                      {"names", tree.names},
                      {"bytes", tree.bytes},
                      {"with_runtime_files", !arguments.without_runtime_files}};
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

// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/oci/image.h>
#include <sifkit/oci/registry_tags.h>

#include "commands.h"
#include "records.h"
#include "source_options.h"
#include "table.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kShortId = 12;
constexpr std::size_t kLeastName = 12;  ///< columns of names and problems on a narrow terminal

Json record_of(const oci::ImageSummary& image) {
  return {{"index", image.index},
          {"tags", image.tags},
          {"platform", image.platform ? Json(image.platform->text()) : Json(nullptr)},
          {"manifest_digest", digest_or_null(image.manifest_digest)},
          {"config_digest", digest_or_null(image.config_digest)},
          {"created", image.created.empty() ? Json(nullptr) : Json(image.created)},
          {"layers", image.layers},
          {"compressed_bytes", image.compressed_bytes},
          {"complete", image.state == oci::ImageState::complete},
          {"state", oci::to_string(image.state)},
          {"problem", image.problem.empty() ? Json(nullptr) : Json(image.problem)}};
}

int list(const std::string& source, const SourceArguments& from, Session& session) {
  WarningList warnings;
  const auto images = oci::list_images(oci::Reference::parse(source), source_options(from, session), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  if (session.json) {
    Json list = Json::array();
    for (const auto& image : images) list.push_back(record_of(image));
    session.print_json({{"schema", "sifkit/images/v1"}, {"source", source}, {"images", list}});
    return 0;
  }
  const bool problems =
      std::any_of(images.begin(), images.end(), [](const auto& image) { return !image.problem.empty(); });
  std::vector<std::string> heads{"INDEX", "NAME", "PLATFORM", "ID", "LAYERS", "SIZE", "CREATED"};
  if (problems) heads.emplace_back("PROBLEM");
  Table table(std::move(heads));
  table.align_right(4);
  table.align_right(5);
  table.allow_cut(1, kLeastName, Keep::end);
  if (problems) table.allow_cut(7, kLeastName, Keep::start);
  const std::size_t time = session.io.out_is_terminal ? 10 : 19;  // there the day
  for (const auto& image : images) {
    std::string names;
    for (const auto& tag : image.tags) names += (names.empty() ? "" : " ") + printable(tag);
    const auto& id = image.config_digest ? image.config_digest : image.manifest_digest;
    std::vector<std::string> row{fmt::format("@{}", image.index),
                                 names.empty() ? "-" : names,
                                 image.platform ? printable(image.platform->text()) : "-",
                                 id ? id->hex().substr(0, kShortId) : "-",
                                 fmt::format("{}", image.layers),
                                 human_bytes(image.compressed_bytes),
                                 image.created.empty() ? "-" : printable(image.created.substr(0, time))};
    if (problems)
      row.push_back(image.problem.empty() ? "-" : fmt::format("{}: {}", oci::to_string(image.state), image.problem));
    table.add(std::move(row));
  }
  session.io.out << table.text(session.io);
  return 0;
}

int list_tags(const std::string& source, const SourceArguments& from, Session& session) {
  const auto found = oci::list_tags(oci::Reference::parse(source), source_options(from, session));
  session.progress->done();
  if (session.json) {
    session.print_json(
        {{"schema", "sifkit/tags/v1"}, {"source", source}, {"repository", found.repository}, {"tags", found.tags}});
    return 0;
  }
  for (const auto& tag : found.tags) session.io.out << printable(tag) << '\n';
  return 0;
}

}  // namespace

void add_images_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "images", "List the images that a source holds");
  struct Arguments {
    std::string source;
    SourceArguments from;
    bool tags = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("source", arguments->source,
                   "An archive, a layout, docker://NAME, docker-daemon:[NAME], podman:[NAME] or -")
      ->required()
      ->type_name("SRC");
  verb->add_flag("--tags", arguments->tags, "The tags of a repository of a registry (docker://HOST/NAME), a line each");
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] {
    session.action = [arguments, &session] {
      return arguments->tags ? list_tags(arguments->source, arguments->from, session)
                             : list(arguments->source, arguments->from, session);
    };
  });
}

}  // namespace sifkit::cli

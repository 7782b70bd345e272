// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <sifkit/sif/image_editor.h>

#include "numbers.h"
#include "sbom.h"
#include "sif_edit.h"
#include "sif_text.h"
#include "source_options.h"
#include "stream_sink.h"
#include "table.h"

namespace sifkit::cli {

namespace {

constexpr std::uint64_t kMaxDocument = 1u << 30;
constexpr const char* kObjectName = "sbom";

struct SbomArguments {
  std::string image;
  std::string file;
  SourceArguments from;
  std::string format;
  std::string output;
  std::string name;
  std::string id;
  bool force = false;
};

sbom::DocumentOptions document_options(const SbomArguments& a, const oci::Reference& reference) {
  return {sbom::parse_document_format(a.format.empty() ? "spdx" : a.format),
          a.name.empty() ? sbom::name_of(reference) : a.name, source_date_epoch()};
}

/// The SBOM of an opened image; databases that could not be read are warnings.
std::string make_document(OpenedFileSystem& image, const sbom::DocumentOptions& options, const Session& session) {
  WarningList warnings;
  const auto inventory = sbom::take_inventory(image, session.operation(), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  return sbom::document_text(inventory, options);
}

/// To standard output, or to a file that appears whole.
void put_out(std::string_view text, const SbomArguments& a, Session& session) {
  if (a.output.empty() || a.output == "-") {
    StreamSink(session.io).write(as_bytes(text));
    return;
  }
  AtomicFile file(a.output, a.force ? Overwrite::yes : Overwrite::no);
  file.file().write_at(0, as_bytes(text));
  file.commit();
}

int generate_sbom(const SbomArguments& a, Session& session) {
  const auto options = document_options(a, oci::Reference::parse(a.image));
  const OpenedSource source = open_files(a.image, a.from, session);
  put_out(make_document(*source.image, options, session), a, session);
  return 0;
}

sif::SbomFormat named_format(const std::string& asked) {
  for (int i = 1; i <= 8; ++i) {
    const auto format = static_cast<sif::SbomFormat>(i);
    if (asked == to_string(format) || asked + "-json" == to_string(format)) return format;
  }
  throw Error(
      ErrorKind::usage, fmt::format("--format {}: no format of an SBOM", in_quotes(asked)),
      "the formats are cyclonedx-json, cyclonedx-xml, github-json, spdx-json, spdx-rdf, spdx-tag-value, spdx-yaml and syft-json");
}

/// The format that a document's own text tells.
std::optional<sif::SbomFormat> told_format(std::string_view text) {
  const auto start = text.substr(0, std::min<std::size_t>(text.size(), 4096));
  const auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  const auto first = start.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && start[first] == '{') {
    if (has("\"CycloneDX\"")) return sif::SbomFormat::cyclonedx_json;
    if (has("\"spdxVersion\"")) return sif::SbomFormat::spdx_json;
    if (has("\"artifacts\"") && has("\"artifactRelationships\"")) return sif::SbomFormat::syft_json;
    return std::nullopt;
  }
  if (start.find("http://cyclonedx.org/schema/bom") != std::string_view::npos) return sif::SbomFormat::cyclonedx_xml;
  if (start.find("http://spdx.org/rdf/terms") != std::string_view::npos) return sif::SbomFormat::spdx_rdf;
  if (start.starts_with("SPDXVersion:")) return sif::SbomFormat::spdx_tag_value;
  return std::nullopt;
}

/// Whether a text that tells no format may be of one nevertheless. GitHub's has no mark of its own, and SPDX's others may
/// begin with anything.
bool may_be(std::string_view text, sif::SbomFormat format) {
  const auto has = [&](std::string_view word) { return text.find(word) != std::string_view::npos; };
  switch (format) {
    case sif::SbomFormat::github_json:
      return trimmed(text, " \t\r\n").starts_with('{') && has("\"manifests\"");
    case sif::SbomFormat::spdx_rdf:
      return has("spdx.org/rdf");
    case sif::SbomFormat::spdx_tag_value:
      return has("SPDXVersion:");
    case sif::SbomFormat::spdx_yaml:
      return has("spdxVersion");
    default:
      return false;
  }
}

/// Of a document that is to be stored: it has to be of the format that is asked for.
sif::SbomFormat format_of(std::string_view text, const std::string& asked) {
  const auto told = told_format(text);
  if (asked.empty()) {
    if (told) return *told;
    throw Error(ErrorKind::malformed, "the text tells no format of an SBOM");
  }
  const auto format = named_format(asked);
  if (told ? *told == format : may_be(text, format)) return format;
  throw Error(ErrorKind::malformed,
              fmt::format("expected an SBOM of the format {}, found {}", to_string(format),
                          told ? fmt::format("one of the format {}", to_string(*told)) : "a text of no known format"));
}

std::string read_document(const std::string& path, const Session& session) {
  return std::string(as_text(read_all(*open_input(path, session), kMaxDocument, path == "-" ? "standard input" : in_quotes(path))));
}

sif::ObjectSpec spec_of(const sif::Image& image, sif::SbomFormat format) {
  const auto* partition = image.primary_partition();
  return {.type = sif::DataType::sbom,
          .group = partition == nullptr ? 1 : std::max(partition->group(), 1u),
          .name = kObjectName,
          .extra = encode_extra(format)};
}

/// An SBOM of the very file that is edited: its path is no source expression, whatever it begins with.
std::string document_of_file(const SbomArguments& a, sif::SbomFormat& format, Session& session) {
  const oci::Reference reference{oci::Transport::sif, a.image, {}, a.image};
  const auto options = document_options(a, reference);
  WarningList warnings;
  const auto image = open_file_system(reference, source_options(a.from, session), warnings);
  session.show_warnings(warnings);
  format = sbom::sif_format(options.format);
  return make_document(*image, options, session);
}

int add_sbom(const SbomArguments& a, Session& session) {
  std::string text;
  sif::SbomFormat format{};
  if (a.file.empty()) {
    text = document_of_file(a, format, session);
  } else {
    text = read_document(a.file, session);
    format = in_file(a.file, [&] { return format_of(text, a.format); });
  }
  edit_sif(a.image, session, [&](sif::ImageEditor& editor) {
    const auto same = [&](const sif::Descriptor& object) {
      return object.type == sif::DataType::sbom && object.sbom() == format;
    };
    const auto objects = editor.image().objects();
    if (std::any_of(objects.begin(), objects.end(), [&](const auto* object) { return same(*object); })) {
      if (!a.force) {
        throw Error(ErrorKind::exists, fmt::format("the image has an SBOM of the format {} already", to_string(format)),
                    Hint(Advice::overwrite));
      }
      editor.remove_if(same);
    }
    MemorySource data(as_bytes(text));
    const auto& object = editor.add(spec_of(editor.image(), format), data);
    editor.commit();
    if (session.json)
      session.print_json({{"schema", "sifkit/sbom-add/v1"}, {"file", a.image}, {"object", object_record(object)}});
  });
  return 0;
}

int list_sboms(const SbomArguments& a, Session& session) {
  const auto image = sifkit::open_sif(a.image);
  warn_of_problems(session, a.image, image.problems());
  const auto objects = image.objects_of(sif::DataType::sbom);
  if (session.json) {
    Json records = Json::array();
    for (const auto* object : objects) records.push_back(object_record(*object));
    session.print_json({{"schema", "sifkit/sbom-list/v1"}, {"file", a.image}, {"objects", records}});
    return 0;
  }
  Table table({"ID", "GROUP", "FORMAT", "SIZE", "NAME"});
  table.align_right(3);
  for (const auto* object : objects) {
    const auto format = object->sbom();
    table.add({fmt::format("{}", object->id), object->group() == 0 ? "-" : fmt::format("{}", object->group()),
               std::string(format ? to_string(*format) : "unknown"), fmt::format("{}", object->size),
               printable(object->name())});
  }
  if (!objects.empty() || !session.quiet) session.io.out << table.text(session.io);
  return 0;
}

const sif::Descriptor& chosen(const sif::Image& image, const SbomArguments& a) {
  if (!a.id.empty()) {
    const auto& object = image.object(parse_object_id(a.id));
    if (object.type != sif::DataType::sbom) {
      throw Error(ErrorKind::usage,
                  fmt::format("object {} is no SBOM but of the type '{}'", object.id, to_string(object.type)),
                  Hint(Advice::list_objects));
    }
    return object;
  }
  auto objects = image.objects_of(sif::DataType::sbom);
  if (!a.format.empty()) {
    const auto format = named_format(a.format);
    std::erase_if(objects, [&](const auto* object) { return object->sbom() != format; });
  }
  if (objects.empty()) {
    throw Error(ErrorKind::not_found,
                a.format.empty() ? "the image has no SBOM"
                                 : fmt::format("the image has no SBOM of the format {}", in_quotes(a.format)),
                "'sifkit sbom gen' makes one of what is in the image");
  }
  if (objects.size() > 1)
    throw Error(ErrorKind::usage, fmt::format("the image has {} SBOMs", objects.size()),
                "choose one with --format or --id; 'sifkit sbom list' shows them");
  return *objects[0];
}

int get_sbom(const SbomArguments& a, Session& session) {
  const auto text = in_file(a.image, [&] {
    const auto image = sifkit::open_sif(a.image);
    return image.read_data(chosen(image, a), kMaxDocument);
  });
  put_out(as_text(text), a, session);
  return 0;
}

}  // namespace

std::optional<std::int64_t> source_date_epoch() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (text == nullptr || *text == '\0') return std::nullopt;
  const auto value = whole_number<std::int64_t>(text);
  if (!value || *value < 0)
    throw Error(ErrorKind::usage, fmt::format("SOURCE_DATE_EPOCH {}: expected seconds since 1970", in_quotes(text)));
  return value;
}

void add_sbom_in_place(File& file, const sbom::DocumentOptions& options, const Session& session) {
  WarningList warnings;
  const auto image = open_file_system(std::make_shared<const File>(file.renamed(file.name())), Limits(), warnings);
  const auto text = make_document(*image, options, session);
  sif::ImageEditor editor(file, {.operation = session.operation()});
  MemorySource data(as_bytes(text));
  editor.add(spec_of(editor.image(), sbom::sif_format(options.format)), data);
  editor.commit();
}

void add_sbom_command(CLI::App& root, Session& session) {
  CLI::App* family = root.add_subcommand("sbom", "Make, add and read software bills of materials");
  family->require_subcommand(0, 1);
  family->set_help_flag("-h,--help", "Print this help");
  const auto add = [&](const char* name, const char* description, int (*run)(const SbomArguments&, Session&)) {
    CLI::App* verb = add_verb(*family, session, name, description);
    const auto arguments = std::make_shared<SbomArguments>();
    verb->callback([arguments, run, &session] {
      session.action = [arguments, run, &session] { return run(*arguments, session); };
    });
    return std::pair(verb, arguments);
  };
  const auto add_output = [](CLI::App& verb, SbomArguments& a) {
    verb.add_option("-o,--output", a.output, "The file to write; - for standard output, which is the default")
        ->type_name("FILE");
    verb.add_flag("-F,--force", a.force, "Replace an existing file");
    only_errors_are_records(verb);
  };
  const auto [gen, g] = add("gen", "List the packages in an image as SPDX 2.3 or CycloneDX 1.5", generate_sbom);
  gen->add_option("source", g->image, kSourceDescription)->required()->type_name("SRC");
  gen->add_option("--format", g->format, "spdx (default) or cyclonedx; both are JSON")->type_name("FORMAT");
  gen->add_option("--name", g->name, "What the document calls the image (default: the name of its file)")
      ->type_name("NAME");
  add_output(*gen, *g);
  add_source_options(*gen, g->from);

  const auto [put, p] = add("add", "Put an SBOM into a SIF file", add_sbom);
  put->add_option("image", p->image, "The SIF file")->required()->type_name("IMG");
  put->add_option("file", p->file, "The SBOM; - for standard input (default: one is made of what is in the image)")
      ->type_name("FILE");
  put->add_option("--format", p->format, "The SBOM's format (default: told by its text, or spdx)")->type_name("FORMAT");
  put->add_option("--name", p->name, "What an SBOM that is made calls the image (default: the name of its file)")
      ->type_name("NAME");
  put->add_flag("-F,--force", p->force, "Replace an SBOM of that format");

  const auto [list, l] = add("list", "List the SBOMs in a SIF file", list_sboms);
  list->add_option("image", l->image, "The SIF file")->required()->type_name("IMG");

  const auto [get, t] = add("get", "Write an SBOM of a SIF file", get_sbom);
  get->add_option("image", t->image, "The SIF file")->required()->type_name("IMG");
  get->add_option("--id", t->id, "The object's id, where there are several")->type_name("ID");
  get->add_option("--format", t->format, "The SBOM's format, where there are several")->type_name("FORMAT");
  add_output(*get, *t);
  add_help_command(*family, session);
}

}  // namespace sifkit::cli

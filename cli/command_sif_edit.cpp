// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/sif/image_editor.h>

#include "commands.h"
#include "numbers.h"
#include "sif_edit.h"
#include "sif_text.h"

namespace sifkit::cli {

namespace {

struct NewArguments {
  std::string file;
  bool force = false;
  bool deterministic = false;
};

struct AddArguments {
  std::string file;
  std::string object;
  int data_type = 0;
  std::int32_t part_type = 0;
  std::int32_t part_fs = 0;
  std::int32_t part_arch = 0;
  std::int32_t sign_hash = 0;
  std::string sign_entity;
  std::string sbom_format;
  std::uint32_t group = 0;
  std::optional<std::uint32_t> link;
  std::optional<std::int64_t> alignment;
  std::string name;
};

struct DelArguments {
  std::string id;
  std::string file;
  bool zero = false;
  bool compact = false;
};

struct SetArguments {
  std::string id;
  std::string file;
  std::optional<std::string> name;
  std::optional<std::string> architecture;
  std::optional<std::string> metadata;
  std::optional<std::string> digest;
};

struct CompactArguments {
  std::string file;
};

Error usage(std::string message) { return {ErrorKind::usage, std::move(message)}; }

sif::Partition partition_of(const AddArguments& a) {
  if (a.part_type == 0 || a.part_fs == 0 || a.part_arch == 0) throw usage("with partition datatype, --partfs, --parttype and --partarch must be passed");
  const auto architecture = a.part_arch > 0 ? sif::architecture_name(fmt::format("{:02}", a.part_arch)) : "unknown";
  if (architecture == "unknown") throw usage("unknown architecture: unknown");
  return {static_cast<sif::FsType>(a.part_fs), static_cast<sif::PartitionType>(a.part_type), std::string(architecture)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw usage(fmt::format("failed to decode signing entity fingerprint: {} is no hexadecimal digit", in_quotes(std::string_view(&c, 1))));
}

sif::SignatureInfo signature_of(const AddArguments& a) {
  sif::SignatureInfo info;
  const auto& hex = a.sign_entity;
  for (const char c : hex) hex_digit(c);
  if (hex.size() % 2 != 0) throw usage("failed to decode signing entity fingerprint: odd length");
  if (a.sign_hash < 1 || a.sign_hash > 5) throw usage(fmt::format("invalid hash type: {}", a.sign_hash));
  if (hex.size() != 2 * info.fingerprint.size()) throw usage(fmt::format("invalid signing entity fingerprint length: got {}, want {}", hex.size() / 2, info.fingerprint.size()));
  info.hash = static_cast<sif::HashType>(a.sign_hash);
  for (std::size_t i = 0; i < info.fingerprint.size(); ++i) info.fingerprint[i] = static_cast<std::byte>(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
  return info;
}

sif::SbomFormat sbom_of(const AddArguments& a) {
  if (a.sbom_format.empty()) throw usage("with SBOM datatype, --sbomformat must be passed");
  if (a.sbom_format == "github") return sif::SbomFormat::github_json;
  for (int i = 1; i <= 8; ++i) {
    if (const auto format = static_cast<sif::SbomFormat>(i); a.sbom_format == to_string(format)) return format;
  }
  throw usage(fmt::format("invalid SBOM format: {}", printable(a.sbom_format)));
}

sif::ObjectSpec spec_of(const AddArguments& a) {
  sif::ObjectSpec spec;
  spec.type = static_cast<sif::DataType>(static_cast<int>(sif::DataType::deffile) - 1 + a.data_type);
  spec.group = a.group;
  if (a.link && *a.link == 0) throw usage("invalid object ID");
  spec.link = a.link.value_or(0);
  spec.name = a.name;
  if (spec.type == sif::DataType::partition) spec.extra = encode_extra(partition_of(a));
  if (spec.type == sif::DataType::signature) spec.extra = encode_extra(signature_of(a));
  if (spec.type == sif::DataType::sbom) spec.extra = encode_extra(sbom_of(a));
  return spec;
}

int run_new(const NewArguments& a, Session& session) {
  sif::NewImage image;
  if (!a.deterministic) {
    image.uuid = sif::random_uuid();
    image.time = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  sif::create_image(a.file, image, a.force ? Overwrite::yes : Overwrite::no);
  if (session.json) {
    Json record = header_record(sif::Image::open(a.file));
    record["schema"] = "sifkit/sif-new/v1";
    record["file"] = a.file;
    session.print_json(record);
  }
  return 0;
}

/// It would grow as long as it is read.
void refuse_image_itself(const AddArguments& a, const Session& session) {
  struct stat image {};
  struct stat object {};
  const bool from_stdin = a.object == "-";
  const int failed = from_stdin ? ::fstat(session.io.in, &object) : ::stat(a.object.c_str(), &object);
  if (failed != 0 || ::stat(a.file.c_str(), &image) != 0 || !is_same_file(image, object)) return;
  throw Error(ErrorKind::usage,
              fmt::format("{} is the image {} itself", from_stdin ? "standard input" : in_quotes(a.object),
                          in_quotes(a.file)),
              "to put an image into itself, add a copy of it");
}

/// What siftool takes without a word, and no reader knows what to do with.
void warn_of_unknown(const sif::Descriptor& object, const std::vector<sif::Descriptor>& slots, const Session& session) {
  const auto warn = [&](std::string_view what) {
    session.logger->write(LogLevel::warning, fmt::format("object {}: {}", object.id, what));
  };
  if (const auto partition = object.partition()) {
    if (sif::to_string(partition->fs) == "Unknown")
      warn(fmt::format("no file system has the number {}", static_cast<int>(partition->fs)));
    if (sif::to_string(partition->type) == "Unknown")
      warn(fmt::format("no type of partitions has the number {}", static_cast<int>(partition->type)));
  }
  const auto is_target = [&](const sif::Descriptor& slot) { return slot.used && slot.id == object.link(); };
  if (object.link() != 0 && std::none_of(slots.begin(), slots.end(), is_target))
    warn(fmt::format("it links to object {}, which is not there", object.link()));
}

int run_add(const AddArguments& a, Session& session) {
  if (a.data_type < 1 || a.data_type > 11) throw Error(ErrorKind::usage, "-datatype flag is required with a valid range", "'sifkit sif add --help' lists the types");
  refuse_image_itself(a, session);
  const auto input = open_input(a.object, session);
  const auto spec = spec_of(a);
  sif::Placement placement;
  if (a.alignment) placement.alignment = static_cast<std::uint64_t>(std::max<std::int64_t>(*a.alignment, 0));
  edit_sif(a.file, session, [&](sif::ImageEditor& editor) {
    const auto& object = editor.add(spec, *input, placement);
    editor.commit();
    if (object.group() == 0 && object.type != sif::DataType::signature) {
      const bool is_signed = !editor.image().objects_of(sif::DataType::signature).empty();
      session.logger->write(
          LogLevel::warning,
          fmt::format("object {} is in no group, where nothing can sign it, so the image {} (see --groupid)", object.id,
                      is_signed ? "does not verify any more" : "will not verify, whoever signs it"));
    }
    warn_of_unknown(object, editor.slots(), session);
    if (session.json) session.print_json({{"schema", "sifkit/sif-add/v1"}, {"file", a.file}, {"object", object_record(object)}});
  });
  return 0;
}

int run_del(const DelArguments& a, Session& session) {
  const auto id = parse_object_id(a.id);
  edit_sif(a.file, session, [&](sif::ImageEditor& editor) {
    const sif::Descriptor object = editor.object(id);
    editor.remove(id, a.zero ? sif::Erase::yes : sif::Erase::no);
    if (a.compact) editor.compact(sif::Compaction::tail);
    editor.commit();
    if (session.json) session.print_json({{"schema", "sifkit/sif-del/v1"}, {"file", a.file}, {"object", object_record(object)}});
  });
  return 0;
}

int run_setprim(const DelArguments& a, Session& session) {
  const auto id = parse_object_id(a.id);
  edit_sif(a.file, session, [&](sif::ImageEditor& editor) {
    editor.set_primary(id);
    editor.commit();
    if (session.json) session.print_json({{"schema", "sifkit/sif-setprim/v1"}, {"file", a.file}, {"object", object_record(editor.object(id))}});
  });
  return 0;
}

std::array<std::byte, sif::kExtraSize> read_metadata(const std::string& path, const Session& session) {
  std::array<std::byte, sif::kExtraSize> extra{};
  const auto input = open_input(path, session);
  const auto bytes = read_all(*input, extra.size(), "the metadata in " + (path == "-" ? "standard input" : in_quotes(path)));
  std::copy(bytes.begin(), bytes.end(), extra.begin());
  return extra;
}

Digest digest_from(const std::string& text) {
  try {
    return Digest::parse(text);
  } catch (const Error& error) {
    throw usage(error.message());
  }
}

int run_set(const SetArguments& a, Session& session) {
  const auto id = parse_object_id(a.id);
  if (!a.name && !a.architecture && !a.metadata && !a.digest) throw usage("nothing to set: give --name, --arch, --metadata or --digest");
  std::optional<Digest> digest;
  if (a.digest) digest = digest_from(*a.digest);
  std::optional<std::array<std::byte, sif::kExtraSize>> extra;
  if (a.metadata) extra = read_metadata(*a.metadata, session);
  edit_sif(a.file, session, [&](sif::ImageEditor& editor) {
    if (a.name) editor.set_name(id, *a.name);
    if (extra) editor.set_extra(id, *extra);
    if (a.architecture) editor.set_architecture(id, *a.architecture);
    if (digest) editor.set_oci_digest(id, *digest);
    editor.commit();
    if (session.json) session.print_json({{"schema", "sifkit/sif-set/v1"}, {"file", a.file}, {"object", object_record(editor.object(id))}});
  });
  return 0;
}

int run_compact(const CompactArguments& a, Session& session) {
  std::uint64_t before = 0;
  struct stat old {};
  edit_sif(a.file, session, [&](sif::ImageEditor& editor) {
    before = editor.image().file_size();
    if (::fstat(editor.image().file()->fd(), &old) != 0) throw_errno("look at the file");
    editor.compact(sif::Compaction::all);
    editor.commit();
  });
  warn_of_other_names(a.file, old, session);
  const auto after = sif::Image::open(a.file).file_size();
  if (session.json) session.print_json({{"schema", "sifkit/sif-compact/v1"}, {"file", a.file}, {"size_before", before}, {"size", after}});
  return 0;
}

template <class Arguments>
std::shared_ptr<Arguments> on_parsed(CLI::App& verb, Session& session, int (*run)(const Arguments&, Session&)) {
  const auto arguments = std::make_shared<Arguments>();
  verb.callback([arguments, run, &session] { session.action = [arguments, run, &session] { return run(*arguments, session); }; });
  return arguments;
}

}  // namespace

void add_sif_edit_verbs(CLI::App& family, Session& session) {
  CLI::App* create = add_verb(family, session, "new", "Make a SIF file without data objects");
  const auto n = on_parsed(*create, session, run_new);
  create->add_option("file", n->file, "The SIF file")->required()->type_name("FILE");
  create->add_flag("-F,--force", n->force, "Replace an existing file");
  create->add_flag("--deterministic", n->deterministic, "No UUID and no times: the same bytes every time");

  CLI::App* add = add_verb(family, session, "add", "Add a data object");
  const auto a = on_parsed(*add, session, run_add);
  add->add_option("file", a->file, "The SIF file")->required()->type_name("FILE");
  add->add_option("object", a->object, "File with the object's data; - for standard input")->required()->type_name("OBJECT");
  keep_short_debug_free(*add, session);  // siftool's spelling -datatype is told from '-d'
  add->add_option("--datatype", a->data_type, "1 definition, 2 environment, 3 labels, 4 partition, 5 signature, 6 JSON, 7 generic, 8 cryptographic message, 9 SBOM, 10 OCI root index, 11 OCI blob")->transform(Integer<int>())->type_name("TYPE");
  add->add_option("--parttype", a->part_type, "Partition: 1 system, 2 primary system, 3 data, 4 overlay")->transform(Integer<std::int32_t>())->type_name("TYPE");
  add->add_option("--partfs", a->part_fs, "Partition: 1 squashfs, 2 ext3, 3 archive, 4 raw, 5 encrypted squashfs")->transform(Integer<std::int32_t>())->type_name("FS");
  add->add_option("--partarch", a->part_arch, "Partition: 1 386, 2 amd64, 3 arm, 4 arm64, 5 ppc64, 6 ppc64le, 7 mips, 8 mipsle, 9 mips64, 10 mips64le, 11 s390x, 12 riscv64, 13 loong64")->transform(Integer<std::int32_t>())->type_name("ARCH");
  add->add_option("--signhash", a->sign_hash, "Signature: 1 SHA-256, 2 SHA-384, 3 SHA-512, 4 BLAKE2s, 5 BLAKE2b")->transform(Integer<std::int32_t>())->type_name("HASH");
  add->add_option("--signentity", a->sign_entity, "Signature: fingerprint of the key, 40 hexadecimal digits")->type_name("HEX");
  add->add_option("--sbomformat", a->sbom_format, "SBOM: cyclonedx-json, cyclonedx-xml, github-json, spdx-json, spdx-rdf, spdx-tag-value, spdx-yaml or syft-json")->type_name("FORMAT");
  add->add_option("--groupid", a->group, "The group that the object joins (default: none; only groups can be signed)")->transform(Integer<std::uint32_t>())->type_name("ID");
  add->add_option("--link", a->link, "The object that it belongs to")->transform(Integer<std::uint32_t>())->type_name("ID");
  add->add_option("--alignment", a->alignment, "Alignment of the offset (default: 4096 for partitions)")->transform(Integer<std::int64_t>())->type_name("BYTES");
  add->add_option("--filename", a->name, "The object's name (default: none)")->type_name("NAME");

  CLI::App* del = add_verb(family, session, "del", "Delete a data object");
  const auto d = on_parsed(*del, session, run_del);
  del->add_option("id", d->id, "The object's id")->required()->type_name("ID");
  del->add_option("file", d->file, "The SIF file")->required()->type_name("FILE");
  del->add_flag("--zero", d->zero, "Overwrite its data with zeros");
  del->add_flag("--compact", d->compact, "Truncate the file after the last remaining object");

  CLI::App* setprim = add_verb(family, session, "setprim", "Make a system partition the primary one");
  const auto p = on_parsed(*setprim, session, run_setprim);
  setprim->add_option("id", p->id, "The partition's id")->required()->type_name("ID");
  setprim->add_option("file", p->file, "The SIF file")->required()->type_name("FILE");

  CLI::App* set = add_verb(family, session, "set", "Change fields of a descriptor");
  const auto s = on_parsed(*set, session, run_set);
  set->add_option("id", s->id, "The object's id")->required()->type_name("ID");
  set->add_option("file", s->file, "The SIF file")->required()->type_name("FILE");
  keep_short_debug_free(*set, session);
  set->add_option("--name", s->name, "The object's name")->type_name("NAME");
  set->add_option("--arch", s->architecture, "A partition's architecture, for example arm64")->type_name("ARCH");
  set->add_option("--metadata", s->metadata, "File with the type-specific field, at most 384 bytes; - for standard input")->type_name("FILE");
  set->add_option("--digest", s->digest, "An OCI object's digest, sha256:…")->type_name("DIGEST");

  CLI::App* compact = add_verb(family, session, "compact", "Close the gaps between data objects; signatures stay valid");
  const auto c = on_parsed(*compact, session, run_compact);
  compact->add_option("file", c->file, "The SIF file")->required()->type_name("FILE");
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/core/option_values.h>
#include <sifkit/oci/source.h>
#include <sifkit/records/image.h>

#include "commands.h"
#include "copy.h"
#include "keys.h"
#include "name_values.h"
#include "numbers.h"
#include "one_of.h"
#include "sbom.h"
#include "side_output.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct BuildArguments {
  std::string output;
  std::string source;
  bool force = false;
  std::string base;
  bool no_base = false;
  bool sandbox = false;
  std::string format;
  SourceArguments from;
  unsigned threads = 0;
  std::string compress = "gzip";
  std::string block_size;
  bool fast = false;
  bool best = false;
  bool all_root = false;
  std::string xattrs = "portable";
  std::vector<std::string> excludes;
  std::vector<std::string> labels;
  std::vector<std::string> env;
  bool reproducible = true;
  bool verify_after = false;
  bool dry_run = false;
  bool clamp_names = false;
  std::string digest_file;
  std::string stats_file;
  std::string sbom;
  KeyArguments key;
  bool sign = false;
};

std::uint32_t parse_size(std::string_view text, std::string_view flag) {
  const auto value = scaled_number(text);
  if (!value || *value > 0xffffffffu) throw Error(ErrorKind::usage, fmt::format("{} {}: expected a number of bytes, with K or M behind it for larger units", flag, in_quotes(text)));
  return static_cast<std::uint32_t>(*value);
}

/// Whether a format is one that copies know, of the manifest.
bool is_of_manifest(std::string_view format) { return format == "oci" || format == "docker"; }

OutputFormat format_of(const BuildArguments& arguments) {
  if (arguments.sandbox) {
    if (!arguments.format.empty()) throw Error(ErrorKind::usage, "--sandbox and --format cannot be combined");
    return OutputFormat::sandbox;
  }
  if (arguments.format.empty() || arguments.format == "sif") return OutputFormat::sif;
  if (arguments.format == "squashfs") return OutputFormat::squashfs;
  if (arguments.format == "sandbox") return OutputFormat::sandbox;
  throw Error(ErrorKind::usage, fmt::format("--format {}: expected sif, squashfs or sandbox", in_quotes(arguments.format)),
              is_of_manifest(arguments.format) ? "that is for manifests, which a copy writes into a layout or a registry" : "");
}

ConvertOptions convert_options(const BuildArguments& arguments, const Session& session) {
  ConvertOptions options{source_options(arguments.from, session)};
  options.format = format_of(arguments);
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  options.threads = arguments.threads;
  if (arguments.best && (arguments.fast || arguments.compress != BuildArguments().compress)) {
    throw Error(ErrorKind::usage, "--best means the smallest gzip; it cannot be combined with --fast or --compress");
  }
  layers::parse_compression(arguments.best ? "gzip:12" : arguments.compress, options.squashfs);
  if (arguments.fast && options.squashfs.codec != layers::SquashfsCodec::gzip) {
    throw Error(ErrorKind::usage, "--fast is for gzip only; choose a level instead, for example zstd:1");
  }
  options.squashfs.fast = arguments.fast;
  if (!arguments.block_size.empty()) options.squashfs.block_size = parse_size(arguments.block_size, "--block-size");
  options.all_root = arguments.all_root;
  options.layers.xattrs = arguments.xattrs == "user"   ? layers::XattrPolicy::user_only
                          : arguments.xattrs == "none" ? layers::XattrPolicy::none
                                                       : layers::XattrPolicy::keep;
  options.keep_capabilities = arguments.xattrs == "keep";
  options.layers.clamp_climbing_names = arguments.clamp_names;
  options.excludes = arguments.excludes;
  options.labels = name_values(arguments.labels, "--label");
  options.env = name_values(arguments.env, "--env");
  options.reproducible = arguments.reproducible;
  options.source_date_epoch = source_date_epoch();
  options.base = arguments.base;
  options.use_base = !arguments.no_base;
  if (!arguments.base.empty() && options.format == OutputFormat::sandbox) {
    throw Error(ErrorKind::usage, "--base is for images, not for directories");
  }
  options.verify_after = arguments.verify_after;
  options.dry_run = arguments.dry_run;
  // Nobody is told of it otherwise.
  options.digests_output =
      !session.quiet || session.json || !arguments.stats_file.empty() || !arguments.digest_file.empty();
  const auto is_sif = options.format == OutputFormat::sif;
  if (!arguments.sbom.empty()) {
    if (!is_sif) throw Error(ErrorKind::usage, "only SIF files hold an SBOM", "'sifkit sbom gen' makes one of any image");
    // After the source: the bytes of an image must not depend on what its file is called.
    const sbom::DocumentOptions document{sbom::parse_document_format(arguments.sbom),
                                         sbom::name_of(oci::Reference::parse(arguments.source)), options.source_date_epoch};
    options.before_commit = [document, &session](File& file) { add_sbom_in_place(file, document, session); };
    options.makes_sbom = true;
  }
  if (is_to_sign(arguments.sign, arguments.key)) {
    if (!is_sif) throw Error(ErrorKind::usage, "only SIF files are signed");
    options.signs = true;
    // Read now: a key that is not there must not cost a conversion.
    options.before_commit = [before = options.before_commit, keys = signing_keys(arguments.key, session),
                             operation = options.operation](File& file) {
      if (before) before(file);
      trust::SignOptions signing;
      signing.operation = operation;
      trust::sign_in_place(file, keys, signing);
    };
  }
  return options;
}

void refuse_figures_elsewhere(const BuildArguments& arguments, const oci::Reference& source) {
  for (const auto& [option, name] : {std::pair<std::string, std::string>{"--stats", arguments.stats_file}, {"--digestfile", arguments.digest_file}}) {
    refuse_source(option, name, source);
    refuse_name(option, name, arguments.output, "the output itself");
  }
  refuse_name("--stats", arguments.stats_file, arguments.digest_file, "the file of --digestfile, too");
}

/// Archives, layouts, registries and daemons are outputs, too; but where the other word names nothing that is there, one that is, or a SIF file,
/// the two are meant the other way round.
std::optional<oci::Target> target_of(const BuildArguments& arguments) {
  const auto target = oci::Target::parse(arguments.output);
  std::error_code error;
  if (!target || arguments.source == "-" || oci::names_source(arguments.source)) return target;
  if (std::filesystem::exists(arguments.source, error)) return target;
  const bool exchanged = arguments.source.ends_with(".sif") || oci::is_service(target->transport) ||
                         std::filesystem::exists(target->path, error);
  return exchanged ? std::nullopt : target;
}

/// Other tools name the source first.
void refuse_source_as_output(const BuildArguments& arguments) {
  if (!oci::names_source(arguments.output)) return;
  const auto message = fmt::format("the output {} is a source", in_quotes(arguments.output));
  if (oci::names_source(arguments.source)) throw Error(ErrorKind::usage, message, fmt::format("OUT is a path; './{}' is a file of that name", printable(arguments.output)));
  throw Error(ErrorKind::usage, message, fmt::format("OUT comes before SRC: sifkit build {} {}", printable(arguments.source), printable(arguments.output)));
}

/// Whether the two paths were meant the other way round: the output is there, and the source is not, or has the name of what
/// is to be made.
bool are_exchanged(const BuildArguments& arguments, const oci::Reference& source) {
  std::error_code error;
  if (source.transport != oci::Transport::automatic || !std::filesystem::exists(arguments.output, error)) return false;
  return !std::filesystem::exists(source.location, error) || (source.location.ends_with(".sif") && !arguments.output.ends_with(".sif"));
}

/// What --force would replace by an image of what was to be its output.
void refuse_exchanged(const BuildArguments& arguments, const oci::Reference& source, const Limits& limits) {
  if (!arguments.force || !are_exchanged(arguments, source) || !std::filesystem::is_regular_file(arguments.output)) return;
  try {
    const auto kind = oci::identify(arguments.output, limits).transport();
    if (kind != oci::Transport::docker_archive && kind != oci::Transport::oci_archive) return;
  } catch (const Error&) {
    return;  // what is damaged is no archive of images
  }
  throw Error(ErrorKind::usage, fmt::format("the output {} is an archive of images", in_quotes(arguments.output)),
              fmt::format("OUT comes before SRC: sifkit build {} {}; sif:{} is the source all the same",
                          printable(arguments.source), printable(arguments.output), printable(arguments.source)));
}

std::string count(std::uint64_t number, std::string_view one, std::string_view many) { return fmt::format("{} {}", number, number == 1 ? one : many); }

/// What `--verbose` adds: the image, and how it came about.
void write_details(const ConvertReport& report, Session& session) {
  std::string digests;
  if (report.config_digest) digests += fmt::format(", configuration {}", report.config_digest->text());
  if (report.manifest_digest) digests += fmt::format(", manifest {}", report.manifest_digest->text());
  session.logger->write_line(fmt::format("image: {}{}", printable(report.architecture), digests));
  session.logger->write_line(fmt::format("read: {} with {}, {} stored, {} uncompressed", count(report.layers - report.base_layers, "layer", "layers"), count(report.entries, "entry", "entries"),
                                         human_bytes(report.compressed_bytes), human_bytes(report.uncompressed_bytes)));
  if (report.base_layers != 0) session.logger->write_line(fmt::format("not read: {} that the old image holds", count(report.base_layers, "layer", "layers")));
  session.logger->write_line(fmt::format("packed: {}, {} of them more than once, {} taken from the old image; {} hidden by newer layers; {} read again; {}", human_bytes(report.file_bytes),
                                         human_bytes(report.duplicate_bytes), human_bytes(report.reused_bytes), count(report.hidden_files, "file", "files"), count(report.layers_read_again, "layer", "layers"),
                                         count(report.threads, "thread", "threads")));
  if (!report.uuid.empty()) session.logger->write_line(fmt::format("UUID: {}", report.uuid));
}

/// What a build would change is nothing that a copy does.
void refuse_changes(const CLI::App& verb, const std::string& output, const std::string& format) {
  for (const CLI::Option* option : verb.get_options()) {
    const auto& group = option->get_group();
    if (option->get_name() == "--format" && is_of_manifest(format)) continue;
    const bool changes = group == "Contents" || group == "Compression" || group == "Signature" ||
                         (group == "Output" && option->get_name() != "--force" && option->get_name() != "--digestfile");
    if (option->count() != 0 && changes && option->nonpositional()) {
      throw Error(ErrorKind::usage, fmt::format("{} is for SIF files, not for {}", option->get_name(), in_quotes(output)));
    }
  }
}

int build(const CLI::App& verb, const BuildArguments& arguments, Session& session) {
  if (const auto target = target_of(arguments)) {
    refuse_changes(verb, arguments.output, arguments.format);
    return copy_image_to(arguments.source, *target, arguments.from,
                         {.force = arguments.force, .digest_file = arguments.digest_file, .format = arguments.format}, session);
  }
  refuse_target_options(arguments.from.registry, arguments.output);
  const auto options = convert_options(arguments, session);
  if (session.json + (arguments.stats_file == "-") + (arguments.digest_file == "-") > 1) {
    throw Error(ErrorKind::usage, "only one of --json, --stats - and --digestfile - can be written to standard output");
  }
  if (arguments.output == "-") {
    throw Error(ErrorKind::usage, "an image cannot be written to standard output: it is not written sequentially", "'./-' is a file of that name");
  }
  refuse_source_as_output(arguments);
  WarningList warnings;
  const auto reference = oci::Reference::parse(arguments.source);
  refuse_figures_elsewhere(arguments, reference);
  refuse_exchanged(arguments, reference, options.limits);
  SideOutput stats(arguments.stats_file, session);
  SideOutput digest(arguments.digest_file, session);
  ConvertReport report;
  try {
    report = convert(reference, arguments.output, options, warnings);
  } catch (Error& error) {
    if (are_exchanged(arguments, reference)) error.set_hint(fmt::format("OUT comes before SRC: sifkit build {} {}", printable(arguments.source), printable(arguments.output)));
    throw;
  }
  session.progress->done();
  session.show_warnings(warnings);
  const Json record = records::build_record(report, warnings);
  stats.write(record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  if (report.digest) digest.write(report.digest->text() + "\n");
  if (session.json) {
    session.print_json(record);
  } else if (!session.quiet) {
    if (session.verbose || session.debug) write_details(report, session);
    auto files = fmt::format("{}, {} of data", count(report.inodes, "file", "files"), human_bytes(report.file_bytes));
    if (report.base_layers != 0) files += fmt::format("; {} of {} layers from the old image", report.base_layers, report.layers);
    std::string line;
    if (arguments.dry_run) {
      line = fmt::format("{}: sound; {} in {}; nothing written", printable(arguments.source), files, count(report.layers, "layer", "layers"));
    } else if (options.format == OutputFormat::sandbox) {
      line = fmt::format("{}: {} in {}", printable(arguments.output), files, human_time(report.seconds));
    } else {
      line = fmt::format("{}: {} ({}) in {}, {}", printable(arguments.output), human_bytes(report.bytes), files, human_time(report.seconds),
                         report.digest->text());
    }
    session.logger->write_line(line);
  }
  return 0;
}

/// The help shows options by topic.
void group_options(CLI::App& verb) {
  const std::pair<const char*, std::vector<const char*>> groups[] = {
      {"Output", {"--force", "--base", "--no-base", "--sandbox", "--format", "--dry-run", "--verify-after", "--reproducible", "--digestfile", "--stats"}},
      {"Source", {"--platform", "--arch", "--creds", "--authfile", "--no-https", "--src-creds", "--src-authfile",
                  "--src-no-https", "--dest-creds", "--dest-authfile", "--dest-no-https", "--retries", "--retry-delay",
                  "--connections", "--disable-cache", "--library", "--docker-host", "--service-timeout", "--tmpdir",
                  "--limit"}},
      {"Contents", {"--label", "--env", "--exclude", "--all-root", "--xattrs", "--clamp-names", "--sbom"}},
      {"Compression", {"--compress", "--block-size", "--fast", "--best", "--threads"}},
      {"Signature", {"--sign", "--key", "--key-name", "--passphrase-file", "--passphrase-fd"}}};
  for (const auto& [group, options] : groups) {
    for (const char* option : options) verb.get_option(option)->group(group);
  }
}

}  // namespace

void add_build_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "build", "Convert an image to a SIF file");
  const auto arguments = std::make_shared<BuildArguments>();
  auto& a = *arguments;
  verb->add_option("output", a.output, "The file to write; also docker://NAME, docker-daemon:NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME], as copy does")->required()->type_name("OUT");
  verb->add_option("source", a.source, "The image: docker://NAME, oras://NAME, library://NAME, docker-archive:FILE, oci-archive:FILE, oci:DIR, docker-daemon:NAME, podman:NAME, docker-container:NAME, tar:FILE, dir:DIR, sif:FILE, squashfs:FILE, a path, or - for standard input")
      ->required()
      ->type_name("SRC");
  verb->add_flag("-F,--force", a.force, "Replace an existing output");
  auto* base = verb->add_option("--base", a.base, "An image made before of much the same files (default: OUT, with --force): layers and blocks that it holds are taken from it; the bytes of OUT stay the same")->type_name("FILE");
  verb->add_flag("--no-base", a.no_base, "Pack everything again")->excludes(base);
  verb->add_flag("-s,--sandbox", a.sandbox, "Write a sandbox: a directory");
  verb->add_option("--format", a.format,
                   "What to write: sif, squashfs or sandbox; of a layout, an archive of one or a registry the manifest: oci "
                   "or docker")
      ->type_name("FORMAT");
  add_source_options(*verb, a.from);
  add_side_options(*verb, a.from.registry);
  verb->add_option("-j,--threads", a.threads, "Threads that compress (default: what the job may use)")->transform(Integer<unsigned>())->type_name("N");
  verb->add_option("--compress", a.compress, "Compression: gzip[:1-12], zstd[:1-22], lz4, xz[:1-9] or none")->type_name("CODEC");
  verb->add_option("--block-size", a.block_size, "Size of a block, 4K to 1M (default 128K)")->type_name("SIZE");
  verb->add_flag("--fast", a.fast, "Faster gzip: a third of the time, a tenth larger; the bytes depend on the type of processor");
  verb->add_flag("--best", a.best, "Smallest gzip, slow");
  verb->add_flag("--all-root", a.all_root, "Make root the owner of every file");
  verb->add_option("--xattrs", a.xattrs, "Extended attributes to keep: portable (default: all, with capabilities as user.sifkit.cap), keep (all as they are), user or none")
      ->transform(OneOf({"portable", "keep", "user", "none"}))
      ->type_name("POLICY");
  verb->add_option("--exclude", a.excludes, "Leave out what matches a shell pattern (may be given again)")->type_name("GLOB")->allow_extra_args(false);
  verb->add_option("--label", a.labels, "Add a label (may be given again)")->type_name("NAME=VALUE")->allow_extra_args(false);
  verb->add_option("--env", a.env, "Set a variable of the container (may be given again)")->type_name("NAME=VALUE")->allow_extra_args(false);
  verb->add_flag("--reproducible,!--no-reproducible", a.reproducible, "Take times and UUID from the image (default), or from the clock and at random");
  verb->add_flag("--verify-after", a.verify_after, "Read the finished image back and compare every file with the source");
  verb->add_flag("--dry-run", a.dry_run, "Read and check everything, write nothing");
  verb->add_flag("--clamp-names", a.clamp_names, "Keep paths that lead out of the image's root inside it, instead of refusing them");
  verb->add_flag("--sbom{spdx}", a.sbom, "Put an SBOM of what is in the image into the SIF, before it is signed; --sbom=cyclonedx is of another format than spdx");
  verb->add_flag("--sign", a.sign, "Sign the SIF before it appears; --key does so, too");
  add_key_options(*verb, a.key);
  verb->add_option("--digestfile", a.digest_file, "Write the output's digest to a file; - for standard output")->type_name("FILE");
  verb->add_option("--stats", a.stats_file, "Write statistics of the conversion to a file, as JSON; - for standard output")->type_name("FILE");
  group_options(*verb);
  verb->callback([verb, arguments, &session] { session.action = [verb, arguments, &session] { return build(*verb, *arguments, session); }; });
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/source.h>

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/tar_reader.h>

#include "archive_files.h"
#include "candidates.h"
#include "directory_files.h"
#include "directory_survey.h"
#include "directory_tar.h"
#include "docker_archive.h"
#include "oci_layout.h"
#include "reference_hint.h"
#include "registry/registry_source.h"
#include "remote/remote_source.h"
#include "rootfs_image.h"
#include "service_source.h"
#include "stored_image.h"
#include "tar_index.h"

namespace sifkit::oci {

namespace {

/// What of a stream is looked at before it is decided how to read it.
constexpr std::size_t kWindow = 1u << 20;
constexpr std::string_view kAnImage = "an image or a root file system";

bool is_archive_transport(Transport transport) { return transport == Transport::docker_archive || transport == Transport::oci_archive; }
bool is_image(Transport transport) { return transport == Transport::sif || transport == Transport::squashfs; }
/// Nobody has said what it is.
bool is_guess(Transport transport) { return transport == Transport::automatic || transport == Transport::standard_input; }

std::string shown(const Reference& reference) { return reference.location == "-" ? "standard input" : in_quotes(reference.location); }

File open_file(const std::string& location) {
  if (location != "-") return File::open_read(location);
  if (::isatty(STDIN_FILENO) == 1) throw Error(ErrorKind::usage, "standard input is a terminal, an archive was expected", Advice::pipe_archive);
  UniqueFd fd = duplicate(STDIN_FILENO, "standard input");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("standard input");
  if (S_ISDIR(status.st_mode)) throw Error(ErrorKind::usage, "standard input is a directory, an archive was expected", "give the directory's name");
  return {std::move(fd), "standard input"};
}

/// Whether any part of it can be read at any time. Standard input from which another program has read goes on where that
/// one stopped, as a stream.
bool is_whole(const File& file) { return file.is_regular() && ::lseek(file.fd(), 0, SEEK_CUR) == 0; }

/// The names in the first part of a tar stream, as far as they go.
ContentsSurvey survey_window(ByteView window, const Limits& limits) {
  MemberTable table(true);
  MemorySource source(window);
  WarningList ignored;
  TarReader reader(source, limits, ignored, TarTypes::any);
  try {
    while (const auto member = reader.next()) table.add(*member, 0, limits, [] { return ByteView(); });
  } catch (const Error&) {
    // The window ends in a member, or the archive is damaged: whoever reads all of it says so.
  }
  return table.survey();
}

/// Another way to an open directory, with a place of its own in the list of names.
UniqueFd again(const UniqueFd& directory) {
  UniqueFd fd(::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno("open a directory once more");
  return fd;
}

/// A stream as a file that any part of can be read of at any time.
std::shared_ptr<const File> spooled(Source& stream, const std::string& name, const SourceOptions& options) {
  const File scratch = open_scratch_file(options.scratch_place());
  options.operation.progress->stage("reading", 0);
  Bytes buffer(256 * 1024);
  std::uint64_t end = 0;
  for (std::size_t got; (got = stream.read(buffer)) != 0; end += got) {
    options.operation.check();
    options.operation.progress->advance(got);
    with_scratch_hint([&] { scratch.write_at(end, ByteView(buffer).first(got)); });
  }
  return std::make_shared<const File>(scratch.renamed(name));
}

/// What a look at a source has found and opened.
struct Look {
  SourceIdentity identity;
  UniqueFd directory;
  std::shared_ptr<const File> file;      ///< a regular file, or the copy of a stream
  std::unique_ptr<PeekedSource> stream;  ///< the uncompressed bytes of what can be read once
  std::shared_ptr<FileSet> files;        ///< of an archive or a directory
  bool piped = false;                    ///< it can be read once, and `stream` or `files` has what it holds
  bool root_in_doubt = false;            ///< only the first names of a root file system were seen
};

class Looker {
 public:
  Looker(const Reference& reference, const SourceOptions& options, WarningList& warnings) : reference_(reference), options_(options), warnings_(warnings) {}

  Look look() {
    if (reference_.location != "-" && S_ISDIR(expect_readable(reference_.location))) {
      look_at_directory();
    } else {
      look_at_file();
    }
    return std::move(out_);
  }

 private:
  void look_at_directory() {
    out_.identity.directory = true;
    out_.directory = open_directory(reference_.location);
    if (reference_.transport == Transport::directory) return;  // whatever is in it
    auto survey = survey_directory(out_.directory, options_.operation);
    out_.identity.contents = survey.verdict();
    out_.files = std::make_shared<DirectoryFiles>(again(out_.directory), reference_.location, std::move(survey), options_.limits);
  }

  void look_at_file() {
    auto file = std::make_shared<File>(open_file(reference_.location));
    const std::string name = file->name();
    const bool whole = is_whole(*file);
    out_.piped = !whole;
    std::unique_ptr<Source> bytes;
    if (whole) {
      out_.file = file;
      bytes = std::make_unique<FileSource>(file);
    } else {
      bytes = std::make_unique<StreamSource>(std::move(*file));
    }
    // Of a plain file any part can be read again; of all others not, or not at once.
    const bool guess = is_guess(reference_.transport);
    auto& identity = out_.identity;
    ByteView window;
    auto plain = in_file(name, [&] {
      auto out = std::make_unique<PeekedSource>(open_decompressed(std::move(bytes), "archive", options_.limits, &identity.compression));
      const bool once = !whole || identity.compression != Compression::none;
      window = out->peek(once && guess ? kWindow : kSniffedBytes);
      return out;
    });
    const auto sniff = sniff_file(window);
    identity.file = sniff.kind;
    identity.detail = sniff.detail;
    ContentsSurvey first;
    if (sniff.kind == FileKind::tar && guess && window.size() > kSniffedBytes) first = survey_window(window, options_.limits);
    if (!whole) out_.stream = std::move(plain);
    const bool image = sniff.kind == FileKind::sif || sniff.kind == FileKind::squashfs;
    if (out_.stream && image && identity.compression == Compression::none && (guess || is_image(reference_.transport))) {
      // Its parts are read in no order.
      out_.file = spooled(*std::exchange(out_.stream, nullptr), name, options_);
    }
    if (first.has_root() && !first.has_part()) {
      identity.contents = first.verdict();
      out_.root_in_doubt = true;
    } else if (sniff.kind == FileKind::tar &&
               (guess || is_archive_transport(reference_.transport) || (whole && is_image(reference_.transport)))) {
      index(name, guess, first.has_part());
    }
  }

  /// Reads the names of all members. A stream that holds parts of images goes to a scratch file member by member, and
  /// whole where it is not known what it will be.
  void index(const std::string& name, bool guess, bool has_part) {
    const auto& limits = options_.limits;
    WarningList found;
    const bool compressed = out_.identity.compression != Compression::none && !out_.stream;
    if (out_.stream && guess && !has_part) out_.file = spooled(*std::exchange(out_.stream, nullptr), name, options_);
    const auto scratch = options_.scratch_place();
    if (out_.stream) {
      out_.files = std::make_shared<StreamedFiles>(*out_.stream, name, scratch, limits, options_.operation, found);
    } else if (compressed) {
      out_.files = std::make_shared<CompressedFiles>(out_.file, guess, limits, options_.operation, found, scratch);
    } else {
      out_.files = std::make_shared<TarIndex>(out_.file, guess, limits, options_.operation, found);
    }
    out_.identity.contents = out_.files->survey().verdict();
    // Of a root file system all members are read once more.
    if (out_.identity.contents->kind == ContentsKind::rootfs) return;
    warnings_.add_all(found);
  }

  const Reference& reference_;
  const SourceOptions& options_;
  WarningList& warnings_;
  Look out_;
};

class LocalSource : public OpenedSource {
 public:
  LocalSource(const Reference& reference, const SourceOptions& options, WarningList& warnings)
      : reference_(reference), options_(options), warnings_(warnings), look_(Looker(reference, options, warnings).look()) {
    expect_what_is_named();
    if (reference_.transport == Transport::automatic) reference_.transport = look_.piped ? Transport::standard_input : look_.identity.transport();
  }

  const Reference& reference() const override { return reference_; }
  bool is_root() const override {
    if (is_image_file()) return false;
    const auto& contents = look_.identity.contents;
    return !contents || (is_guess(reference_.transport) ? contents->kind == ContentsKind::rootfs : reference_.transport == Transport::tar || reference_.transport == Transport::directory);
  }
  bool is_root_in_doubt() const override { return look_.root_in_doubt; }
  std::shared_ptr<const File> image_file() const override { return is_image_file() ? look_.file : nullptr; }

  std::unique_ptr<Image> open_image() override {
    if (is_image_file()) throw look_.identity.unexpected(shown(reference_), "an image of layers");
    if (is_root()) return open_root();
    WarningList of_all;  // the chosen one's are said when it is opened
    auto candidates = read(of_all);
    const Candidate& chosen = choose(candidates, reference_.selector, options_.platform, look_.files->name(), warnings_);
    options_.operation.logger->write(
        LogLevel::debug,
        fmt::format("{}: image @{} of {}, {}", to_string(reference_.transport), chosen.summary.index, candidates.size(),
                    chosen.summary.config_digest ? chosen.summary.config_digest->text() : "no ID"));
    return open_candidate(look_.files, chosen, warnings_);
  }

  void keep_layers() override {
    if (look_.stream && is_root()) look_.file = spooled(*std::exchange(look_.stream, nullptr), reference_.location == "-" ? "standard input" : reference_.location, options_);
  }

  std::unique_ptr<ImageSet> open_all() override {
    if (!look_.files || !look_.files->find(kIndexFile)) return OpenedSource::open_all();
    return open_layout_set(look_.files, reference_.selector, options_.limits);
  }

  std::vector<ImageSummary> list_images() override {
    if (is_image_file()) throw look_.identity.unexpected(shown(reference_), "an image of layers");
    if (is_root()) {
      Error error = look_.identity.unexpected(shown(reference_), "an image of layers");
      error.set_hint(Advice::convert);
      throw error;
    }
    return summaries_of(read(warnings_), reference_.selector, look_.files->name());
  }

 private:
  bool is_image_file() const { return look_.identity.file == FileKind::sif || look_.identity.file == FileKind::squashfs; }
  /// Throws what says what is there, if that is not what was asked for.
  void expect_what_is_named() const {
    const auto& identity = look_.identity;
    const auto refuse = [&](std::string_view expected, Hint hint = {}) {
      Error error = identity.unexpected(shown(reference_), expected);
      if (is_image(reference_.transport) && identity.transport() != Transport::automatic && !is_image_file()) hint = Advice::convert;
      if (!hint.empty()) error.set_hint(std::move(hint));
      throw error;
    };
    switch (reference_.transport) {
      case Transport::automatic:
      case Transport::standard_input:
        if (is_image_file() && identity.compression == Compression::none) return;
        if (!identity.contents || identity.transport() == Transport::automatic) refuse(kAnImage);
        return;
      case Transport::docker_archive:
      case Transport::oci_archive:
        if (identity.directory) refuse("an archive", fmt::format("a directory is named with {}:{}", identity.contents->kind == ContentsKind::rootfs ? "dir" : "oci", printable(reference_.location)));
        if (!look_.files) refuse("an archive of images");
        expect_documents("tar");
        return;
      case Transport::oci_layout:
        if (!identity.directory) refuse("a directory", fmt::format("a file is named with docker-archive:{0}, oci-archive:{0} or tar:{0}", printable(reference_.location)));
        expect_documents("dir");
        return;
      case Transport::tar:
        if (identity.file != FileKind::tar) refuse("a tar archive", identity.directory ? fmt::format("a directory is named with dir:{}", printable(reference_.location)) : "");
        return;
      case Transport::directory:
        if (!identity.directory) refuse("a directory", identity.file == FileKind::tar ? fmt::format("a file is named with tar:{}", printable(reference_.location)) : "");
        return;
      case Transport::sif:
        if (identity.file != FileKind::sif || identity.compression != Compression::none) refuse("a SIF image");
        return;
      case Transport::squashfs:
        if (identity.file != FileKind::squashfs || identity.compression != Compression::none) refuse("a squashfs image");
        return;
      default: throw Error(ErrorKind::internal, "a service is no file");
    }
  }

  /// What is said to hold images needs no more than a document that lists them.
  void expect_documents(std::string_view transport_of_roots) const {
    if (look_.files->find(kDockerManifest) || look_.files->find(kIndexFile)) return;
    const auto& identity = look_.identity;
    const auto words = unexpected_kind("it", identity.words(), identity.contents->detail, "");
    const bool root = identity.contents->kind == ContentsKind::rootfs;
    throw Error(identity.contents->kind == ContentsKind::old_docker ? ErrorKind::unsupported : ErrorKind::malformed, fmt::format("{} holds neither manifest.json nor index.json: {}", shown(reference_), words.message()),
                root ? fmt::format("{}:{} takes it", transport_of_roots, printable(reference_.location)) : identity.contents->hint(identity.directory));
  }

  std::vector<Candidate> read(WarningList& warnings) const {
    const auto transport = is_guess(reference_.transport) ? look_.identity.transport() : reference_.transport;
    return read_candidates(*look_.files, transport, options_, warnings);
  }

  std::unique_ptr<Image> open_root() {
    if (look_.identity.directory) {
      const auto directory = std::make_shared<const UniqueFd>(again(look_.directory));
      return flat([directory, path = reference_.location, &warnings = warnings_] { return open_directory_tar(again(*directory), path, warnings); }, 0);
    }
    if (look_.file) return flat([file = look_.file] { return std::make_unique<FileSource>(file); }, look_.file->size());
    const auto held = std::make_shared<std::unique_ptr<Source>>(std::move(look_.stream));
    return flat([held, name = shown(reference_)] {
      if (!*held) throw Error(ErrorKind::unsupported, fmt::format("{} can be read once only", name), "save it to a file first");
      return std::move(*held);
    }, 0);
  }

  static std::unique_ptr<Image> flat(RootfsImage::Open open, std::uint64_t bytes) { return std::make_unique<RootfsImage>(ImageConfig{}, std::move(open), bytes); }

  Reference reference_;
  const SourceOptions options_;
  WarningList& warnings_;
  Look look_;
};

}  // namespace

Transport SourceIdentity::transport() const {
  if (!contents) {
    if (compression != Compression::none) return Transport::automatic;
    return file == FileKind::sif ? Transport::sif : file == FileKind::squashfs ? Transport::squashfs : Transport::automatic;
  }
  switch (contents->kind) {
    case ContentsKind::docker_archive: return directory ? Transport::oci_layout : Transport::docker_archive;
    case ContentsKind::oci_layout:
    case ContentsKind::skopeo_dir: return directory ? Transport::oci_layout : Transport::oci_archive;
    case ContentsKind::rootfs: return directory ? Transport::directory : Transport::tar;
    default: return Transport::automatic;
  }
}

Error SourceIdentity::unexpected(std::string_view name, std::string_view expected) const {
  if (contents) {
    Error error = unexpected_kind(name, words(), contents->detail, expected);
    error.set_hint(contents->hint(directory));
    return error;
  }
  if (directory) return unexpected_kind(name, {"a directory", ""}, "", expected);
  if (compression == Compression::none) {
    Error error = unexpected_kind(name, words(), detail, expected);
    if (file == FileKind::sif || file == FileKind::squashfs) error.set_hint(Advice::look_inside);
    return error;
  }
  if (file == FileKind::empty) return unexpected_kind(name, {fmt::format("{} data with nothing in it", to_string(compression)), words().hint, words().error}, "", expected);
  Error error =
      unexpected_kind(fmt::format("what is in {} ({})", name, to_string(compression)), words(), detail, expected);
  if (file < FileKind::empty) error.set_hint("decompress it first");  // then it is read
  return error;
}

SourceIdentity identify(const std::filesystem::path& path, const Limits& limits) {
  Reference reference;
  reference.location = path.native();
  reference.text = path.native();
  SourceOptions options;
  options.limits = limits;
  WarningList ignored;
  return Looker(reference, options, ignored).look().identity;
}

std::filesystem::path SourceOptions::scratch_place() const { return scratch.empty() ? scratch_directory() : scratch; }

std::unique_ptr<ImageSet> OpenedSource::open_all() {
  throw Error(ErrorKind::unsupported, fmt::format("{} has no index of images", in_quotes(reference().text)),
              "all architectures are in layouts (oci:, oci-archive:) and registries (docker://)");
}

std::unique_ptr<OpenedSource> open_source(const Reference& reference, const SourceOptions& options, WarningList& warnings) {
  if (reference.transport == Transport::docker) return open_registry(reference, options, warnings);
  if (reference.transport == Transport::oras || reference.transport == Transport::library)
    return open_remote_source(reference, options);
  if (is_service(reference.transport)) return open_service(reference, options, warnings);
  try {
    return std::make_unique<LocalSource>(reference, options, warnings);
  } catch (Error& error) {
    const bool missing = error.kind() == ErrorKind::not_found && error.hint().empty();
    if (missing && reference.transport == Transport::automatic) error.set_hint(service_hint(reference.text, true));
    throw;
  }
}

std::unique_ptr<Image> open_image(const Reference& reference, const SourceOptions& options, WarningList& warnings) {
  return open_source(reference, options, warnings)->open_image();
}

std::vector<ImageSummary> list_images(const Reference& reference, const SourceOptions& options, WarningList& warnings) {
  return open_source(reference, options, warnings)->list_images();
}

}  // namespace sifkit::oci

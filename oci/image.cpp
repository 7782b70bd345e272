// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/image.h>

#include <array>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/decompress.h>
#include <sifkit/core/error.h>
#include <sifkit/core/tar_reader.h>

#include "archive_files.h"
#include "candidates.h"
#include "docker_archive.h"
#include "engine_images.h"
#include "flat_image.h"
#include "folder_files.h"
#include "folder_tar.h"
#include "oci_layout.h"
#include "stored_image.h"
#include "tar_index.h"

namespace sifkit::oci {

namespace {

constexpr std::size_t kSniffed = 64 * 1024;

std::filesystem::path scratch_of(const SourceOptions& options) {
  return options.scratch.empty() ? scratch_folder() : options.scratch;
}

bool is_hex64(std::string_view text) {
  return text.size() >= 64 && text.substr(0, 64).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Whether a stream is an archive of images, by the name of its first member. A root file system has folders there.
bool starts_image_archive(ByteView first, const Limits& limits) {
  MemorySource source(first);
  WarningList ignored;
  TarReader reader(source, limits, ignored);
  for (;;) {
    const auto member = reader.next();
    if (!member) return false;
    const auto name = clean_name(member->name);
    if (!name) continue;  // "./"
    for (const std::string_view known : {"manifest.json", "index.json", "oci-layout", "repositories", "blobs"}) {
      if (*name == known || name->starts_with(std::string(known) + "/")) return true;
    }
    const std::string_view hex = name->starts_with("sha256:") ? std::string_view(*name).substr(7) : std::string_view(*name);
    return is_hex64(hex) || (name->find('/') == std::string::npos && name->ends_with(".json"));
  }
}

/// Whether a file begins with a member, whatever follows.
bool is_tar(const std::shared_ptr<const File>& file, const Limits& limits) {
  try {
    FileSource source(file);
    WarningList ignored;
    return TarReader(source, limits, ignored).next().has_value();
  } catch (const Error&) {
    return false;
  }
}

/// A root file system may have more members than an archive of images may: nothing is kept of them here.
Transport transport_of_members(const std::shared_ptr<const File>& file, const Limits& limits) {
  FileSource source(file);
  WarningList ignored;
  TarReader reader(source, limits, ignored);
  bool index = false;
  bool layout = false;
  while (const auto member = reader.next()) {
    const auto name = clean_name(member->name);
    if (name == kDockerManifest) return Transport::docker_archive;
    index = index || name == kIndexFile;
    layout = layout || name == kLayoutFile;
  }
  return index && layout ? Transport::oci_archive : Transport::tar;
}

[[noreturn]] void throw_empty(const std::string& name) { throw Error(ErrorKind::malformed, fmt::format("{} is empty", name), "did the program that made it fail?"); }

File open_source(const std::string& location) {
  if (location == "-") {
    if (::isatty(STDIN_FILENO) == 1) throw Error(ErrorKind::usage, "standard input is a terminal, an archive was expected", "docker save NAME | sifkit build OUT -");
    const int fd = ::dup(STDIN_FILENO);
    if (fd < 0) throw_errno("standard input");
    return {UniqueFd(fd), "standard input"};
  }
  expect_readable(location);
  return File::open_read(location);
}

/// Whether any part of it can be read at any time. Standard input from which another program has read goes on where that
/// one stopped, as a stream.
bool is_whole(const File& file) { return file.is_regular() && ::lseek(file.fd(), 0, SEEK_CUR) == 0; }

bool is_compressed(const File& file) {
  std::array<std::byte, 6> first{};
  return sniff_compression(ByteView(first).first(file.read_at(0, first))) != Compression::none;
}

/// Whether a folder is a layout, an unpacked archive or what skopeo calls a `dir:`, not a root file system.
bool is_image_folder(const std::filesystem::path& path, const Limits& limits) {
  FolderFiles files(path, limits);
  const auto holds = [&](std::string_view name) {
    try {
      return files.find(name).has_value();
    } catch (const Error&) {
      return false;  // no regular file, or none for us
    }
  };
  if (holds(kLayoutFile) || holds(kIndexFile)) return true;
  if (!holds(kDockerManifest)) return false;
  static constexpr std::string_view kStart = "[{\"Config\"";
  Bytes first(kStart.size());
  first.resize(files.open(kDockerManifest)->read(first));
  return holds(kFlatFolderFile) || as_text(first) == kStart;
}

/// Files of an archive or a layout; nothing when the source turned out to be a flat root file system, which is then in
/// `flat`.
std::shared_ptr<FileSet> open_files(const Reference& reference, const SourceOptions& options, WarningList& warnings,
                                    std::unique_ptr<Source>* flat) {
  if (reference.transport == Transport::oci_layout)
    return std::make_shared<FolderFiles>(reference.location, options.limits);
  auto file = std::make_shared<File>(open_source(reference.location));
  if (is_whole(*file)) {
    if (is_compressed(*file)) return std::make_shared<CompressedFiles>(std::move(file), options.limits, options.operation, warnings);
    return std::make_shared<TarIndex>(std::move(file), options.limits, options.operation, warnings);
  }
  const std::string name = file->name();
  auto plain = open_decompressed(std::make_unique<StreamSource>(std::move(*file)), name, options.limits);
  auto peeked = std::make_unique<PeekedSource>(std::move(plain));
  const auto first = peeked->peek(kSniffed);
  if (first.empty()) throw_empty(name);
  const bool decided = reference.transport == Transport::docker_archive || reference.transport == Transport::oci_archive;
  if (!decided && !starts_image_archive(first, options.limits)) {
    *flat = std::move(peeked);
    return nullptr;
  }
  return std::make_shared<StreamedFiles>(*peeked, name, scratch_of(options), options.limits, options.operation, warnings);
}

std::unique_ptr<Image> flat_once(std::unique_ptr<Source> source) {
  const auto held = std::make_shared<std::unique_ptr<Source>>(std::move(source));
  return std::make_unique<FlatImage>(ImageConfig{}, [held] {
    if (!*held) throw Error(ErrorKind::unsupported, "standard input can be read once only", "save it to a file first");
    return std::move(*held);
  }, 0);
}

std::unique_ptr<Image> open_flat(const Reference& reference) {
  auto file = std::make_shared<File>(open_source(reference.location));
  if (!is_whole(*file)) {
    const std::string name = file->name();
    auto peeked = std::make_unique<PeekedSource>(std::make_unique<StreamSource>(std::move(*file)));
    if (peeked->peek(1).empty()) throw_empty(name);
    return flat_once(std::move(peeked));
  }
  const auto size = file->size();
  if (size == 0) throw_empty(in_quotes(file->name()));
  return std::make_unique<FlatImage>(ImageConfig{}, [file] { return std::make_unique<FileSource>(file); }, size);
}

/// What a regular file holds. `name` is for errors.
Transport transport_of(const std::shared_ptr<const File>& file, const std::string& name, const Limits& limits) {
  std::array<std::byte, 64> first{};
  const auto text = as_text(ByteView(first).first(file->read_at(0, first)));
  if (text.starts_with("hsqs")) return Transport::squashfs;
  if (text.size() > 42 && text.substr(32, 9) == "SIF_MAGIC") return Transport::sif;
  if (is_compressed(*file)) {
    PeekedSource peeked(open_decompressed(std::make_unique<FileSource>(file), file->name(), limits));
    return starts_image_archive(peeked.peek(kSniffed), limits) ? Transport::docker_archive : Transport::tar;
  }
  try {
    return in_context([&] { return name; }, [&] { return transport_of_members(file, limits); });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed || is_tar(file, limits)) throw;
    throw Error(ErrorKind::unsupported, fmt::format("{} is no archive, layout, SIF or squashfs that is known", name), error.message());
  }
}

Reference resolved(const Reference& reference, const SourceOptions& options) {
  Reference out = reference;
  if (out.transport == Transport::automatic) out.transport = sniff_transport(out.location, options.limits);
  if (out.transport == Transport::standard_input && out.location == "-") {
    const auto file = std::make_shared<File>(open_source(out.location));
    if (is_whole(*file)) out.transport = transport_of(file, file->name(), options.limits);
  }
  return out;
}

[[noreturn]] void no_layers(const Reference& reference) {
  const bool one = reference.transport == Transport::sif || reference.transport == Transport::squashfs;
  throw Error(ErrorKind::unsupported, fmt::format("{} is no image of layers", in_quotes(reference.text)),
              one ? "'sifkit inspect' and 'sifkit ls' look into it" : "it is one root file system, which 'sifkit build' takes as it is");
}

}  // namespace

std::unique_ptr<Image> open_image(const Reference& given, const SourceOptions& options, WarningList& warnings) {
  const Reference reference = resolved(given, options);
  switch (reference.transport) {
    case Transport::docker_daemon:
    case Transport::podman: return open_daemon_image(reference, options, warnings);
    case Transport::docker_container: return open_container(reference, options, warnings);
    case Transport::tar: return open_flat(reference);
    case Transport::directory:
      return std::make_unique<FlatImage>(ImageConfig{}, [folder = reference.location, &warnings] { return open_folder_tar(folder, warnings); }, 0);
    case Transport::sif:
    case Transport::squashfs: no_layers(reference);
    default: break;
  }
  std::unique_ptr<Source> flat;
  const auto files = open_files(reference, options, warnings, &flat);
  if (!files) return flat_once(std::move(flat));
  WarningList of_all;  // the chosen one's are said when it is opened
  auto candidates = read_candidates(*files, reference.transport, options, of_all);
  const Candidate& chosen = choose(candidates, reference.selector, options.platform, files->name(), warnings);
  options.operation.logger->write(
      LogLevel::debug,
      fmt::format("{}: image @{} of {}, {}", to_string(reference.transport), chosen.summary.index, candidates.size(),
                  chosen.summary.config_digest ? chosen.summary.config_digest->text() : "no ID"));
  return open_candidate(files, chosen, warnings);
}

std::vector<ImageSummary> list_images(const Reference& given, const SourceOptions& options, WarningList& warnings) {
  const Reference reference = resolved(given, options);
  switch (reference.transport) {
    case Transport::docker_daemon:
    case Transport::podman: return list_daemon_images(reference, options);
    case Transport::docker_container:
    case Transport::tar:
    case Transport::directory:
    case Transport::sif:
    case Transport::squashfs: no_layers(reference);
    default: break;
  }
  std::unique_ptr<Source> flat;
  const auto files = open_files(reference, options, warnings, &flat);
  if (!files) no_layers(reference);
  std::vector<ImageSummary> out;
  for (auto& candidate : read_candidates(*files, reference.transport, options, warnings)) out.push_back(std::move(candidate.summary));
  return out;
}

Transport sniff_transport(const std::filesystem::path& path, const Limits& limits) {
  const unsigned mode = expect_readable(path);
  // Opened twice, a pipe would lose its writer in between.
  if (S_ISFIFO(mode)) return Transport::standard_input;
  if (S_ISDIR(mode)) {
    return is_image_folder(path, limits) ? Transport::oci_layout : Transport::directory;
  }
  return transport_of(std::make_shared<File>(File::open_read(path)), in_quotes(path.native()), limits);
}

}  // namespace sifkit::oci

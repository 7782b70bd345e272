// SPDX-License-Identifier: Apache-2.0
#include <sifkit/convert.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/resources.h>
#include <sifkit/layers/directory_writer.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image_writer.h>

#include "conversion.h"
#include "layered_root.h"
#include "naming.h"
#include "packed_root.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr unsigned kFileMode = 0666;
constexpr unsigned kSifMode = 0777;  ///< less the umask: its first line makes it a program

/// Takes contents and keeps none of them.
class DiscardingSink : public ContentSink {
 public:
  void begin(std::uint64_t size) override { bytes_ += size; }
  void append(ByteView) override {}
  void append_zeros(std::uint64_t) override {}
  ContentId end() override { return ContentId{++contents_}; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::uint32_t contents_ = 0;
  std::uint64_t bytes_ = 0;
};

/// Everything a caller may choose that changes the image.
std::string options_text(const ConvertOptions& options, std::int64_t time) {
  const auto& squashfs = options.squashfs;
  std::string out = fmt::format("{} {} {} {} {} {} {}\n", static_cast<int>(squashfs.codec), squashfs.level, squashfs.fast,
                                squashfs.block_size, options.all_root, static_cast<int>(options.layers.xattrs), time);
  if (options.keep_capabilities) out += "capabilities\n";
  for (const auto& pattern : options.excludes) out += "exclude " + pattern + "\n";
  for (const auto& [name, value] : options.labels) out += "label " + name + "=" + value + "\n";
  for (const auto& [name, value] : options.env) out += "env " + name + "=" + value + "\n";
  return out;
}

/// From what the image is made of, not from where it came: layers, configuration and options. A source without
/// diff_ids is told by the tables at the end of the file system, which hold names, owners, times and block sizes.
sif::Uuid content_uuid(const RootIdentity& identity, Region& partition, const SquashfsSummary& summary, const std::string& options) {
  static constexpr std::uint64_t kTail = 1u << 20;
  Hasher hasher;
  hasher.update(as_bytes("sifkit image\n" + options + identity.text));
  if (!identity.complete) {
    Bytes buffer(static_cast<std::size_t>(std::min(kTail, summary.bytes)));
    const auto got = partition.read_at(summary.bytes - buffer.size(), buffer);
    hasher.update(ByteView(buffer).first(got));
  }
  return sif::as_uuid(hasher.finish_raw(), 8);
}

std::string uuid_text(const sif::Uuid& uuid) {
  sif::Header header;
  header.uuid = uuid;
  return header.uuid_text();
}

/// The digest of a file, while another thread brings it to the disk.
Digest digest_and_sync(const File& file, std::uint64_t size, const OperationContext& operation) {
  std::exception_ptr failure;
  Hasher hasher;
  {
    const auto sync = [&] {
      try {
        file.sync();
      } catch (...) {
        failure = std::current_exception();
      }
    };
    std::jthread syncing;
    try {
      syncing = start_background_thread(sync);
    } catch (const std::system_error&) {
      sync();
    }
    // The file outlives the source.
    ReadAhead ahead(std::make_unique<FileSource>(std::shared_ptr<const File>(std::shared_ptr<const File>(), &file), 0, size), ReadAhead::kForHashing);
    std::uint64_t hashed = 0;
    for (auto piece = ahead.next(); !piece.empty(); piece = ahead.next()) {
      operation.check();
      hasher.update(piece);
      operation.progress->advance(piece.size());
      hashed += piece.size();
    }
    if (hashed != size) throw Error(ErrorKind::io, fmt::format("the finished file has {} bytes, expected {}", hashed, size));
  }
  if (failure) std::rethrow_exception(failure);
  return hasher.finish();
}

SquashfsOptions squashfs_options(const ConvertOptions& options, const Conversion& conversion) {
  SquashfsOptions out = options.squashfs;
  out.threads = options.threads != 0 ? options.threads : available_threads();
  out.time = static_cast<std::uint32_t>(std::clamp<std::int64_t>(conversion.time(), 0, 0xffffffff));
  // A worker holds a few blocks; a job with little memory gets fewer of them.
  static constexpr std::uint64_t kBlocksAThread = 64;
  const auto room = available_memory() / 2 / (kBlocksAThread * out.block_size);
  out.threads = static_cast<unsigned>(std::clamp<std::uint64_t>(out.threads, 1, std::max<std::uint64_t>(1, room)));
  return out;
}

void verify_if_asked(SquashfsWriter& squash, const Tree& tree, const SquashfsSummary& summary, const ConvertOptions& options) {
  if (!options.verify_after) return;
  options.operation.progress->stage("verifying", summary.file_bytes);
  squash.verify(tree, options.operation);
}

void note(ConvertReport& report, const SquashfsSummary& summary) {
  report.inodes = summary.inodes;
  report.file_bytes = summary.file_bytes;
  report.duplicate_bytes = summary.duplicate_bytes;
}

void finish_file(AtomicFile& target, std::uint64_t size, const ConvertOptions& options, ConvertReport& report) {
  report.bytes = size;
  options.operation.progress->stage("writing to disk", size);
  report.digest = digest_and_sync(target.file(), size, options.operation);
  options.operation.check();
  target.commit();
}

void write_sif(const RootSource& root, Conversion& conversion, AtomicFile& target, const ConvertOptions& options,
               WarningList& warnings, ConvertReport& report) {
  const auto squashfs = squashfs_options(options, conversion);
  report.threads = squashfs.threads;
  sif::ImageWriter writer(target.file(), {.launch_script = std::string(sif::kLaunchScript), .time = conversion.time()},
                          conversion.expected_text_bytes());
  Region& partition = writer.begin({.type = sif::DataType::partition});
  SquashfsSummary summary;
  {
    SquashfsWriter squash(partition, squashfs);
    const Tree tree = conversion.run(squash);
    options.operation.progress->stage("writing tables", 0);
    summary = squash.finish(tree);
    verify_if_asked(squash, tree, summary, options);
  }
  note(report, summary);
  std::string architecture = report.architecture;
  if (!sif::architecture_code(architecture)) {
    warnings.add("sif-architecture",
                 fmt::format("SIF has no code for the architecture {}: the image's header says that it is unknown",
                             in_quotes(architecture)));
    architecture = "unknown";
  }
  writer.end(summary.bytes, sif::encode_extra(sif::Partition{sif::FsType::squashfs, sif::PartitionType::primary_system,
                                                             std::move(architecture)}));
  for (const auto& object : conversion.objects()) writer.add_before(object.spec, as_bytes(object.bytes));
  const sif::Uuid uuid = options.reproducible ? content_uuid(root.identity(), partition, summary, options_text(options, conversion.time())) : sif::random_uuid();
  report.uuid = uuid_text(uuid);
  writer.set_uuid(uuid);
  writer.finish();
  if (options.before_commit) options.before_commit(target.file());
  finish_file(target, target.file().size(), options, report);
}

void write_squashfs(Conversion& conversion, AtomicFile& target, const ConvertOptions& options, ConvertReport& report) {
  const auto squashfs = squashfs_options(options, conversion);
  report.threads = squashfs.threads;
  FileRegion region(target.file(), 0);
  SquashfsWriter squash(region, squashfs);
  const Tree tree = conversion.run(squash);
  options.operation.progress->stage("writing tables", 0);
  const auto summary = squash.finish(tree);
  verify_if_asked(squash, tree, summary, options);
  note(report, summary);
  finish_file(target, summary.bytes, options, report);
}

void write_sandbox(Conversion& conversion, DirectoryWriter& writer, const ConvertOptions& options, WarningList& warnings, ConvertReport& report) {
  const Tree tree = conversion.run(writer);
  options.operation.check();
  options.operation.progress->stage("setting owners and times", 0);
  writer.finish(tree, warnings, options.operation);
  for (InodeId id = 0; id < tree.inode_count(); ++id) {
    const Inode& inode = tree.inode(id);
    report.inodes += inode.links != 0 ? 1u : 0u;
    report.file_bytes += inode.links != 0 ? inode.size : 0;
  }
}

void only_read(Conversion& conversion, ConvertReport& report) {
  DiscardingSink sink;
  const Tree tree = conversion.run(sink);
  for (InodeId id = 0; id < tree.inode_count(); ++id) report.inodes += tree.inode(id).links != 0 ? 1u : 0u;
  report.file_bytes = sink.bytes();
}

/// To replace the source by what is made of it is nobody's wish: it cannot be made again.
void refuse_own_source(const oci::Reference& source, const std::filesystem::path& target) {
  if (oci::is_service(source.transport)) return;
  struct stat from {};
  struct stat to {};
  const bool there = source.location == "-" ? ::fstat(STDIN_FILENO, &from) == 0 : ::stat(source.location.c_str(), &from) == 0;
  if (!there || ::stat(target.c_str(), &to) != 0 || from.st_dev != to.st_dev || from.st_ino != to.st_ino) return;
  throw Error(ErrorKind::usage, fmt::format("the output {} is the source itself", in_quotes(target.native())), "choose another name for the output");
}

}  // namespace

ConvertReport convert(const oci::Reference& given, const std::filesystem::path& target, const ConvertOptions& options,
                      WarningList& warnings) {
  const auto start = std::chrono::steady_clock::now();
  layers::require_block_size(options.squashfs.block_size);
  ConvertReport report;
  report.target = target;
  if (!options.dry_run) refuse_own_source(given, target);
  // First of all, so that a target which cannot be written does not cost the transfer of an image.
  std::optional<AtomicFile> file;
  std::optional<DirectoryWriter> directory;
  if (options.format == OutputFormat::sandbox) {
    if (options.verify_after) throw Error(ErrorKind::usage, "only images are verified after writing, not directories");
    if (!options.dry_run) directory.emplace(target, options.overwrite);
  } else if (!options.dry_run) {
    file.emplace(target, options.overwrite, options.format == OutputFormat::sif ? kSifMode : kFileMode);
  }
  options.operation.progress->stage("reading the source", 0);
  const auto source = oci::open_source(given, options, warnings);
  const oci::Reference& reference = source->reference();
  const auto packed = source->image_file();
  const auto image = packed ? nullptr : source->open_image();
  std::unique_ptr<RootSource> root;
  if (packed) {
    root = std::make_unique<PackedRoot>(packed, options, warnings, report);
  } else {
    root = std::make_unique<LayeredRoot>(*image, *source, options, warnings, report);
  }
  naming({reference.location, given.text}, [&] { return fmt::format("converting {}", in_quotes(given.text)); }, [&] {
    Conversion conversion(*root, reference, options, warnings, report);
    if (options.dry_run) {
      only_read(conversion, report);
    } else if (options.format == OutputFormat::sif) {
      write_sif(*root, conversion, *file, options, warnings, report);
    } else if (options.format == OutputFormat::squashfs) {
      write_squashfs(conversion, *file, options, report);
    } else {
      write_sandbox(conversion, *directory, options, warnings, report);
    }
  });
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace sifkit

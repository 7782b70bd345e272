// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <algorithm>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/locked_file.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/resources.h>
#include <sifkit/sif/image_writer.h>

#include "base_image.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr unsigned kFileMode = 0666;
constexpr unsigned kSifMode = 0777;  ///< less the umask: its first line makes it a program

/// Everything a caller may choose that changes the image.
std::string options_text(const ConvertOptions& options, std::int64_t time) {
  const auto& squashfs = options.squashfs;
  std::string out =
      fmt::format("{} {} {} {} {} {} {}\n", static_cast<int>(squashfs.codec), squashfs.level, squashfs.fast,
                  squashfs.block_size, options.all_root, static_cast<int>(options.layers.xattrs), time);
  if (options.keep_capabilities) out += "capabilities\n";
  for (const auto& pattern : options.excludes) out += "exclude " + pattern + "\n";
  for (const auto& [name, value] : options.labels) out += "label " + name + "=" + value + "\n";
  for (const auto& [name, value] : options.env) out += "env " + name + "=" + value + "\n";
  return out;
}

/// From what the image is made of, not from where it came: layers, configuration and options. A source without
/// diff_ids is told by all that is packed.
sif::Uuid content_uuid(const RootIdentity& identity, const SquashfsSummary& summary, const std::string& options) {
  Hasher hasher;
  hasher.update(as_bytes("sifkit image\n" + options + identity.text));
  if (!identity.complete) hasher.update(as_bytes(summary.checksum.text()));
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
    const auto hashed = hash_ahead(
        std::make_unique<FileSource>(std::shared_ptr<const File>(std::shared_ptr<const File>(), &file), 0, size),
        hasher, operation);
    if (hashed != size)
      throw Error(ErrorKind::io, fmt::format("the finished file has {} bytes, expected {}", hashed, size));
  }
  if (failure) std::rethrow_exception(failure);
  return hasher.finish();
}

SquashfsOptions squashfs_options(const ConvertOptions& options, const Conversion& conversion) {
  SquashfsOptions out = options.squashfs;
  out.threads = options.threads != 0 ? options.threads : available_threads();
  out.time = conversion.file_time();
  // A worker holds a few blocks; a job with little memory gets fewer of them.
  static constexpr std::uint64_t kBlocksAThread = 64;
  const auto room = available_memory() / 2 / (kBlocksAThread * out.block_size);
  out.threads = static_cast<unsigned>(std::clamp<std::uint64_t>(out.threads, 1, std::max<std::uint64_t>(1, room)));
  return out;
}

/// The squashfs image in a file that is to become the target.
class Packing {
 public:
  /// What is at `target` is looked at now, while it is there.
  Packing(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings,
          ConvertReport& report)
      : options_(options), warnings_(warnings), report_(report), base_(open_base(target, options, warnings)) {}

  /// The region outlives the object.
  ContentSink& start(Region& region, const Conversion& conversion) {
    auto squashfs = squashfs_options(options_, conversion);
    squashfs.base = base_.blocks;
    report_.threads = squashfs.threads;
    return squash_.emplace(region, squashfs);
  }

  BaseLayers* base_layers() const { return base_.layers.get(); }

  SquashfsSummary finish(const Tree& tree) {
    options_.operation.progress->stage("writing tables", 0);
    const auto summary = squash_->finish(tree);
    if (options_.verify_after) {
      options_.operation.progress->stage("verifying", summary.file_bytes);
      squash_->verify(tree, options_.operation);
    }
    report_.inodes = summary.inodes;
    report_.file_bytes = summary.file_bytes;
    report_.duplicate_bytes = summary.duplicate_bytes;
    report_.reused_bytes = summary.reused_bytes;
    if (summary.damaged_base_blocks != 0) {
      warnings_.add("base-damaged", fmt::format("{} of the old image {} damaged; what is in the new one was packed again",
                                                fmt::format("{} {}", summary.damaged_base_blocks,
                                                            summary.damaged_base_blocks == 1 ? "block" : "blocks"),
                                                summary.damaged_base_blocks == 1 ? "is" : "are"));
    }
    squash_.reset();
    return summary;
  }

 private:
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  BaseImage base_;
  std::optional<SquashfsWriter> squash_;
};

void finish_file(AtomicFile& target, std::uint64_t size, const ConvertOptions& options, ConvertReport& report) {
  report.bytes = size;
  options.operation.progress->stage("writing to disk", size);
  if (options.edit && options.edit->original) target.file().take_owner_and_mode(*options.edit->original);
  if (options.digests_output) {
    report.digest = digest_and_sync(target.file(), size, options.operation);
  } else {
    target.file().sync();
  }
  options.operation.check();
  if (options.edit && options.edit->original && !has_name(*options.edit->original, target.target())) {
    throw Error(ErrorKind::io, fmt::format("{} was replaced while it was edited", in_quotes(target.target().native())),
                "try again");
  }
  target.commit();
}

/// The number of what had another one in the image that the objects come from; 0 for what stayed behind.
std::uint32_t new_id(const std::vector<SmallObject>& objects, std::uint32_t old_id) {
  const auto before = std::count_if(objects.begin(), objects.end(), [](const auto& object) { return !object.behind; });
  const auto partition = static_cast<std::uint32_t>(before) + 1;
  if (old_id == SmallObject::kPartition) return partition;
  std::uint32_t last_before = 0;
  std::uint32_t last_behind = partition;
  for (const auto& object : objects) {
    const auto id = object.behind ? ++last_behind : ++last_before;
    if (object.old_id == old_id) return id;
  }
  return 0;
}

class SifOutput : public Output {
 public:
  SifOutput(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings,
            ConvertReport& report)
      : options_(options),
        warnings_(warnings),
        report_(report),
        target_(target, options.overwrite, kSifMode),
        packing_(target, options, warnings, report) {}

  BaseLayers* base_layers() const override { return packing_.base_layers(); }

  ContentSink& contents(const Conversion& conversion) override {
    const sif::NewImage image{.launch_script = std::string(sif::kLaunchScript), .time = conversion.time()};
    writer_.emplace(target_.file(), image, conversion.expected_text_bytes());
    sif::ObjectSpec partition{.type = sif::DataType::partition};
    if (options_.edit) partition.name = options_.edit->name.value_or("");
    const auto place = conversion.partition_place();
    partition.group = place.group;
    partition.links_group = place.links_group;
    if (place.links_group) partition.link = place.old_link;
    partition_ = &writer_->begin(partition);
    return packing_.start(*partition_, conversion);
  }

  void finish(const Tree& tree, const Conversion& conversion) override {
    const auto summary = packing_.finish(tree);
    const sif::Partition partition{sif::FsType::squashfs, sif::PartitionType::primary_system, architecture()};
    const auto place = conversion.partition_place();
    const auto link = place.links_group || place.old_link == 0 ? 0 : new_id(conversion.objects(), place.old_link);
    writer_->end(summary.bytes, sif::encode_extra(partition), link);
    const auto record = conversion.origin() ? packing_record(tree, *conversion.origin(), summary, options_) : std::nullopt;
    for (const auto& object : conversion.objects()) {
      const bool holds_record = record && object.spec.name == kInspectMetadataName;
      auto spec = object.spec;
      if (object.old_link != 0) spec.link = new_id(conversion.objects(), object.old_link);
      const auto bytes = holds_record ? with_packing_record(object.bytes, *record) : object.bytes;
      object.behind ? writer_->add(spec, as_bytes(bytes)) : writer_->add_before(spec, as_bytes(bytes));
    }
    const auto text = options_text(options_, conversion.time());
    const sif::Uuid uuid =
        options_.reproducible ? content_uuid(conversion.identity(), summary, text) : sif::random_uuid();
    report_.uuid = uuid_text(uuid);
    writer_->set_uuid(uuid);
    writer_->finish();
    if (options_.before_commit) options_.before_commit(target_.file());
    finish_file(target_, target_.file().size(), options_, report_);
  }

 private:
  std::string architecture() {
    if (sif::architecture_code(report_.architecture)) return report_.architecture;
    warnings_.add("sif-architecture",
                  fmt::format("SIF has no code for the architecture {}: the image's header says that it is unknown",
                              in_quotes(report_.architecture)));
    return "unknown";
  }

  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  AtomicFile target_;
  std::optional<sif::ImageWriter> writer_;
  Region* partition_ = nullptr;
  Packing packing_;  // last: it writes into the partition
};

class SquashfsOutput : public Output {
 public:
  SquashfsOutput(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings,
                 ConvertReport& report)
      : options_(options),
        report_(report),
        target_(target, options.overwrite, kFileMode),
        region_(target_.file(), 0),
        packing_(target, options, warnings, report) {}

  ContentSink& contents(const Conversion& conversion) override { return packing_.start(region_, conversion); }
  void finish(const Tree& tree, const Conversion&) override {
    finish_file(target_, packing_.finish(tree).bytes, options_, report_);
  }

 private:
  const ConvertOptions& options_;
  ConvertReport& report_;
  AtomicFile target_;
  FileRegion region_;
  Packing packing_;  // last: it writes into the region
};

}  // namespace

std::unique_ptr<Output> open_sif_output(const std::filesystem::path& target, const ConvertOptions& options,
                                        WarningList& warnings, ConvertReport& report) {
  return std::make_unique<SifOutput>(target, options, warnings, report);
}

std::unique_ptr<Output> open_squashfs_output(const std::filesystem::path& target, const ConvertOptions& options,
                                             WarningList& warnings, ConvertReport& report) {
  return std::make_unique<SquashfsOutput>(target, options, warnings, report);
}

}  // namespace sifkit

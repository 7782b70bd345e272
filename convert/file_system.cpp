// SPDX-License-Identifier: Apache-2.0
#include <sifkit/file_system.h>

#include <utility>

#include <fmt/format.h>

#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>

#include "flattened_image.h"
#include "naming.h"
#include "wanted_architecture.h"

namespace sifkit {

using layers::Opening;

namespace {

class PackedFileSystem : public OpenedFileSystem {
 public:
  PackedFileSystem(oci::Reference reference, std::shared_ptr<const File> file, RootFs rootfs)
      : reference_(std::move(reference)), file_(std::move(file)), rootfs_(std::move(rootfs)) {}

  const oci::Reference& reference() const override { return reference_; }
  layers::FileSystem& files() override { return rootfs_.reader(); }
  const sif::Image* sif() const override { return rootfs_.sif(); }
  layers::SquashfsReader* squashfs() override { return &rootfs_.reader(); }
  std::shared_ptr<const File> image_file() const override { return file_; }

 private:
  oci::Reference reference_;
  std::shared_ptr<const File> file_;
  RootFs rootfs_;
};

class LayeredFileSystem : public OpenedFileSystem {
 public:
  LayeredFileSystem(std::shared_ptr<oci::OpenedSource> source, const oci::SourceOptions& options, WarningList& warnings)
      : reference_(source->reference()), files_(std::move(source), options, warnings) {}

  const oci::Reference& reference() const override { return reference_; }
  layers::FileSystem& files() override { return files_; }
  oci::Image* image() override { return &files_.image(); }
  std::optional<std::size_t> layer_of(layers::InodeId inode) const override { return files_.layer_of(inode); }
  std::vector<layers::LayerUsage> layer_usage() const override { return files_.layer_usage(); }
  void read_hidden(const std::function<layers::ContentSink*(const HiddenFile&)>& sink_for) override {
    files_.read_hidden(sink_for);
  }
  void list_lost(const layers::TakeLostFile& take) override { files_.list_lost(take); }

 private:
  oci::Reference reference_;
  FlattenedImage files_;
};

std::unique_ptr<OpenedFileSystem> open_packed(const oci::Reference& reference, std::shared_ptr<const File> file,
                                              const Limits& limits, WarningList& warnings, Opening opening) {
  auto rootfs = RootFs::open(file, limits, opening);
  for (const auto& problem : rootfs.problems()) {
    warnings.add("sif-flaw", fmt::format("{}: {}", in_quotes(file->name()), printable(problem)));
  }
  if (const auto* sif = rootfs.sif()) {
    for (const auto* object : sif->objects_of(sif::DataType::partition)) {
      if (const auto partition = object->partition(); partition && partition->type == sif::PartitionType::overlay) {
        warnings.add("overlay", fmt::format("{}: the overlay (object {}) is not looked into: a container has what is in "
                                            "it, too", in_quotes(file->name()), object->id));
      }
    }
  }
  return std::make_unique<PackedFileSystem>(reference, std::move(file), std::move(rootfs));
}

}  // namespace

std::unique_ptr<OpenedFileSystem> open_file_system(std::shared_ptr<const File> file, const Limits& limits,
                                                   WarningList& warnings) {
  return open_packed({oci::Transport::automatic, file->name(), {}, file->name()}, file, limits, warnings, Opening::whole);
}

std::unique_ptr<OpenedFileSystem> open_file_system(std::shared_ptr<oci::OpenedSource> source,
                                                   const oci::SourceOptions& options, WarningList& warnings,
                                                   Opening opening) {
  if (const auto file = source->image_file()) {
    auto out = open_packed(source->reference(), file, options.limits, warnings, opening);
    if (out->sif() != nullptr) expect_architecture(options.platform, out->sif()->header().architecture);
    return out;
  }
  source->keep_layers();  // names and contents are read one after the other
  return std::make_unique<LayeredFileSystem>(std::move(source), options, warnings);
}

std::unique_ptr<OpenedFileSystem> open_file_system(const oci::Reference& given, const oci::SourceOptions& options,
                                                   WarningList& warnings, Opening opening) {
  std::shared_ptr<oci::OpenedSource> source = oci::open_source(given, options, warnings);
  return naming({source->reference().location, given.text}, [&] { return in_quotes(given.text); },
                [&] { return open_file_system(source, options, warnings, opening); });
}

}  // namespace sifkit

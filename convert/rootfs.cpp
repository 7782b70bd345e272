// SPDX-License-Identifier: Apache-2.0
#include <sifkit/rootfs.h>

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>

#include "naming.h"
#include "root_place.h"

namespace sifkit {

RootFs::RootFs(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size, const Limits& limits,
               layers::Opening opening)
    : file_(std::move(file)),
      region_(std::make_unique<FileRegion>(*file_, offset, size)),
      reader_(std::make_unique<layers::SquashfsReader>(*region_, limits, opening)) {}

RootFs RootFs::open(const std::filesystem::path& path, const Limits& limits) {
  const auto refuse = [&] {
    const auto identity = oci::identify(path, limits);
    Error error = identity.unexpected(in_quotes(path.native()), "a SIF or squashfs image");
    if (identity.transport() != oci::Transport::automatic) error.set_hint(Advice::convert);
    throw error;
  };
  const auto mode = expect_readable(path);
  if (S_ISDIR(mode)) refuse();
  auto file = std::make_shared<const File>(File::open_read(path));
  if (!file->is_regular()) throw Error(ErrorKind::unsupported, fmt::format("{} is no regular file, as a SIF or squashfs image is", in_quotes(path.native())), "save what it gives to a file first");
  if (const auto kind = sniff_file(*file).kind; kind != FileKind::sif && kind != FileKind::squashfs) refuse();
  return open(std::move(file), limits);
}

RootPlace find_root(const std::shared_ptr<const File>& file) {
  const auto sniff = sniff_file(*file);
  if (sniff.kind == FileKind::squashfs) return {nullptr, sniff.offset, file->size() - sniff.offset};
  const auto image = std::make_shared<const sif::Image>(file);
  const auto* primary = image->primary_partition();
  if (primary == nullptr) {
    const bool holds_layers = !image->objects_of(sif::DataType::oci_root_index).empty();
    throw Error(ErrorKind::not_found, "the SIF has no primary system partition",
                holds_layers ? Hint(Advice::list_objects, {}, "it holds an OCI image, each layer a file system of its own")
                             : Hint());
  }
  if (const auto fs = primary->partition()->fs; fs != sif::FsType::squashfs) {
    const bool encrypted = fs == sif::FsType::encrypted_squashfs || fs == sif::FsType::gocryptfs_squashfs;
    throw Error(ErrorKind::unsupported,
                fmt::format("the primary partition is {}; only squashfs is looked into", sif::to_string(fs)),
                encrypted ? "only a runtime that has its key reads it" :
                            "dump the partition to a file, mount that and give the directory: dir:MOUNTPOINT");
  }
  image->check_range(*primary);
  return {image, static_cast<std::uint64_t>(primary->offset), static_cast<std::uint64_t>(primary->size)};
}

RootFs RootFs::open(std::shared_ptr<const File> file, const Limits& limits, layers::Opening opening) {
  return naming({file->name()}, [&] { return in_quotes(file->name()); }, [&] {
    const auto place = find_root(file);
    RootFs out(file, place.offset, place.size, limits, opening);
    out.sif_ = place.sif;
    return out;
  });
}

std::span<const std::string> RootFs::problems() const noexcept {
  return sif_ ? std::span(sif_->problems()) : std::span<const std::string>();
}

}  // namespace sifkit

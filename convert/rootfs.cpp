// SPDX-License-Identifier: Apache-2.0
#include <sifkit/rootfs.h>

#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image.h>

namespace sifkit {

RootFs::RootFs(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size, const Limits& limits)
    : file_(std::move(file)),
      region_(std::make_unique<FileRegion>(*file_, offset, size)),
      reader_(std::make_unique<layers::SquashfsReader>(*region_, limits)) {}

RootFs RootFs::open(const std::filesystem::path& path, const Limits& limits) {
  return in_context([&] { return in_quotes(path.native()); }, [&] {
    auto file = std::make_shared<File>(File::open_read(path));
    if (!file->is_regular()) throw Error(ErrorKind::unsupported, "a SIF or squashfs image is a regular file; this is not one");
    std::array<std::byte, 4> magic{};
    if (file->read_at(0, magic) == magic.size() && as_text(magic) == "hsqs") {
      const auto size = file->size();
      return RootFs(std::move(file), 0, size, limits);
    }
    const sif::Image image(file);
    const auto* primary = image.primary_partition();
    if (primary == nullptr) {
      const bool holds_layers = !image.objects_of(sif::DataType::oci_root_index).empty();
      throw Error(ErrorKind::not_found, "the SIF has no primary system partition", holds_layers ? "it holds an OCI image, each layer a file system of its own: 'sifkit sif list' and 'sifkit sif dump' show its blobs" : "");
    }
    if (const auto fs = primary->partition()->fs; fs != sif::FsType::squashfs) {
      throw Error(ErrorKind::unsupported, fmt::format("the primary partition is {}; only squashfs is looked into", sif::to_string(fs)));
    }
    image.check_range(*primary);
    RootFs out(std::move(file), static_cast<std::uint64_t>(primary->offset), static_cast<std::uint64_t>(primary->size), limits);
    out.problems_ = image.problems();
    return out;
  });
}

layers::InodeId RootFs::require(std::string_view path, bool follow) const {
  const auto found = tree().resolve(path, follow);
  if (!found) throw Error(ErrorKind::not_found, fmt::format("{} is not in the image", in_quotes(path)));
  return *found;
}

}  // namespace sifkit

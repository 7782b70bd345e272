// SPDX-License-Identifier: Apache-2.0
#include "base_image.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/sif/image.h>

#include "container_metadata.h"
#include "root_place.h"

namespace sifkit {

namespace {

/// The layers that an image was packed from; nothing where it does not say, or was packed otherwise.
std::unique_ptr<BaseLayers> layers_of(const sif::Image& image, std::shared_ptr<const layers::PackedBlocks> blocks,
                                      const ConvertOptions& options) {
  std::string why = "it has no packing record";
  try {
    const auto record = read_packing_record(image, options.limits);
    if (record && record->options != packing_options(options)) {
      why = "it was packed with other options";
    } else if (record) {
      return std::make_unique<BaseLayers>(std::move(blocks), *record);
    }
  } catch (const Error& error) {
    why = error.what();
  }
  options.operation.logger->write(LogLevel::debug, fmt::format("all layers are read: of the old image: {}", why));
  return nullptr;
}

bool belongs_to_user(const File& file) {
  struct stat status {};
  return ::fstat(file.fd(), &status) == 0 && status.st_uid == ::geteuid();
}

}  // namespace

BaseImage open_base(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings) {
  const bool asked_for = !options.base.empty();
  if (!options.use_base || (!asked_for && options.overwrite == Overwrite::no)) return {};
  const auto& path = asked_for ? options.base : target;
  const auto refuse = [&](std::string_view reason) {
    const std::string text = fmt::format("nothing is taken from {}: {}", in_quotes(path.native()), reason);
    if (asked_for) {
      warnings.add("base-unused", text);
    } else {
      options.operation.logger->write(LogLevel::debug, text);
    }
    return BaseImage();
  };
  std::shared_ptr<const File> file;
  if (asked_for) {
    if (S_ISDIR(expect_readable(path))) return refuse("it is a directory, an image was expected");
    file = std::make_shared<const File>(File::open_read(path));
  } else {
    // The output may be anything, or nothing yet.
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return {};
  }
  try {
    if (!file) file = std::make_shared<const File>(File::open_read(path));
    if (!file->is_regular()) return refuse("it is no regular file");
    const auto kind = sniff_file(*file).kind;
    if (kind != FileKind::sif && kind != FileKind::squashfs) {
      return refuse(fmt::format("it is {}, an image was expected", words_of(kind).name));
    }
    const auto place = find_root(file);
    auto blocks = std::make_shared<const layers::PackedBlocks>(file, place.offset, place.size, options.limits);
    // An edit keeps blocks, whatever packed them; a build gives the same bytes with and without a base.
    const bool as_packed = options.edit && options.edit->same_packing;
    const auto reason = as_packed ? blocks->unusable_for(options.squashfs) : blocks->unfit_for(options.squashfs);
    if (!reason.empty()) return refuse(reason);
    BaseImage base{blocks, nullptr};
    // Blocks are compared, layers are believed: of what just lies in the way only those of one's own file.
    const bool is_believed = asked_for || belongs_to_user(*file);
    const bool has_record =
        place.sif && is_believed && options.excludes.empty() && options.format == OutputFormat::sif;
    if (has_record) base.layers = layers_of(*place.sif, blocks, options);
    return base;
  } catch (const Error& error) {
    return refuse(error.what());
  }
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "base_image.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>

#include "root_place.h"

namespace sifkit {

std::shared_ptr<const layers::PackedBlocks> open_base(const std::filesystem::path& target,
                                                      const ConvertOptions& options, WarningList& warnings) {
  const bool asked_for = !options.base.empty();
  if (!options.use_base || (!asked_for && options.overwrite == Overwrite::no)) return nullptr;
  const auto& path = asked_for ? options.base : target;
  const auto refuse = [&](std::string_view reason) {
    const std::string text = fmt::format("nothing is taken from {}: {}", in_quotes(path.native()), reason);
    if (asked_for) {
      warnings.add("base-unused", text);
    } else {
      options.operation.logger->write(LogLevel::debug, text);
    }
    return nullptr;
  };
  std::shared_ptr<const File> file;
  if (asked_for) {
    if (S_ISDIR(expect_readable(path))) return refuse("it is a directory, an image was expected");
    file = std::make_shared<const File>(File::open_read(path));
  } else {
    // The output may be anything, or nothing yet.
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return nullptr;
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
    if (const auto reason = blocks->unfit_for(options.squashfs); !reason.empty()) return refuse(reason);
    return blocks;
  } catch (const Error& error) {
    return refuse(error.what());
  }
}

}  // namespace sifkit

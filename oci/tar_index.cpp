// SPDX-License-Identifier: Apache-2.0
#include "tar_index.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/tar_reader.h>

namespace sifkit::oci {

namespace {

/// Says what TarReader::drain says of a stream, and reads no more than that takes.
void look_behind_end(const File& file, std::uint64_t end, const Limits& limits, WarningList& warnings) {
  std::array<std::byte, 64 * 1024> buffer;
  std::size_t got = 0;
  for (auto at = end; at - end < limits.trailing_bytes && (got = file.read_at(at, buffer)) != 0; at += got) {
    const auto bytes = ByteView(buffer).first(got);
    if (std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; })) continue;
    warnings.add("tar-end", fmt::format("tar offset {}: data after the end of the archive is not read", end));
    return;
  }
}

}  // namespace

TarIndex::TarIndex(std::shared_ptr<const File> file, bool guessed, const Limits& limits, const OperationContext& operation,
                   WarningList& warnings)
    : file_(std::move(file)), limits_(limits), members_(guessed) {
  in_file(file_->name(),
             [&] {
               FileSource source(file_);
               TarReader reader(source, limits_, warnings, TarTypes::any);
               std::array<std::byte, ContentsSurvey::kHeadBytes> head;
               while (const auto member = reader.next()) {
                 operation.check();
                 members_.add(*member, member->data_offset, limits_, [&] {
                   const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(member->stored_size, head.size()));
                   return ByteView(head).first(file_->read_at(member->data_offset, std::span(head).first(size)));
                 });
               }
               look_behind_end(*file_, reader.offset(), limits_, warnings);
             });
}

std::optional<std::uint64_t> TarIndex::find(std::string_view name) {
  const auto* member = members_.find(name, file_->name(), limits_);
  if (member == nullptr) return std::nullopt;
  return member->size;
}

std::unique_ptr<Source> TarIndex::open(std::string_view name) {
  const auto* member = members_.find(name, file_->name(), limits_);
  if (member == nullptr) {
    throw Error(ErrorKind::not_found, fmt::format("{}: member {} is not in the archive", in_quotes(file_->name()), in_quotes(name)));
  }
  return std::make_unique<FileSource>(file_, member->place, member->size);
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "compaction.h"

#include <algorithm>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::sif {

std::vector<Descriptor> without_holes(const Header& header, const std::vector<Descriptor>& slots) {
  std::vector<Descriptor> out = slots;
  std::vector<Descriptor*> in_order;
  for (auto& slot : out) {
    if (slot.used) in_order.push_back(&slot);
  }
  // An empty object may lie where another one begins, and anywhere else.
  std::stable_sort(in_order.begin(), in_order.end(), [](const Descriptor* a, const Descriptor* b) {
    return std::pair(a->offset, a->size) < std::pair(b->offset, b->size);
  });
  std::int64_t at = header.data_offset;
  for (auto* object : in_order) {
    if (object->size != 0 && object->offset < header.data_offset) {
      throw Error(ErrorKind::malformed,
                  fmt::format("object {} at offset {} lies before the data, which starts at {}", object->id,
                              object->offset, header.data_offset));
    }
    constexpr std::int64_t kAlignment = kPartitionAlignment;
    const bool keeps = object->type == DataType::partition && object->offset % kAlignment == 0;
    const std::int64_t moved = keeps ? (at + kAlignment - 1) / kAlignment * kAlignment : at;
    // What lies right already keeps all of its descriptor.
    if (moved != object->offset) object->size_with_padding = moved - at + object->size;
    object->offset = moved;
    at = moved + object->size;
  }
  return out;
}

void move_objects(const std::filesystem::path& path, const File& file, const Header& header, const std::vector<Descriptor>& from, const std::vector<Descriptor>& to, const OperationContext& operation) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) throw_errno("look at the file");
  AtomicFile target(path, Overwrite::yes, status.st_mode & 0777, file.name());
  const File& copy = target.file();
  const auto end = end_of_data(header, to);
  operation.progress->stage("copying", static_cast<std::uint64_t>(end));
  copy.truncate(static_cast<std::uint64_t>(end));
  copy_range(file, 0, copy, 0, static_cast<std::uint64_t>(header.data_offset), operation);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!from[i].used || from[i].size == 0) continue;
    copy_range(file, static_cast<std::uint64_t>(from[i].offset), copy, static_cast<std::uint64_t>(to[i].offset), static_cast<std::uint64_t>(from[i].size), operation);
  }
  copy.write_at(static_cast<std::uint64_t>(header.descriptors_offset), encode_table(to));
  copy.write_at(0, header.encode());
  copy.take_owner_and_mode(file);
  operation.check();
  target.commit();
}

Bytes encode_table(const std::vector<Descriptor>& slots) {
  ByteWriter out;
  for (const auto& slot : slots) out.put(slot.encode());
  return out.release();
}

std::int64_t end_of_data(const Header& header, const std::vector<Descriptor>& slots) {
  std::int64_t end = header.data_offset;
  for (const auto& slot : slots) {
    if (slot.used) end = std::max(end, slot.offset + slot.size);
  }
  return end;
}

}  // namespace sifkit::sif

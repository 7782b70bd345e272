// SPDX-License-Identifier: Apache-2.0
#include "table_swap.h"

#include <algorithm>
#include <optional>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

namespace sifkit::sif {

namespace {

constexpr std::string_view kRecordMagic("SIFKIT-UNDO\0\0\0\0\1", 16);
constexpr std::size_t kRecordFixedSize = 16 + 8 + 8 + kHeaderSize;
constexpr std::size_t kRecordDigestSize = 32;

std::uint64_t table_offset(const Header& header) { return static_cast<std::uint64_t>(header.descriptors_offset); }

bool is_used(ByteView slot) { return slot[4] != std::byte{0}; }

Bytes used_slots(ByteView table) {
  Bytes out;
  for (std::size_t at = 0; at < table.size(); at += kDescriptorSize) {
    const auto slot = table.subspan(at, kDescriptorSize);
    if (is_used(slot)) out.insert(out.end(), slot.begin(), slot.end());
  }
  return out;
}

/// `old` with its table at another place, where no slot is free.
Bytes detour_header(Header old, std::uint64_t offset, std::size_t size) {
  old.descriptors_offset = static_cast<std::int64_t>(offset);
  old.descriptors_size = static_cast<std::int64_t>(size);
  old.descriptors_total = static_cast<std::int64_t>(size / kDescriptorSize);
  old.descriptors_free = 0;
  return old.encode();
}

/// What stands behind the copy of the used descriptors: how it was before the edit.
Bytes encode_record(ByteView header, ByteView table, std::uint64_t file_size) {
  ByteWriter out;
  out.put(as_bytes(kRecordMagic));
  out.le(file_size);
  out.le(static_cast<std::uint64_t>(table.size()));
  out.put(header);
  out.put(table);
  Hasher hasher;
  hasher.update(out.bytes());
  out.put(hasher.finish_raw());
  return out.release();
}

struct Record {
  std::uint64_t file_size = 0;
  Header header;
  Bytes table;
};

std::optional<Record> find_record(const File& file, const Image& image) {
  const auto at = table_offset(image.header()) + image.slots().size() * kDescriptorSize;
  Bytes raw(kRecordFixedSize);
  if (file.read_at(at, raw) != raw.size() || !as_text(raw).starts_with(kRecordMagic)) return std::nullopt;
  ByteReader reader(raw);
  reader.skip(kRecordMagic.size(), "magic");
  Record record;
  record.file_size = reader.le<std::uint64_t>("file size");
  const auto table_size = reader.le<std::uint64_t>("table size");
  const auto header = reader.take(kHeaderSize, "header");
  const auto room = file.size() - at - kRecordFixedSize;
  if (room < kRecordDigestSize || table_size > room - kRecordDigestSize) return std::nullopt;
  if (table_size > std::uint64_t{kMaxDescriptors} * kDescriptorSize) return std::nullopt;
  record.table.resize(static_cast<std::size_t>(table_size));
  Bytes digest(kRecordDigestSize);
  file.read_exact_at(at + kRecordFixedSize, record.table, "descriptor table");
  file.read_exact_at(at + kRecordFixedSize + table_size, digest, "digest");
  const auto expected = encode_record(header, record.table, record.file_size);
  if (!std::equal(digest.begin(), digest.end(), expected.end() - kRecordDigestSize)) return std::nullopt;
  record.header = Header::decode(header);
  return record;
}

/// What undoing puts in place.
struct Restored {
  Bytes header;
  Bytes table;
  std::uint64_t file_size = 0;
};

/// The record may be anybody's bytes, and a program that knows nothing of it may have edited the image meanwhile: of
/// the record only the table's place and the length of the file are taken, where that changes nothing that a reader
/// sees. The descriptors are those of now, each in the slot that it was copied from.
std::optional<Restored> restored(const Record& record, const File& file, const Image& image) {
  const auto& now = image.header();
  const auto& old = record.header;
  const auto place = table_offset(now);
  const auto table_size = static_cast<std::uint64_t>(record.table.size());
  if (table_size % kDescriptorSize != 0 || old.descriptors_total < 0 ||
      static_cast<std::uint64_t>(old.descriptors_total) != table_size / kDescriptorSize ||
      old.descriptors_size < static_cast<std::int64_t>(table_size)) {
    return std::nullopt;
  }
  const auto counts = [&](std::int64_t count) { return count >= 0 && count <= old.descriptors_total; };
  if (!counts(old.descriptors_free) || !counts(now.descriptors_free) ||
      !counts(old.descriptors_free + now.descriptors_free)) {
    return std::nullopt;
  }
  if (record.file_size > place || old.data_offset != now.data_offset ||
      old.descriptors_offset < static_cast<std::int64_t>(kHeaderSize)) {
    return std::nullopt;
  }
  const auto old_place = table_offset(old);
  if (old_place > record.file_size || table_size > record.file_size - old_place ||
      static_cast<std::uint64_t>(old.descriptors_size) > record.file_size - old_place) {
    return std::nullopt;
  }

  // Where the data is, a table would be in its way.
  if (now.data_offset < 0 || old_place + table_size > static_cast<std::uint64_t>(now.data_offset)) return std::nullopt;

  Restored out{.header = {}, .table = record.table, .file_size = record.file_size};
  Bytes copy(image.slots().size() * kDescriptorSize);
  if (file.read_at(place, copy) != copy.size()) return std::nullopt;
  std::size_t from = 0;
  for (std::size_t at = 0; at < out.table.size(); at += kDescriptorSize) {
    if (!is_used(ByteView(out.table).subspan(at))) continue;
    if (from == copy.size()) return std::nullopt;
    std::copy_n(copy.begin() + static_cast<std::ptrdiff_t>(from), kDescriptorSize,
                out.table.begin() + static_cast<std::ptrdiff_t>(at));
    from += kDescriptorSize;
  }
  if (from != copy.size()) return std::nullopt;
  for (const auto& object : image.slots()) {
    if (object.size == 0) continue;
    if (object.offset < 0 || object.size < 0) return std::nullopt;
    const auto start = static_cast<std::uint64_t>(object.offset);
    const auto size = static_cast<std::uint64_t>(object.size);
    if (start > place || size > place - start) return std::nullopt;
    if (start + size > old_place && start < old_place + table_size) return std::nullopt;
    out.file_size = std::max(out.file_size, start + size);
  }

  Header header = now;
  header.descriptors_offset = old.descriptors_offset;
  header.descriptors_size = old.descriptors_size;
  header.descriptors_total = old.descriptors_total;
  header.descriptors_free = old.descriptors_free + now.descriptors_free;  // of the copy none was free
  out.header = header.encode();
  return out;
}

}  // namespace

TableSwap::TableSwap(const File& file, const Image& image)
    : file_(file),
      old_header_(image.header()),
      old_header_bytes_(kHeaderSize),
      old_table_(image.slots().size() * kDescriptorSize),
      old_size_(image.file_size()) {
  file_.read_exact_at(0, old_header_bytes_, "header");
  if (!old_table_.empty()) file_.read_exact_at(table_offset(old_header_), old_table_, "descriptor table");
}

void TableSwap::commit(const Header& header, ByteView table, std::uint64_t free_from) {
  const auto copy = used_slots(old_table_);
  const auto record = encode_record(old_header_bytes_, old_table_, old_size_);
  const auto detour = detour_header(old_header_, free_from, copy.size());
  // The table may lie in a hole of the file: it gets its room while nothing has to be undone, as the disk may be full.
  if (!old_table_.empty()) file_.write_at(table_offset(old_header_), old_table_);
  file_.write_at(free_from, copy);
  file_.write_at(free_from + copy.size(), record);
  file_.sync();
  try {
    needs_file_end_ = true;
    file_.write_at(0, detour);
    file_.sync();
    file_.write_at(table_offset(header), table);
    file_.sync();
    file_.write_at(0, header.encode());
    file_.sync();
    needs_file_end_ = false;
  } catch (...) {
    restore(detour);
    throw;
  }
}

void TableSwap::restore(const Bytes& detour) {
  try {
    file_.write_at(0, detour);
    file_.sync();
    file_.write_at(table_offset(old_header_), old_table_);
    file_.sync();
    file_.write_at(0, old_header_bytes_);
    file_.sync();
    needs_file_end_ = false;
  } catch (const Error&) {
    // The file is left as a reader can use it; the next edit ends this.
  }
}

bool undo_interrupted_swap(const File& file, const Image& image) {
  const auto record = find_record(file, image);
  if (!record) return false;
  const auto old = restored(*record, file, image);
  if (!old) return false;
  file.write_at(static_cast<std::uint64_t>(record->header.descriptors_offset), old->table);
  file.sync();
  file.write_at(0, old->header);
  file.sync();
  file.truncate(old->file_size);
  return true;
}

}  // namespace sifkit::sif

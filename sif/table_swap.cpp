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

Bytes used_slots(ByteView table) {
  Bytes out;
  for (std::size_t at = 0; at < table.size(); at += kDescriptorSize) {
    const auto slot = table.subspan(at, kDescriptorSize);
    if (slot[4] != std::byte{0}) out.insert(out.end(), slot.begin(), slot.end());
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
  Bytes header_bytes;
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
  record.header_bytes.assign(header.begin(), header.end());
  const auto room = file.size() - at - kRecordFixedSize;
  if (room < kRecordDigestSize || table_size > room - kRecordDigestSize) return std::nullopt;
  record.table.resize(static_cast<std::size_t>(table_size));
  Bytes digest(kRecordDigestSize);
  file.read_exact_at(at + kRecordFixedSize, record.table, "descriptor table");
  file.read_exact_at(at + kRecordFixedSize + table_size, digest, "digest");
  const auto expected = encode_record(record.header_bytes, record.table, record.file_size);
  if (!std::equal(digest.begin(), digest.end(), expected.end() - kRecordDigestSize)) return std::nullopt;
  record.header = Header::decode(record.header_bytes);
  return record;
}

/// The record is only trusted where following it changes nothing that a reader sees: it may be anybody's bytes.
bool says_the_same(const Record& record, const File& file, const Image& image) {
  const auto& now = image.header();
  const auto place = table_offset(now);
  if (record.table.size() % kDescriptorSize != 0 || record.header.descriptors_total < 0 ||
      static_cast<std::uint64_t>(record.header.descriptors_total) != record.table.size() / kDescriptorSize ||
      record.header.descriptors_size < static_cast<std::int64_t>(record.table.size())) {
    return false;
  }
  const auto used = used_slots(record.table);
  Bytes copy(image.slots().size() * kDescriptorSize);
  if (used.size() != copy.size() || file.read_at(place, copy) != copy.size() || copy != used) return false;
  if (detour_header(record.header, place, copy.size()) != now.encode()) return false;
  if (record.file_size > place || record.header.descriptors_offset < static_cast<std::int64_t>(kHeaderSize)) return false;
  const auto old_place = table_offset(record.header);
  if (old_place > record.file_size || record.table.size() > record.file_size - old_place) return false;
  return std::all_of(image.slots().begin(), image.slots().end(), [&](const Descriptor& object) {
    if (object.size == 0) return true;
    if (object.offset < 0 || object.size < 0) return false;
    const auto start = static_cast<std::uint64_t>(object.offset);
    const auto size = static_cast<std::uint64_t>(object.size);
    if (start > record.file_size || size > record.file_size - start) return false;
    return start + size <= old_place || start >= old_place + record.table.size();
  });
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
  if (!record || !says_the_same(*record, file, image)) return false;
  file.write_at(table_offset(record->header), record->table);
  file.sync();
  file.write_at(0, record->header_bytes);
  file.sync();
  file.truncate(record->file_size);
  return true;
}

}  // namespace sifkit::sif

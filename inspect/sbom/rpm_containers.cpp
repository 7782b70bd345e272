// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "big_endian.h"
#include "rpm.h"

namespace sifkit::sbom {

namespace {

[[noreturn]] void fail(std::string message) { throw Error(ErrorKind::malformed, std::move(message)); }

constexpr std::string_view kSqliteMagic{"SQLite format 3\0", 16};
constexpr std::string_view kNdbMagic = "RpmP";

// Berkeley DB, dbinc/db_page.h.
constexpr std::uint32_t kHashMagic = 0x061561;
constexpr std::size_t kPageHeader = 26;
constexpr std::uint8_t kOldHashPage = 2, kOverflowPage = 7, kHashPage = 13;
constexpr std::byte kOffPage{3};

/// A Berkeley DB file of the kind "hash", of either byte order.
class HashFile {
 public:
  explicit HashFile(ByteView bytes) : bytes_(bytes) {
    if (bytes.size() < 512) fail(fmt::format("Berkeley DB: expected a page of metadata, got {} bytes", bytes.size()));
    big_ = load_be<std::uint32_t>(bytes.data() + 12) == kHashMagic;
    page_size_ = u32(bytes.data() + 20);
    if (page_size_ < 512 || page_size_ > 65536 || (page_size_ & (page_size_ - 1)) != 0) {
      fail(fmt::format("Berkeley DB: expected a page size from 512 to 65536, got {}", page_size_));
    }
    pages_ = bytes.size() / page_size_;
  }

  void for_each_value(const std::function<void(ByteView)>& visit) const {
    for (std::size_t number = 1; number < pages_; ++number) {
      const auto page = this->page(number);
      const auto type = std::to_integer<std::uint8_t>(page[25]);
      if (type != kHashPage && type != kOldHashPage) continue;
      const std::size_t entries = u16(page.data() + 20);
      if (kPageHeader + entries * 2 > page.size()) {
        fail(fmt::format("Berkeley DB: page {}: {} entries do not fit", number, entries));
      }
      // Keys and values take turns.
      for (std::size_t i = 1; i < entries; i += 2) {
        const std::size_t offset = u16(page.data() + kPageHeader + i * 2);
        if (offset >= page.size()) fail(fmt::format("Berkeley DB: page {}: entry at {}", number, offset));
        if (page[offset] != kOffPage) continue;  // what is this small is no package
        if (page.size() - offset < 12)
          fail(fmt::format("Berkeley DB: page {}: entry at {} is cut short", number, offset));
        visit(chain(u32(page.data() + offset + 4), u32(page.data() + offset + 8)));
      }
    }
  }

 private:
  ByteView page(std::size_t number) const { return bytes_.subspan(number * page_size_, page_size_); }
  std::uint32_t u32(const std::byte* at) const {
    return big_ ? load_be<std::uint32_t>(at) : load_le<std::uint32_t>(at);
  }
  std::uint16_t u16(const std::byte* at) const {
    return big_ ? load_be<std::uint16_t>(at) : load_le<std::uint16_t>(at);
  }

  /// The bytes of a value that lies in pages of its own.
  const Bytes& chain(std::uint32_t first, std::uint32_t length) const {
    value_.clear();
    std::size_t steps = 0;
    for (std::uint32_t number = first; value_.size() < length; ++steps) {
      if (number == 0 || number >= pages_ || steps == pages_) {
        fail(fmt::format("Berkeley DB: a value of {} bytes ends after {} at page {}", length, value_.size(), number));
      }
      const auto page = this->page(number);
      const std::size_t used = u16(page.data() + 22);
      // One without bytes adds nothing to what all values may have together, and would be passed any number of times.
      if (std::to_integer<std::uint8_t>(page[25]) != kOverflowPage || used == 0 || used > page.size() - kPageHeader) {
        fail(fmt::format("Berkeley DB: page {} is no part of a value", number));
      }
      const auto part = page.subspan(kPageHeader, std::min<std::size_t>(used, length - value_.size()));
      value_.insert(value_.end(), part.begin(), part.end());
      number = u32(page.data() + 16);
    }
    return value_;
  }

  ByteView bytes_;
  bool big_ = false;
  std::size_t page_size_ = 0;
  std::size_t pages_ = 0;
  mutable Bytes value_;
};

}  // namespace

RpmContainer rpm_container(ByteView bytes) noexcept {
  const auto text = as_text(bytes);
  if (text.starts_with(kSqliteMagic)) return RpmContainer::sqlite;
  if (text.starts_with(kNdbMagic)) return RpmContainer::ndb;
  if (bytes.size() >= 16 && (load_le<std::uint32_t>(bytes.data() + 12) == kHashMagic ||
                             load_be<std::uint32_t>(bytes.data() + 12) == kHashMagic)) {
    return RpmContainer::hash;
  }
  return RpmContainer::none;
}

std::function<void(ByteView)> each_byte_once(ByteView database, const std::function<void(ByteView)>& visit) {
  return [&visit, whole = database.size(), left = database.size()](ByteView header) mutable {
    if (header.size() > left)
      throw Error(ErrorKind::limit,
                  fmt::format("the headers of all packages take more than the {} bytes of the database", whole));
    left -= header.size();
    visit(header);
  };
}

void for_each_hash_header(ByteView database, const std::function<void(ByteView)>& visit) {
  HashFile(database).for_each_value(each_byte_once(database, visit));
}

// lib/backend/ndb/rpmpkg.c of rpm.
void for_each_ndb_header(ByteView database, const std::function<void(ByteView)>& visit) {
  constexpr std::size_t kSlotBytes = 16, kBlock = 16, kPage = 4096, kHead = 16, kTail = 12;
  if (database.size() < 32) fail(fmt::format("ndb: expected a header of 32 bytes, got {}", database.size()));
  if (const auto version = load_le<std::uint32_t>(database.data() + 4); version != 0) {
    throw Error(ErrorKind::unsupported, fmt::format("ndb: expected version 0, got {}", version));
  }
  const std::uint64_t slots_end = std::uint64_t{load_le<std::uint32_t>(database.data() + 12)} * kPage;
  if (slots_end == 0 || slots_end > database.size()) {
    fail(fmt::format("ndb: the table of slots ends at {}, the file at {}", slots_end, database.size()));
  }
  const auto visit_once = each_byte_once(database, visit);
  for (std::size_t at = 2 * kSlotBytes; at < slots_end; at += kSlotBytes) {
    const auto* slot = database.data() + at;
    if (as_text(database.subspan(at, 4)) != "Slot") fail(fmt::format("ndb: expected a slot at {}", at));
    const auto index = load_le<std::uint32_t>(slot + 4);
    if (index == 0) continue;
    const std::uint64_t offset = std::uint64_t{load_le<std::uint32_t>(slot + 8)} * kBlock;
    const std::uint64_t size = std::uint64_t{load_le<std::uint32_t>(slot + 12)} * kBlock;
    if (offset > database.size() || size > database.size() - offset || size < kHead + kTail) {
      fail(
          fmt::format("ndb: package {} has {} bytes at {}, the file ends at {}", index, size, offset, database.size()));
    }
    const auto blob = database.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
    const std::uint64_t length = load_le<std::uint32_t>(blob.data() + 12);
    if (as_text(blob.first(4)) != "BlbS" || load_le<std::uint32_t>(blob.data() + 4) != index ||
        length > size - kHead - kTail) {
      fail(fmt::format("ndb: what lies at {} is not package {}", offset, index));
    }
    visit_once(blob.subspan(kHead, static_cast<std::size_t>(length)));
  }
}

void for_each_rpm_header(ByteView database, const std::function<void(ByteView)>& visit) {
  switch (rpm_container(database)) {
    case RpmContainer::sqlite:
      return for_each_sqlite_header(database, {}, visit);
    case RpmContainer::ndb:
      return for_each_ndb_header(database, visit);
    case RpmContainer::hash:
      return for_each_hash_header(database, visit);
    case RpmContainer::none:
      throw Error(ErrorKind::unsupported, "expected a database of rpm: sqlite, ndb or a hash file of Berkeley DB");
  }
}

}  // namespace sifkit::sbom

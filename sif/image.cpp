// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/core/in_file.h>

namespace sifkit::sif {

namespace {

constexpr std::size_t kMaxProblems = 100;
/// Older writers began data at a page.
constexpr std::int64_t kMaxTableGap = 65536;

/// Header and descriptor table as they lie in the file.
struct RawTable {
  std::uint64_t file_size = 0;
  std::array<std::byte, kHeaderSize> header{};
  Bytes slots;
};

/// Where the table ends, if data begins there, too: then nothing is wrong with the numbers.
std::optional<std::uint64_t> stated_table_end(const Header& header) {
  constexpr auto kSlot = static_cast<std::int64_t>(kDescriptorSize);
  const auto offset = header.descriptors_offset;
  if (offset < static_cast<std::int64_t>(kHeaderSize) || header.data_offset < offset || header.descriptors_total < 0)
    return std::nullopt;
  const auto room = header.data_offset - offset;
  if (header.descriptors_total > room / kSlot || room - header.descriptors_total * kSlot > kMaxTableGap)
    return std::nullopt;
  return static_cast<std::uint64_t>(offset + header.descriptors_total * kSlot);
}

Error not_a_sif(const File& file) {
  const auto sniff = sniff_file(file);
  Error error = unexpected_kind(in_quotes(file.name()), words_of(sniff.kind), sniff.detail, "a SIF image");
  if (sniff.kind == FileKind::squashfs || (error.hint().empty() && sniff.kind < FileKind::sif))
    error.set_hint(Advice::convert);
  return error;
}

RawTable read_raw_table(const File& file) {
  RawTable raw;
  raw.file_size = file.size();
  const auto got = file.read_at(0, raw.header);
  static constexpr std::string_view kMagicWord = kSifMagic.substr(0, kSifMagic.size() - 1);
  const auto word = as_text(ByteView(raw.header).first(got)).substr(std::min(got, kLaunchSize), kMagicWord.size());
  if ((word.empty() && sniff_file(file).kind != FileKind::sif) || !kMagicWord.starts_with(word)) throw not_a_sif(file);
  if (got != raw.header.size()) {
    throw Error(ErrorKind::malformed,
                fmt::format("reading global header: the file is cut short: expected {} bytes, the file has {}",
                            kHeaderSize, raw.file_size));
  }
  const Header header = Header::decode(raw.header);

  // Every bound before anything is allocated. That the table lies inside the file is not enough: a file may be sparse.
  const auto offset = header.descriptors_offset;
  const auto total = header.descriptors_total;
  if (const auto end = stated_table_end(header); end && *end > raw.file_size) {
    throw Error(ErrorKind::malformed,
                fmt::format("reading descriptors: the file is cut short: the table ends at byte {}, the file has {}",
                            *end, raw.file_size));
  }
  if (offset < static_cast<std::int64_t>(kHeaderSize) || static_cast<std::uint64_t>(offset) > raw.file_size) {
    throw Error(ErrorKind::malformed, fmt::format("reading descriptors: the table's offset {} is not between the header and the end of the file ({})", offset, raw.file_size));
  }
  const auto room = raw.file_size - static_cast<std::uint64_t>(offset);
  if (total < 0 || static_cast<std::uint64_t>(total) > room / kDescriptorSize) {
    throw Error(ErrorKind::malformed, fmt::format("reading descriptors: {} descriptors at offset {} do not fit the file of {} bytes", total, offset, raw.file_size));
  }
  const auto table_size = static_cast<std::uint64_t>(total) * kDescriptorSize;
  if (header.descriptors_size < 0 || static_cast<std::uint64_t>(header.descriptors_size) < table_size) {
    throw Error(ErrorKind::malformed, fmt::format("reading descriptors: {} descriptors take {} bytes, the header says {}", total, table_size, header.descriptors_size));
  }
  if (static_cast<std::uint64_t>(header.descriptors_size) > room) {
    throw Error(
        ErrorKind::malformed,
        fmt::format("reading descriptors: the header says that the table takes {} bytes at offset {}, the file has {}",
                    header.descriptors_size, offset, raw.file_size));
  }
  if (total > std::int64_t{kMaxDescriptors}) {
    throw Error(ErrorKind::limit,
                fmt::format("reading descriptors: the table at offset {} has {} descriptors, the limit is {}", offset,
                            total, kMaxDescriptors));
  }
  raw.slots.resize(static_cast<std::size_t>(table_size));
  if (!raw.slots.empty()) file.read_exact_at(static_cast<std::uint64_t>(offset), raw.slots, "descriptor table");
  return raw;
}

/// An edit may be under way: what is read twice and is the same was whole.
RawTable read_stable_table(const File& file) {
  RawTable raw = read_raw_table(file);
  for (int tries = 0; tries < 1000; ++tries) {
    RawTable again = read_raw_table(file);
    if (again.header == raw.header && again.slots == raw.slots) return again;
    raw = std::move(again);
  }
  throw Error(ErrorKind::io, "the image keeps changing while it is read");
}

/// What the file has by now; nothing where that is no image any more.
std::optional<RawTable> table_of_now(const File& file) {
  try {
    return read_stable_table(file);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    return std::nullopt;
  }
}

bool is_oci_digest(std::string_view text) {
  try {
    return Digest::parse(text).algorithm() == DigestAlgorithm::sha256;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Image Image::open(const std::filesystem::path& path) { return Image(std::make_shared<File>(File::open_read(path))); }

Image::Image(std::shared_ptr<const File> file) : file_(std::move(file)) {
  in_file(file_->name(), [&] {
    if (!file_->is_regular()) throw Error(ErrorKind::unsupported, "a SIF image is a regular file; this is not one");
    const RawTable raw = read_stable_table(*file_);
    file_size_ = raw.file_size;
    header_ = Header::decode(raw.header);
    slots_.reserve(raw.slots.size() / kDescriptorSize);
    for (std::size_t at = 0; at < raw.slots.size(); at += kDescriptorSize) {
      slots_.push_back(Descriptor::decode(ByteView(raw.slots).subspan(at, kDescriptorSize)));
    }
    validate();
  });
}

std::vector<const Descriptor*> Image::objects() const {
  std::vector<const Descriptor*> out;
  for (const auto& slot : slots_) {
    if (slot.used) out.push_back(&slot);
  }
  return out;
}

const Descriptor& Image::object(std::uint32_t id) const {
  const Descriptor* found = nullptr;
  for (const auto& slot : slots_) {
    if (!slot.used || slot.id != id) continue;
    if (found != nullptr) throw Error(ErrorKind::malformed, fmt::format("several objects have the id {}", id));
    found = &slot;
  }
  if (found == nullptr) throw Error(ErrorKind::not_found, fmt::format("no object with id {}", id), Advice::list_objects);
  return *found;
}

std::vector<const Descriptor*> Image::objects_of(DataType type) const {
  auto out = objects();
  std::erase_if(out, [&](const Descriptor* object) { return object->type != type; });
  return out;
}

const Descriptor* Image::primary_partition() const {
  const Descriptor* found = nullptr;
  for (const auto& slot : slots_) {
    if (!slot.is_primary()) continue;
    if (found != nullptr) throw Error(ErrorKind::malformed, "several primary system partitions");
    found = &slot;
  }
  return found;
}

const Descriptor* Image::find(DataType type, std::string_view name) const {
  for (const auto& slot : slots_) {
    if (slot.used && slot.type == type && slot.name() == name) return &slot;
  }
  return nullptr;
}

void Image::check_range(const Descriptor& object) const {
  const auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::malformed, fmt::format("object {}: offset {} + size {} {}", object.id, object.offset, object.size, why));
  };
  if (object.offset < 0 || object.size < 0) fail("is negative");
  if (object.size > std::numeric_limits<std::int64_t>::max() - object.offset) fail("is past any file");
  if (object.size == 0) return;
  const auto offset = static_cast<std::uint64_t>(object.offset);
  if (is_cut_short(object)) {
    throw Error(ErrorKind::malformed, fmt::format("object {} is cut short: it ends at byte {}, the file has {}",
                                                  object.id, object.offset + object.size, file_size_));
  }
  if (offset > file_size_ || static_cast<std::uint64_t>(object.size) > file_size_ - offset) {
    fail(fmt::format("is past the end of the file ({})", file_size_));
  }
  const auto table = static_cast<std::uint64_t>(header_.descriptors_offset);
  const auto table_end = table + slots_.size() * kDescriptorSize;
  if (offset < kHeaderSize) fail("lies on the header");
  if (offset < table_end && offset + static_cast<std::uint64_t>(object.size) > table) fail(fmt::format("lies on the descriptor table ({} to {})", table, table_end));
}

bool Image::is_cut_short(const Descriptor& object) const noexcept {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  const auto& start = header_.data_offset;
  if (start < 0 || header_.data_size < 0 || header_.data_size > kMax - start || object.offset < 0 || object.size <= 0)
    return false;
  const auto stated_end = start + header_.data_size;
  if (object.offset > stated_end || object.size > stated_end - object.offset) return false;
  return static_cast<std::uint64_t>(object.offset + object.size) > file_size_;
}

std::unique_ptr<Source> Image::open_data(const Descriptor& object) const {
  return in_file(name(), [&] {
    check_range(object);
    return std::make_unique<FileSource>(file_, static_cast<std::uint64_t>(object.offset), static_cast<std::uint64_t>(object.size));
  });
}

Bytes Image::read_data(const Descriptor& object, std::uint64_t limit) const {
  const auto source = open_data(object);
  return read_all(*source, limit, fmt::format("object {}", object.id));
}

bool Image::is_unchanged() const {
  const auto now = table_of_now(*file_);
  const auto header = header_.encode();
  if (!now || now->slots.size() != slots_.size() * kDescriptorSize ||
      !std::equal(header.begin(), header.end(), now->header.begin(), now->header.end())) {
    return false;
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto raw = ByteView(now->slots).subspan(i * kDescriptorSize, kDescriptorSize);
    if (Descriptor::decode(raw).encode() != slots_[i].encode()) return false;
  }
  return true;
}

bool Image::still_has(const Descriptor& object) const {
  const auto now = table_of_now(*file_);
  if (!now) return false;
  const auto wanted = object.encode();
  for (std::size_t at = 0; at < now->slots.size(); at += kDescriptorSize) {
    const auto slot = Descriptor::decode(ByteView(now->slots).subspan(at, kDescriptorSize));
    if (slot.used && slot.id == object.id && slot.encode() == wanted) return true;
  }
  return false;
}

void Image::validate() {
  std::size_t unsaid = 0;
  const auto problem = [&](std::string text) {
    if (problems_.size() < kMaxProblems) {
      problems_.push_back(std::move(text));
    } else {
      ++unsaid;
    }
  };
  const auto damage = [&](std::string text) {
    if (damage_.empty()) damage_ = text;
    problem(std::move(text));
  };
  const auto table_end = header_.descriptors_offset + header_.descriptors_total * static_cast<std::int64_t>(kDescriptorSize);
  const auto all = objects();
  const auto used = static_cast<std::int64_t>(all.size());
  const bool cut_short =
      std::any_of(all.begin(), all.end(), [&](const Descriptor* object) { return is_cut_short(*object); });
  if (header_.descriptors_free < 0 || header_.descriptors_free > header_.descriptors_total) {
    damage(fmt::format("header: it says that {} of {} descriptors are free", header_.descriptors_free,
                       header_.descriptors_total));
  } else if (header_.descriptors_free != header_.descriptors_total - used) {
    problem(fmt::format("header: {} of {} descriptors are free, it says {}", header_.descriptors_total - used,
                        header_.descriptors_total, header_.descriptors_free));
  }
  if (header_.descriptors_size != table_end - header_.descriptors_offset) {
    problem(fmt::format("header: {} descriptors take {} bytes, it says {}", header_.descriptors_total, table_end - header_.descriptors_offset, header_.descriptors_size));
  }
  const auto size = static_cast<std::int64_t>(file_size_);
  std::int64_t end_of_objects = 0;  // empty ones may be placed behind the end of the file
  for (const auto* object : all) {
    if (object->size == 0) end_of_objects = std::max(end_of_objects, object->offset);
  }
  if (header_.data_offset < static_cast<std::int64_t>(kHeaderSize)) {
    damage(fmt::format("header: data offset {} lies on the header", header_.data_offset));
  } else if (header_.descriptors_offset >= header_.data_offset) {
    damage_ = "header: the descriptor table lies behind the start of data";
    problem(damage_ + ", where an interrupted edit leaves it; the next edit by sifkit puts it back if it can");
  } else if (header_.data_offset < table_end) {
    damage(fmt::format("header: data offset {} is before the end of the descriptor table ({})", header_.data_offset, table_end));
  } else if (header_.data_offset > std::max(size, table_end + kMaxTableGap)) {
    damage(fmt::format("header: data offset {} is past the end of the file ({})", header_.data_offset, size));
  }
  if (header_.data_size < 0) {
    problem(fmt::format("header: data size {} is negative", header_.data_size));
  } else if (!cut_short && header_.data_offset >= 0 && header_.data_offset <= size &&
             header_.data_size > std::max(size, end_of_objects) - header_.data_offset) {
    problem(fmt::format("header: data offset {} + size {} is past the end of the file ({})", header_.data_offset, header_.data_size, size));
  }

  const auto check_times = [&](std::string_view what, std::int64_t created, std::int64_t modified) {
    for (const auto& [word, time] : {std::pair("created", created), std::pair("modified", modified)}) {
      if (time < kNoTime || time > kLatestTime)
        problem(fmt::format("{}: {} {} s after 1970, which is no time of the years 1 to 9999", what, word, time));
    }
  };
  check_times("header", header_.created, header_.modified);

  std::map<std::uint32_t, int> ids;
  std::map<std::uint32_t, int> groups;
  for (const auto* object : all) {
    ++ids[object->id];
    ++groups[object->group()];
  }
  std::vector<const Descriptor*> ranged;
  unsigned primaries = 0;
  for (const auto* object : all) {
    if (object->id == 0) problem("an object has the id 0");
    if (object->id == ~std::uint32_t{0})
      damage(fmt::format("an object has the id {}, for which no table has a place", object->id));
    if (auto& count = ids[object->id]; count > 1) {
      damage(fmt::format("several objects have the id {}", object->id));
      count = 1;  // said once
    }
    const auto nibble = object->raw_group & kGroupMask;
    if (nibble != kGroupMask && object->raw_group != 0) problem(fmt::format("object {}: group field {:#010x} has not its mark", object->id, object->raw_group));
    if (object->link() != 0) {
      const auto& known = object->links_group() ? groups : ids;
      if (known.find(object->link()) == known.end()) {
        problem(fmt::format("object {}: links to {} {}, which is not there", object->id, object->links_group() ? "group" : "object", object->link()));
      } else if (!object->links_group() && object->link() == object->id) {
        problem(fmt::format("object {}: links to itself", object->id));
      }
    }
    try {
      check_range(*object);
      if (object->size != 0) ranged.push_back(object);
    } catch (const Error& error) {
      damage(error.message());
    }
    if (const auto digest = object->oci_digest(); digest && !is_oci_digest(*digest)) {
      problem(fmt::format("object {}: its OCI digest is not 'sha256:' and 64 lower-case hex digits", object->id));
    }
    if (object->size_with_padding < 0) {
      problem(fmt::format("object {}: size with padding {} is negative", object->id, object->size_with_padding));
    } else if (object->size_with_padding < object->size) {
      problem(fmt::format("object {}: size with padding {} is less than its size {}", object->id,
                          object->size_with_padding, object->size));
    } else if (object->size >= 0 && object->offset >= 0 &&
               object->size_with_padding - object->size > std::max(object->offset, kMaxTableGap)) {
      problem(fmt::format("object {}: size with padding {} is more than there is room for before its end", object->id,
                          object->size_with_padding));
    }
    check_times(fmt::format("object {}", object->id), object->created, object->modified);
    if (object->is_primary()) {
      ++primaries;
      if (object->partition()->architecture != header_.architecture) {
        problem(fmt::format("object {}: the primary partition is for {}, the header says {}", object->id, object->partition()->architecture, header_.architecture));
      }
    }
  }
  if (primaries > 1) problem(fmt::format("{} primary system partitions", primaries));
  std::sort(ranged.begin(), ranged.end(), [](const Descriptor* a, const Descriptor* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < ranged.size(); ++i) {
    if (ranged[i - 1]->offset + ranged[i - 1]->size > ranged[i]->offset) {
      damage(fmt::format("objects {} and {} overlap", ranged[i - 1]->id, ranged[i]->id));
    }
  }
  if (unsaid != 0) problems_.push_back(fmt::format("and {} more", unsaid));
}

}  // namespace sifkit::sif

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image_editor.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/locked_file.h>

#include "compaction.h"
#include "table_swap.h"

namespace sifkit::sif {

namespace {

constexpr std::size_t kPiece = 1u << 20;
/// Freed bytes at the end of the file that an unfinished edit puts back when it overwrote them.
constexpr std::uint64_t kKeptTail = 8u << 20;

std::int64_t seconds_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Image repaired_image(const std::shared_ptr<File>& file, const EditOptions& options) {
  Image image(file);
  if (!undo_interrupted_swap(*file, image)) return image;
  options.operation.logger->write(LogLevel::info, fmt::format("{}: undid an edit that had been interrupted", in_quotes(file->name())));
  return Image(file);
}

/// Zeros over a range. A hole of the file reads as zeros already, and would take room.
void wipe(const File& file, std::int64_t offset, std::int64_t size) {
  const Bytes zeros(kPiece);
  const auto end = offset + size;
  for (auto at = offset; at < end;) {
    const auto data = ::lseek(file.fd(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;  // no data up to the end of the file
    auto stop = end;
    if (data >= 0) {
      at = std::max(at, data);
      const auto hole = ::lseek(file.fd(), at, SEEK_HOLE);
      if (hole > at) stop = std::min(stop, hole);
    }  // else the file system tells no holes
    while (at < stop) {
      const auto piece = static_cast<std::size_t>(std::min<std::int64_t>(stop - at, kPiece));
      file.write_at(static_cast<std::uint64_t>(at), ByteView(zeros).first(piece));
      at += static_cast<std::int64_t>(piece);
    }
  }
}

/// The fields of a partition's extra; what is behind them is dropped, as the reference implementation does.
void change_partition(Descriptor& object, PartitionType type, std::span<const std::byte, 3> architecture) {
  std::array<std::byte, kExtraSize> extra{};
  std::copy_n(object.extra.begin(), 4, extra.begin());
  store_le(extra.data() + 4, static_cast<std::int32_t>(type));
  std::copy(architecture.begin(), architecture.end(), extra.begin() + 8);
  object.extra = extra;
}

std::span<const std::byte, 3> architecture_of(const Descriptor& object) { return std::span<const std::byte, 3>(object.extra.data() + 8, 3); }

bool same_places(const std::vector<Descriptor>& a, const std::vector<Descriptor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Descriptor& x, const Descriptor& y) { return x.offset == y.offset; });
}

}  // namespace

struct ImageEditor::Impl {
  std::filesystem::path path;  ///< empty: nobody else knows the file
  EditOptions options;
  std::shared_ptr<File> file;
  Image image;
  Header header = image.header();
  std::vector<Descriptor> slots = image.slots();
  std::int64_t time;

  bool changed = false;
  bool over = false;
  std::optional<Compaction> compaction;
  std::vector<std::pair<std::int64_t, std::int64_t>> to_wipe;
  std::int64_t removed_end = 0;    ///< no object of this edit lies before
  std::uint64_t length = image.file_size();  ///< that the file will have
  Bytes tail;                      ///< freed bytes that were overwritten
  std::uint64_t tail_offset = 0;
  std::optional<TableSwap> swap;

  Impl(std::filesystem::path name, std::shared_ptr<File> opened, EditOptions how)
      : path(std::move(name)), options(std::move(how)), file(std::move(opened)), image(repaired_image(file, options)) {
    time = options.time ? *options.time : header.is_deterministic() ? kNoTime : seconds_now();
  }

  void touch() {
    changed = true;
    header.modified = time;
  }

  void require_sound(std::string_view what) const {
    if (!image.damage().empty()) throw Error(ErrorKind::malformed, fmt::format("nothing is {} a damaged image: {}", what, image.damage()));
  }

  Descriptor& slot(std::uint32_t id) {
    if (id == 0) throw Error(ErrorKind::usage, "invalid object ID");
    Descriptor* found = nullptr;
    for (auto& each : slots) {
      if (!each.used || each.id != id) continue;
      if (found != nullptr) throw Error(ErrorKind::malformed, fmt::format("several objects have the id {}", id));
      found = &each;
    }
    if (found == nullptr) throw Error(ErrorKind::not_found, fmt::format("no object with id {}", id), Advice::list_objects);
    return *found;
  }

  std::vector<Descriptor>::iterator free_slot() {
    const auto free = std::find_if(slots.begin(), slots.end(), [](const Descriptor& each) { return !each.used; });
    if (free == slots.end()) {
      throw Error(ErrorKind::limit, "insufficient descriptor capacity to add data object(s) to image", Hint(Advice::remove_object, {}, fmt::format("all {} descriptors are in use", slots.size())));
    }
    if (header.descriptors_free <= 0) throw Error(ErrorKind::malformed, "the header says that no descriptor is free, but one is");
    const auto id = static_cast<std::uint32_t>(free - slots.begin()) + 1;
    if (std::any_of(slots.begin(), slots.end(), [&](const Descriptor& each) { return each.used && each.id == id; })) {
      throw Error(ErrorKind::malformed, fmt::format("the id {} of the free descriptor is taken", id));
    }
    return free;
  }

  void write_data(Descriptor& object, Source& data) {
    const bool oci = object.type == DataType::oci_root_index || object.type == DataType::oci_blob;
    const auto start = static_cast<std::uint64_t>(object.offset);
    if (tail.empty() && !path.empty() && start < image.file_size()) {
      tail.resize(static_cast<std::size_t>(std::min(image.file_size() - start, kKeptTail)));
      tail_offset = start;
      file->read_exact_at(start, tail, "end of the file");
    }
    const auto hole_from = file->size();  // zeros behind the end need not be written
    options.operation.progress->stage("adding", 0);
    Hasher hasher;
    Bytes buffer(kPiece);
    std::uint64_t at = start;
    while (const auto got = data.read(buffer)) {
      options.operation.check();
      if (got > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - at) throw Error(ErrorKind::limit, "an object does not end where a SIF can say");
      const auto piece = ByteView(buffer).first(got);
      if (oci) hasher.update(piece);
      if (at < hole_from || !all_zero(piece)) file->write_at(at, piece);
      at += got;
      options.operation.progress->advance(got);
    }
    if (at != start && file->size() < at) file->truncate(at);  // it ends in a hole
    object.size = static_cast<std::int64_t>(at - start);
    if (oci) object.extra = encode_extra(hasher.finish());
    if (object.size != 0) length = std::max(length, at);
  }

  std::vector<Descriptor> compacted() {
    require_sound("moved in");
    auto out = compaction == Compaction::all ? without_holes(header, slots) : slots;
    const auto data_size = end_of_data(header, out) - header.data_offset;
    length = static_cast<std::uint64_t>(header.data_offset + data_size);
    if (!same_places(out, slots) || data_size != header.data_size || length != image.file_size()) touch();
    header.data_size = data_size;
    return out;
  }

  void wipe_removed() {
    if (to_wipe.empty()) return;
    for (const auto& [offset, size] : to_wipe) wipe(*file, offset, size);
    if (!path.empty()) file->sync();
  }

  void commit_moved(const std::vector<Descriptor>& moved) {
    move_objects(path, *file, header, slots, moved, options.operation);
    over = true;
    struct stat status {};
    // Other names of the old file still need it whole.
    if (::fstat(file->fd(), &status) != 0 || status.st_nlink != 0) return undo();
    wipe_removed();
  }

  void commit_in_place() {
    const auto table = encode_table(slots);
    if (path.empty()) {
      file->write_at(static_cast<std::uint64_t>(header.descriptors_offset), table);
      file->write_at(0, header.encode());
    } else {
      swap.emplace(*file, image);
      swap->commit(header, table, std::max(length, image.file_size()));
    }
    over = true;
    wipe_removed();
    if (file->size() != length) file->truncate(length);
  }

  /// Everything that was added lies behind what the image uses, or on bytes that it has freed.
  void undo() noexcept {
    if (swap && swap->needs_file_end()) return;
    try {
      // First, as the disk may be full: of the tail, a hole that was not reached needs room.
      if (file->size() != image.file_size()) file->truncate(image.file_size());
      if (!tail.empty()) file->write_at(tail_offset, tail);
    } catch (const Error&) {
      // Bytes behind the image are no part of it.
    }
  }
};

ImageEditor::ImageEditor(const std::filesystem::path& path, EditOptions options) {
  std::error_code error;
  auto resolved = std::filesystem::canonical(path, error);
  if (error) throw_errno(fmt::format("open {}", in_quotes(path.native())), error.value());
  auto file = open_locked(resolved, File::open_read_write, path.native(), options.timeout, options.operation);
  impl_ = std::make_unique<Impl>(std::move(resolved), std::move(file), std::move(options));
}

ImageEditor::ImageEditor(File& file, EditOptions options)
    : impl_(std::make_unique<Impl>(std::filesystem::path(), std::shared_ptr<File>(std::shared_ptr<void>(), &file), std::move(options))) {}

ImageEditor::~ImageEditor() {
  if (!impl_->over) impl_->undo();
}

const Image& ImageEditor::image() const noexcept { return impl_->image; }
const Header& ImageEditor::header() const noexcept { return impl_->header; }
const std::vector<Descriptor>& ImageEditor::slots() const noexcept { return impl_->slots; }
const Descriptor& ImageEditor::object(std::uint32_t id) const { return impl_->slot(id); }

const Descriptor& ImageEditor::add(const ObjectSpec& spec, Source& data, const Placement& placement) {
  auto& state = *impl_;
  state.require_sound("added to");
  Descriptor object = spec.describe();
  const auto free = state.free_slot();
  object.id = static_cast<std::uint32_t>(free - state.slots.begin()) + 1;
  if (object.is_primary()) {
    if (std::any_of(state.slots.begin(), state.slots.end(), [](const Descriptor& each) { return each.is_primary(); })) {
      throw Error(ErrorKind::exists, "image already contains a primary partition");
    }
  }
  const auto alignment = placement.alignment.value_or(spec.type == DataType::partition ? kPartitionAlignment : 1);
  const auto start = static_cast<std::uint64_t>(std::max(end_of_data(state.header, state.slots), state.removed_end));
  const auto padding = alignment > 1 && start % alignment != 0 ? alignment - start % alignment : 0;
  if (padding > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - start) throw Error(ErrorKind::usage, "integer overflow when calculating alignment");
  object.offset = static_cast<std::int64_t>(start + padding);
  object.created = object.modified = placement.time.value_or(state.time);
  state.write_data(object, data);
  object.size_with_padding = static_cast<std::int64_t>(padding) + object.size;

  if (object.is_primary()) state.header.set_architecture_code(architecture_of(object));
  *free = object;
  --state.header.descriptors_free;
  state.header.data_size = object.offset + object.size - state.header.data_offset;
  state.touch();
  return *free;
}

void ImageEditor::remove(std::uint32_t id, Erase erase) {
  const auto& object = impl_->slot(id);
  remove_if([&](const Descriptor& each) { return &each == &object; }, erase);
}

void ImageEditor::remove_if(const std::function<bool(const Descriptor&)>& chosen, Erase erase) {
  auto& state = *impl_;
  std::vector<Descriptor*> found;
  for (auto& each : state.slots) {
    if (each.used && chosen(each)) found.push_back(&each);
  }
  if (found.empty()) throw Error(ErrorKind::not_found, "object not found");
  if (erase == Erase::yes) state.require_sound("overwritten in");
  for (auto* each : found) {
    if (erase == Erase::yes && each->size != 0) state.to_wipe.emplace_back(each->offset, each->size);
    if (state.image.damage().empty()) state.removed_end = std::max(state.removed_end, each->offset + each->size);
    if (each->is_primary()) state.header.set_architecture("unknown");
    *each = Descriptor{};
    if (state.header.descriptors_free < state.header.descriptors_total) ++state.header.descriptors_free;
  }
  state.touch();
}

void ImageEditor::set_primary(std::uint32_t id) {
  auto& state = *impl_;
  auto& object = state.slot(id);
  const auto partition = object.partition();
  if (!partition) throw Error(ErrorKind::usage, "data object not a partition");
  if (partition->type == PartitionType::primary_system) return;
  if (partition->type != PartitionType::system) throw Error(ErrorKind::usage, "data object not a system partition");
  Descriptor* before = nullptr;
  for (auto& each : state.slots) {
    if (!each.is_primary()) continue;
    if (before != nullptr) throw Error(ErrorKind::malformed, "several primary system partitions");
    before = &each;
  }
  if (before != nullptr) {
    change_partition(*before, PartitionType::system, architecture_of(*before));
    before->modified = state.time;
  }
  change_partition(object, PartitionType::primary_system, architecture_of(object));
  object.modified = state.time;
  state.header.set_architecture_code(architecture_of(object));
  state.touch();
}

void ImageEditor::set_name(std::uint32_t id, std::string_view name) {
  auto& object = impl_->slot(id);
  object.raw_name = ObjectSpec{.name = std::string(name)}.describe().raw_name;
  object.modified = impl_->time;
  impl_->touch();
}

void ImageEditor::set_architecture(std::uint32_t id, std::string_view goarch) {
  auto& object = impl_->slot(id);
  const auto partition = object.partition();
  if (!partition) throw Error(ErrorKind::usage, "data object not a partition");
  if (goarch == "unknown") throw Error(ErrorKind::unsupported, "unknown architecture: unknown");
  Header coded;
  coded.set_architecture(goarch);
  change_partition(object, partition->type, coded.architecture_code);
  if (object.is_primary()) impl_->header.set_architecture_code(coded.architecture_code);
  object.modified = impl_->time;
  impl_->touch();
}

void ImageEditor::set_extra(std::uint32_t id, const std::array<std::byte, kExtraSize>& extra) {
  auto& object = impl_->slot(id);
  object.extra = extra;
  object.modified = impl_->time;
  impl_->touch();
}

void ImageEditor::set_oci_digest(std::uint32_t id, const Digest& digest) {
  const auto type = impl_->slot(id).type;
  if (type != DataType::oci_root_index && type != DataType::oci_blob) {
    throw Error(ErrorKind::usage, fmt::format("unexpected data type {}, expected one of: [{} {}]", to_string(type), to_string(DataType::oci_root_index), to_string(DataType::oci_blob)));
  }
  if (digest.algorithm() != DigestAlgorithm::sha256) throw Error(ErrorKind::unsupported, fmt::format("unsupported hash: {}", in_quotes(digest.text())));
  set_extra(id, encode_extra(digest));
}

void ImageEditor::compact(Compaction compaction) {
  if (impl_->path.empty() && compaction == Compaction::all) throw Error(ErrorKind::usage, "a file without a name is not compacted");
  impl_->compaction = compaction;
}

void ImageEditor::commit() {
  auto& state = *impl_;
  SIFKIT_CHECK(!state.over);
  state.options.operation.check();
  const auto table = state.compaction ? state.compacted() : state.slots;
  if (!state.changed) return;
  if (same_places(table, state.slots)) {
    state.commit_in_place();
  } else {
    state.commit_moved(table);
  }
  if (!state.path.empty()) state.file->unlock();
}

}  // namespace sifkit::sif

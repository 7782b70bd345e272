// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image_writer.h>

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>

namespace sifkit::sif {

namespace {

std::uint64_t aligned(std::uint64_t offset, std::uint64_t to) { return (offset + to - 1) / to * to; }

}  // namespace

Uuid as_uuid(ByteView bytes, std::uint8_t version) {
  Uuid uuid;
  std::copy_n(bytes.begin(), uuid.size(), uuid.begin());
  uuid[6] = (uuid[6] & std::byte{0x0f}) | static_cast<std::byte>(version << 4);
  uuid[8] = (uuid[8] & std::byte{0x3f}) | std::byte{0x80};
  return uuid;
}

Uuid random_uuid() {
  Uuid uuid;
  fill_random(uuid);
  return as_uuid(uuid, 4);
}

Descriptor ObjectSpec::describe() const {
  if (group > kMaxGroup || link > kMaxGroup) {
    throw Error(ErrorKind::usage, fmt::format("group and link ids end at {}", kMaxGroup));
  }
  if (name.size() > kNameSize) throw Error(ErrorKind::usage, "name value too large");
  Descriptor out;
  out.type = type;
  out.used = true;
  out.raw_group = group | kGroupMask;
  out.raw_link = links_group ? link | kGroupMask : link;
  std::transform(name.begin(), name.end(), out.raw_name.begin(), [](char c) { return static_cast<std::byte>(c); });
  out.extra = extra;
  return out;
}

void create_image(const std::filesystem::path& path, const NewImage& image, Overwrite overwrite) {
  AtomicFile file(path, overwrite, 0777);
  ImageWriter(file.file(), image).finish();
  file.commit();
}

struct ImageWriter::Impl {
  File& file;
  NewImage image;
  std::uint64_t data_offset;
  std::uint64_t gap;      ///< where the next object before the partition goes
  std::uint64_t gap_end;  ///< where the partition starts
  std::uint64_t tail;     ///< where the next object behind everything goes

  std::optional<Descriptor> partition;
  std::unique_ptr<FileRegion> region;
  std::vector<Descriptor> before;
  std::vector<Descriptor> after;

  void place(Descriptor& object, std::uint64_t at, ByteView data) {
    object.offset = static_cast<std::int64_t>(at);
    object.size = static_cast<std::int64_t>(data.size());
    if (!data.empty()) file.write_at(at, data);
  }
};

ImageWriter::ImageWriter(File& file, NewImage image, std::uint64_t room_before) {
  if (image.launch_script.size() >= kLaunchSize) throw Error(ErrorKind::usage, "launch script too large");
  if (image.capacity > kMaxDescriptors) {
    throw Error(ErrorKind::limit,
                fmt::format("a table of {} descriptors, the limit is {}", image.capacity, kMaxDescriptors));
  }
  const std::uint64_t data = kDescriptorsOffset + std::uint64_t{image.capacity} * kDescriptorSize;
  impl_.reset(new Impl{.file = file,
                       .image = std::move(image),
                       .data_offset = data,
                       .gap = data,
                       .gap_end = aligned(data + room_before, kPartitionAlignment),
                       .tail = data,
                       .partition = {},
                       .region = {},
                       .before = {},
                       .after = {}});
}

ImageWriter::~ImageWriter() = default;

Region& ImageWriter::begin(const ObjectSpec& partition) {
  auto& state = *impl_;
  SIFKIT_CHECK(!state.partition && state.before.empty() && state.after.empty());
  state.partition = partition.describe();
  state.region = std::make_unique<FileRegion>(state.file, state.gap_end);
  return *state.region;
}

void ImageWriter::end(std::uint64_t size, const std::array<std::byte, kExtraSize>& extra, std::uint32_t link) {
  auto& state = *impl_;
  SIFKIT_CHECK(state.partition && state.partition->offset == 0);
  state.partition->offset = static_cast<std::int64_t>(state.gap_end);
  state.partition->size = static_cast<std::int64_t>(size);
  state.partition->extra = extra;
  if (link != 0) state.partition->raw_link = link;
  state.tail = state.gap_end + size;
}

void ImageWriter::add_before(const ObjectSpec& spec, ByteView data) {
  auto& state = *impl_;
  SIFKIT_CHECK(state.partition && state.partition->offset != 0);
  Descriptor object = spec.describe();
  auto& at = data.size() <= state.gap_end - state.gap ? state.gap : state.tail;
  state.place(object, at, data);
  at += data.size();
  state.before.push_back(object);
}

void ImageWriter::add(const ObjectSpec& spec, ByteView data) {
  auto& state = *impl_;
  SIFKIT_CHECK(!state.partition || state.partition->offset != 0);
  Descriptor object = spec.describe();
  state.place(object, state.tail, data);
  state.tail += data.size();
  state.after.push_back(object);
}

void ImageWriter::set_uuid(const Uuid& uuid) { impl_->image.uuid = uuid; }

std::uint64_t ImageWriter::finish() {
  auto& state = *impl_;
  std::vector<Descriptor> all = std::move(state.before);
  if (state.partition) all.push_back(*state.partition);
  all.insert(all.end(), state.after.begin(), state.after.end());
  if (all.size() > state.image.capacity) {
    throw Error(ErrorKind::limit, "insufficient descriptor capacity to add data object(s) to image");
  }
  Header header;
  std::transform(state.image.launch_script.begin(), state.image.launch_script.end(), header.launch.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  header.set_architecture("unknown");
  header.uuid = state.image.uuid;
  header.created = header.modified = state.image.time;
  header.descriptors_total = state.image.capacity;
  header.descriptors_free = static_cast<std::int64_t>(state.image.capacity - all.size());
  header.descriptors_offset = static_cast<std::int64_t>(kDescriptorsOffset);
  header.descriptors_size = static_cast<std::int64_t>(state.data_offset - kDescriptorsOffset);
  header.data_offset = static_cast<std::int64_t>(state.data_offset);

  ByteWriter table;
  auto end = header.data_offset;
  std::uint32_t id = 0;
  for (auto& object : all) {
    object.id = ++id;
    object.created = object.modified = state.image.time;
    // The padding that is counted lies before the object.
    object.size_with_padding = object.size + std::max<std::int64_t>(0, object.offset - end);
    end = std::max(end, object.offset + object.size);
    if (object.is_primary()) header.set_architecture(object.partition()->architecture);
    table.put(object.encode());
  }
  header.data_size = end - header.data_offset;
  table.zeros(static_cast<std::size_t>(header.descriptors_size) - table.bytes().size());
  // An image without objects is as long as its table.
  if (state.file.size() < static_cast<std::uint64_t>(end)) state.file.truncate(static_cast<std::uint64_t>(end));
  state.file.write_at(kDescriptorsOffset, table.bytes());
  state.file.write_at(0, header.encode());
  return static_cast<std::uint64_t>(end);
}

}  // namespace sifkit::sif

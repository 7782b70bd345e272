// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/layout.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::sif {

namespace {

constexpr std::string_view kNoArchitecture("00\0", 3);
constexpr std::uint64_t kMaxPadding = 65536;  ///< what the largest pages of any machine need

constexpr std::size_t kMaxSaid = 200;
constexpr std::size_t kSignatureExtra = 24;  ///< hash type and fingerprint
constexpr std::string_view kOldName = "part-signature";  ///< that programs before 2020 gave their signatures

struct Extent {
  std::uint64_t begin;
  std::uint64_t end;
};

/// Header, table and objects that lie inside the file, by their place.
std::vector<Extent> extents_of(const Image& image) {
  const auto table = static_cast<std::uint64_t>(image.header().descriptors_offset);
  std::vector<Extent> extents{{0, kHeaderSize}, {table, table + image.slots().size() * kDescriptorSize}};
  const auto size = static_cast<std::int64_t>(image.file_size());
  for (const auto* object : image.objects()) {
    const bool inside = object->offset >= 0 && object->size > 0 && object->offset <= size && object->size <= size - object->offset;
    if (inside) extents.push_back({static_cast<std::uint64_t>(object->offset), static_cast<std::uint64_t>(object->offset + object->size)});
  }
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  return extents;
}

/// The bytes between them, in their order; the end of the last is the second value.
std::pair<std::vector<Extent>, std::uint64_t> gaps_of(const Image& image) {
  std::vector<Extent> gaps;
  std::uint64_t end = 0;
  for (const auto& extent : extents_of(image)) {
    if (extent.begin > end) gaps.push_back({end, extent.begin});
    end = std::max(end, extent.end);
  }
  return {std::move(gaps), end};
}

bool is_zero(const Image& image, const Extent& gap) {
  std::array<std::byte, kMaxPadding> buffer;
  const std::span bytes(buffer.data(), static_cast<std::size_t>(gap.end - gap.begin));
  image.file()->read_exact_at(gap.begin, bytes, "padding");
  return all_zero(bytes);
}

/// In its name, or behind hash type and fingerprint.
bool holds_more_than_its_signature(const Descriptor& object) {
  const auto name = object.name();
  return (!name.empty() && name != kOldName) || !all_zero(ByteView(object.extra).subspan(kSignatureExtra));
}

}  // namespace

Unprotected unprotected_of(const Image& image) {
  Unprotected out;
  out.architecture = image.header().architecture;
  for (const auto* object : image.objects_of(DataType::partition)) {
    if (object->is_primary()) out.agrees = out.agrees.value_or(true) && object->partition()->architecture == out.architecture;
  }
  const auto [gaps, end] = gaps_of(image);
  for (const auto& gap : gaps) out.bytes_between += gap.end - gap.begin;
  out.bytes_behind = image.file_size() - std::min(image.file_size(), end);
  return out;
}

std::vector<std::string> layout_problems(const Image& image, const OperationContext& operation) {
  std::vector<std::string> out = image.problems();
  const auto partitions = image.objects_of(DataType::partition);
  const bool has_primary = std::any_of(partitions.begin(), partitions.end(), [](const Descriptor* object) { return object->is_primary(); });
  if (!has_primary && as_text(image.header().architecture_code) != kNoArchitecture) out.emplace_back("header: it names an architecture, but there is no primary partition");
  const auto& slots = image.slots();
  const auto full = std::count_if(slots.begin(), slots.end(), [](const Descriptor& slot) { return !slot.used && !all_zero(slot.encode()); });
  if (full != 0) out.push_back(fmt::format("{} free descriptors are not empty", full));
  for (const auto* object : image.objects_of(DataType::signature)) {
    if (object->group() == 0 && holds_more_than_its_signature(*object) && out.size() < kMaxSaid) {
      out.push_back(fmt::format("object {}: the descriptor of a signature holds what nothing signs", object->id));
    }
  }
  const auto [gaps, end] = gaps_of(image);
  std::size_t unsaid = 0;
  for (const auto& gap : gaps) {
    operation.check();
    const bool large = gap.end - gap.begin > kMaxPadding;
    if (!large && is_zero(image, gap)) continue;
    if (out.size() < kMaxSaid) {
      out.push_back(fmt::format("the bytes from {} to {} belong to no object and {}", gap.begin, gap.end, large ? "are more than padding" : "are not zero"));
    } else {
      ++unsaid;
    }
  }
  if (unsaid != 0) out.push_back(fmt::format("and {} places more", unsaid));
  if (image.file_size() > end) out.push_back(fmt::format("{} bytes lie behind the last object", image.file_size() - end));
  return out;
}

}  // namespace sifkit::sif

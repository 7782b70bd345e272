// SPDX-License-Identifier: Apache-2.0
#include "tar_sparse.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

namespace {

[[noreturn]] void fail(const TarMember& member, std::string_view why) {
  throw Error(ErrorKind::malformed, fmt::format("tar offset {}: {}", member.header_offset, why));
}

[[noreturn]] void fail_limit(const TarMember& member, std::string_view why) {
  throw_over_limit(fmt::format("tar offset {}: {}", member.header_offset, why), &Limits::sparse_segments);
}

}  // namespace

void SparseMaps::check(TarMember& member) {
  std::uint64_t end = 0;
  std::uint64_t sum = 0;
  for (const auto& segment : member.segments) {
    if (segment.offset < end || segment.offset > member.size || segment.length > member.size - segment.offset) {
      fail(member, fmt::format("sparse segment at {} of {} bytes overlaps another or ends past the file's {} bytes", segment.offset, segment.length, member.size));
    }
    end = segment.offset + segment.length;
    sum += segment.length;
  }
  if (sum != member.stored_size) fail(member, fmt::format("sparse segments hold {} bytes, the archive stores {}", sum, member.stored_size));
  // A segment of no bytes says nothing.
  std::erase_if(member.segments, [](const auto& segment) { return segment.length == 0; });
}

void SparseMaps::add(TarMember& member, std::uint64_t at, std::uint64_t length) const {
  if (member.segments.size() >= limits_.sparse_segments) fail_limit(member, fmt::format("more than {} sparse segments", limits_.sparse_segments));
  member.segments.push_back({at, length});
}

void SparseMaps::read_gnu(const TarHeader& header, TarMember& member) const {
  member.sparse = true;
  member.size = header.size_number(483, 12, "real size");
  TarHeader block = header;
  std::size_t first = 386;
  std::size_t count = 4;
  std::size_t extended = 482;
  for (;;) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = first + i * 24;
      if (block.block[at] == '\0' && block.block[at + 12] == '\0') break;
      add(member, block.size_number(at, 12, "sparse offset"), block.size_number(at + 12, 12, "sparse length"));
    }
    if (block.block[extended] == '\0') break;
    if (!read_block_(block)) fail(member, "the archive ends inside a sparse map");
    first = 0;
    count = 21;
    extended = 504;
  }
}

/// The map of PAX format 1.0: decimal lines before the data, padded to a block.
void SparseMaps::read_decimal_map(TarMember& member) const {
  std::string buffer;
  std::size_t used = 0;
  const auto next_number = [&] {
    for (;;) {
      if (const auto line = buffer.find('\n', used); line != std::string::npos) {
        const auto text = std::string_view(buffer).substr(used, line - used);
        used = line + 1;
        return parse_decimal(text, "sparse map");
      }
      if (buffer.size() - used > 32) fail(member, "sparse map: a line that is no number");
      buffer.erase(0, used);
      used = 0;
      if (member.stored_size < kTarBlock) fail(member, "sparse map: longer than the member");
      TarHeader block;
      if (!read_block_(block)) fail(member, "the archive ends inside a sparse map");
      member.stored_size -= kTarBlock;
      buffer.append(block.block.data(), block.block.size());
    }
  };
  const auto count = next_number();
  if (count > limits_.sparse_segments) fail_limit(member, fmt::format("{} sparse segments, the limit is {}", count, limits_.sparse_segments));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto at = next_number();
    add(member, at, next_number());
  }
}

void SparseMaps::read_pax(const PaxRecords& pax, TarMember& member) const {
  const bool format1 = pax.find("GNU.sparse.major") == "1" && pax.find("GNU.sparse.minor") == "0";
  const bool format0 = pax.find("GNU.sparse.map") || !pax.sparse_map.empty() || pax.find("GNU.sparse.numblocks");
  if (!format1 && !format0) return;
  if (member.type != TarType::regular) fail(member, "a sparse map on no regular file");
  member.sparse = true;
  if (const auto name = pax.find("GNU.sparse.name")) member.name = *name;
  const auto real = pax.find(format1 ? "GNU.sparse.realsize" : "GNU.sparse.size");
  const auto other = pax.find(format1 ? "GNU.sparse.size" : "GNU.sparse.realsize");
  if (!real && !other) fail(member, "a sparse file without its real size");
  member.size = parse_decimal(real ? *real : *other, "sparse real size");
  if (format1) {
    read_decimal_map(member);
    return;
  }
  const auto numbers = pax.sparse_numbers();
  if (const auto blocks = pax.find("GNU.sparse.numblocks")) {
    if (parse_decimal(*blocks, "GNU.sparse.numblocks") != numbers.size() / 2) fail(member, "sparse map: the number of segments is not the stated one");
  }
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    add(member, parse_decimal(numbers[i], "sparse offset"), parse_decimal(numbers[i + 1], "sparse length"));
  }
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/squashfs.h>

#include <bit>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/data_writer.h"
#include "squashfs/metadata_writer.h"
#include "squashfs/verify.h"

namespace sifkit::layers {

namespace {

constexpr std::uint32_t kMinBlock = 4096;
constexpr std::uint32_t kMaxBlock = 1u << 20;
constexpr std::uint64_t kPadding = 4096;  ///< what loop devices and the mount of a partition need

const SquashfsOptions& checked(const SquashfsOptions& options) {
  require_block_size(options.block_size);
  return options;
}

}  // namespace

void require_block_size(std::uint32_t size) {
  if (std::has_single_bit(size) && size >= kMinBlock && size <= kMaxBlock) return;
  throw Error(ErrorKind::usage, fmt::format("block size {}: expected a power of two from {} to {}", size, kMinBlock, kMaxBlock));
}

struct SquashfsWriter::Impl {
  Region& region;
  const SquashfsOptions options;
  DataWriter data;
};

SquashfsWriter::SquashfsWriter(Region& region, const SquashfsOptions& options)
    : impl_(new Impl{region, checked(options), DataWriter(region, write_codec_options(region, options), options)}) {}

SquashfsWriter::~SquashfsWriter() = default;

void SquashfsWriter::expect(std::string_view path) { impl_->data.expect(path); }
void SquashfsWriter::begin(std::uint64_t size) { impl_->data.begin(size); }
void SquashfsWriter::append(ByteView bytes) { impl_->data.append(bytes); }
void SquashfsWriter::append_zeros(std::uint64_t count) { impl_->data.append_zeros(count); }
ContentId SquashfsWriter::end() { return impl_->data.end(); }
ContentId SquashfsWriter::take(const PackedBlocks& base, InodeId file) { return impl_->data.take(base, file); }
void SquashfsWriter::end_layer() { impl_->data.end_layer(); }

SquashfsSummary SquashfsWriter::finish(const Tree& tree) {
  SquashfsSummary summary;
  std::uint64_t end = 0;
  const auto data_end = impl_->data.finish();
  summary.inodes = write_tables(impl_->region, data_end, tree, impl_->data, impl_->options, end);
  summary.bytes = (end + kPadding - 1) / kPadding * kPadding;
  // A file stored twice and taken back may have left bytes behind the end.
  impl_->region.truncate(end);
  impl_->region.truncate(summary.bytes);
  summary.contents = impl_->data.contents();
  summary.checksum = impl_->data.checksum(data_end, end);
  const DataCounts& counts = impl_->data.counts();
  summary.file_bytes = counts.file_bytes;
  summary.duplicate_bytes = counts.duplicate_bytes;
  summary.repeated_bytes = counts.repeated_bytes;
  summary.reused_bytes = counts.reused_bytes;
  summary.damaged_base_blocks = counts.damaged_blocks;
  return summary;
}

void SquashfsWriter::verify(const Tree& tree, const OperationContext& operation) {
  in_context([] { return std::string("verifying the finished image"); },
             [&] {
               impl_->data.name_all_taken();
               verify_squashfs(impl_->region, tree, impl_->data, operation);
             });
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/file_system.h>

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace {

constexpr std::uint64_t kZeros = 1u << 20;  ///< written at once

class PlainSink : public ContentSink {
 public:
  explicit PlainSink(Sink& sink) : sink_(sink) {}

  void begin(std::uint64_t) override {}
  void append(ByteView bytes) override { sink_.write(bytes); }
  void append_zeros(std::uint64_t count) override {
    zeros_.resize(std::max(zeros_.size(), static_cast<std::size_t>(std::min(count, kZeros))));
    while (count != 0) {
      const auto piece = ByteView(zeros_).first(static_cast<std::size_t>(std::min<std::uint64_t>(count, zeros_.size())));
      sink_.write(piece);
      count -= piece.size();
    }
  }
  ContentId end() override { return kEmptyContent; }

 private:
  Sink& sink_;
  Bytes zeros_;
};

}  // namespace

void FileSystem::read(InodeId inode, Sink& sink) {
  PlainSink plain(sink);
  read(inode, plain);
}

void FileSystem::read_part(InodeId, std::uint64_t, std::span<std::byte>) {
  throw Error(ErrorKind::internal, "files are read from their start here");
}

std::string FileSystem::text(InodeId inode, std::uint64_t max_bytes) {
  if (const auto size = known().inode(inode).size; size > max_bytes) {
    throw Error(ErrorKind::limit, fmt::format("a file of {} bytes, expected at most {}", size, max_bytes));
  }
  MemorySink sink;
  read(inode, sink);
  return std::string(as_text(sink.bytes()));
}

InodeId FileSystem::require(std::string_view path, bool follow) const {
  const bool to_directory = path.ends_with('/');
  const auto found = find(path, follow || to_directory);
  if (!found) throw Error(ErrorKind::not_found, fmt::format("{} is not in the image", in_quotes(path)));
  if (to_directory && known().inode(*found).type != EntryType::directory) {
    throw Error(ErrorKind::not_found, fmt::format("{} is not a directory", in_quotes(path)));
  }
  return *found;
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/content_digests.h>

#include <algorithm>
#include <optional>

#include <sifkit/core/digest.h>

namespace sifkit::inspect {

using namespace layers;

namespace {

class DigestSink : public ContentSink {
 public:
  explicit DigestSink(const OperationContext& operation) : operation_(operation) {}

  void start(ContentDigest& result) { result_ = &result; }

  void begin(std::uint64_t) override { hasher_.emplace(); }

  void append(ByteView bytes) override {
    operation_.check();
    hasher_->update(bytes);
    operation_.progress->advance(bytes.size());
  }

  void append_zeros(std::uint64_t count) override {
    static constexpr std::array<std::byte, 64 * 1024> kZeros{};
    for (std::uint64_t left = count; left != 0;) {
      const auto part = std::min<std::uint64_t>(left, kZeros.size());
      append(ByteView(kZeros).first(static_cast<std::size_t>(part)));
      left -= part;
    }
  }

  ContentId end() override {
    const Bytes raw = hasher_->finish_raw();
    std::copy(raw.begin(), raw.end(), result_->begin());
    return kEmptyContent;
  }

 private:
  const OperationContext& operation_;
  std::optional<Hasher> hasher_;
  ContentDigest* result_ = nullptr;
};

}  // namespace

std::unordered_map<InodeId, ContentDigest> content_digests(FileSystem& files, std::vector<InodeId> inodes,
                                                           const OperationContext& operation) {
  std::unordered_map<InodeId, ContentDigest> out;
  out.reserve(inodes.size());
  std::uint64_t bytes = 0;
  for (const InodeId inode : inodes) {
    if (out.try_emplace(inode).second) bytes += files.tree().inode(inode).size;
  }
  operation.progress->stage("reading files", bytes);
  DigestSink sink(operation);
  files.read_files(std::move(inodes), [&](InodeId inode) {
    operation.check();
    sink.start(out.at(inode));
    return &sink;
  });
  return out;
}

}  // namespace sifkit::inspect

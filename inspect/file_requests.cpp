// SPDX-License-Identifier: Apache-2.0
#include "file_requests.h"

#include <algorithm>

#include <sifkit/core/elf_file.h>

namespace sifkit {

using namespace layers;

namespace {

/// Keeps as much of each file as its takers want.
class KeepingSink : public ContentSink {
 public:
  explicit KeepingSink(const OperationContext& operation) : operation_(operation) {}

  std::function<void(ByteView)> done;
  FileRequests::Part part = FileRequests::Part::start;

  void begin(std::uint64_t size) override {
    bytes_.clear();
    enough_ = false;
    if (part != FileRequests::Part::start)
      bytes_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(size, kReserved)));
  }
  void append(ByteView bytes) override {
    if (enough_) return;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    look();
  }
  void append_zeros(std::uint64_t count) override {
    // What is not wanted whole may be a hole of any size.
    while (!enough_ && count != 0) {
      const auto piece = std::min<std::uint64_t>(count, 1u << 20);
      bytes_.resize(bytes_.size() + static_cast<std::size_t>(piece));
      count -= piece;
      look();
    }
  }
  ContentId end() override {
    operation_.check();
    done(bytes_);
    return kEmptyContent;
  }

 private:
  static constexpr std::uint64_t kReserved = 64u << 20;

  void look() {
    if (part == FileRequests::Part::whole || bytes_.size() < FileRequests::kStart) return;
    if (part == FileRequests::Part::program && is_elf(bytes_)) return;
    bytes_.resize(FileRequests::kStart);
    enough_ = true;
  }

  const OperationContext& operation_;
  Bytes bytes_;
  bool enough_ = false;
};

}  // namespace

void FileRequests::add(InodeId inode, Part part, Taker taker) {
  auto& wanted = wanted_[inode];
  wanted.part = std::min(wanted.part, part);
  wanted.takers.emplace_back(part, std::move(taker));
}

void FileRequests::read(FileSystem& files, const OperationContext& operation) {
  std::vector<InodeId> order;
  order.reserve(wanted_.size());
  for (const auto& [inode, wanted] : wanted_) order.push_back(inode);
  std::sort(order.begin(), order.end());
  KeepingSink sink(operation);
  files.read_files(std::move(order), [&](InodeId inode) -> ContentSink* {
    auto& wanted = wanted_.at(inode);
    sink.part = wanted.part;
    sink.done = [&wanted](ByteView bytes) {
      for (const auto& [part, taker] : wanted.takers) {
        const bool all = part == Part::whole || (part == Part::program && is_elf(bytes));
        taker(all ? bytes : bytes.first(std::min(bytes.size(), kStart)));
      }
      wanted.takers.clear();
    };
    return &sink;
  });
}

}  // namespace sifkit

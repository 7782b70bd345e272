// SPDX-License-Identifier: Apache-2.0
#include "file_requests.h"

#include <algorithm>
#include <exception>
#include <new>

#include <sys/mman.h>

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

/// The bytes of a file in memory of their own, which takes room only where it was fetched.
class FileInParts {
 public:
  FileInParts(FileSystem& files, InodeId inode)
      : files_(files), inode_(inode), size_(static_cast<std::size_t>(files.known().inode(inode).size)), there_((size_ + kPiece - 1) / kPiece) {
    memory_ = ::mmap(nullptr, std::max<std::size_t>(size_, 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~FileInParts() { ::munmap(memory_, std::max<std::size_t>(size_, 1)); }
  FileInParts(const FileInParts&) = delete;
  FileInParts& operator=(const FileInParts&) = delete;

  ByteView bytes() const { return {static_cast<const std::byte*>(memory_), size_}; }

  void fetch(std::uint64_t offset, std::uint64_t size) {
    if (offset >= size_ || size == 0) return;
    const auto end = offset + std::min<std::uint64_t>(size, size_ - offset);
    for (auto piece = static_cast<std::size_t>(offset / kPiece); piece * kPiece < end; ++piece) {
      if (there_[piece]) continue;
      const auto start = piece * kPiece;
      files_.read_part(inode_, start, {static_cast<std::byte*>(memory_) + start, std::min(kPiece, size_ - start)});
      there_[piece] = true;
    }
  }

 private:
  static constexpr std::size_t kPiece = 4096;

  FileSystem& files_;
  InodeId inode_;
  std::size_t size_;
  std::vector<bool> there_;
  void* memory_;
};

}  // namespace

void FileRequests::add(InodeId inode, Part part, Taker taker) {
  auto& wanted = wanted_[inode];
  wanted.part = std::min(wanted.part, part);
  wanted.takers.emplace_back(part, [taker = std::move(taker)](ByteView bytes, const ElfFile::Fetch&) { taker(bytes); });
}

void FileRequests::add_program(InodeId inode, ProgramTaker taker) {
  auto& wanted = wanted_[inode];
  wanted.part = std::min(wanted.part, Part::program);
  wanted.takers.emplace_back(Part::program, std::move(taker));
}

/// Of a program a small part says what it needs and what is in it.
void FileRequests::read_parts(FileSystem& files, InodeId inode, Wanted& wanted) {
  FileInParts file(files, inode);
  file.fetch(0, kStart);
  const bool elf = wanted.part == Part::program && is_elf(file.bytes());
  // What is wrong with the image is no fault of the program, so it is not for its taker to pass over.
  std::exception_ptr failure;
  const auto fetch = [&](std::uint64_t offset, std::uint64_t size) {
    try {
      file.fetch(offset, size);
    } catch (...) {
      failure = std::current_exception();
      throw;
    }
  };
  for (const auto& [part, taker] : wanted.takers) {
    if (elf && part == Part::program) {
      taker(file.bytes(), fetch);
      if (failure) std::rethrow_exception(failure);
    } else {
      taker(file.bytes().first(std::min(file.bytes().size(), kStart)), {});
    }
  }
}

std::vector<InodeId> FileRequests::unread() const {
  std::vector<InodeId> order;
  order.reserve(wanted_.size());
  for (const auto& [inode, wanted] : wanted_) {
    if (!wanted.takers.empty()) order.push_back(inode);
  }
  std::sort(order.begin(), order.end());
  return order;
}

void FileRequests::read(FileSystem& files, const OperationContext& operation) {
  read(files, operation, unread());
}

std::size_t FileRequests::read_rest(FileSystem& files, const OperationContext& operation,
                                    const std::function<bool(InodeId inode, const Error& error)>& failed) {
  const auto order = unread();
  for (std::size_t i = 0; i < order.size(); ++i) {
    try {
      read(files, operation, {order[i]});
    } catch (const Error& error) {
      if (!failed(order[i], error)) return order.size() - i - 1;
    }
  }
  return 0;
}

void FileRequests::read(FileSystem& files, const OperationContext& operation, std::vector<InodeId> order) {
  KeepingSink sink(operation);
  files.read_files(std::move(order), [&](InodeId inode) -> ContentSink* {
    auto& wanted = wanted_.at(inode);
    if (wanted.part != Part::whole && files.reads_parts()) {
      operation.check();
      read_parts(files, inode, wanted);
      wanted.takers.clear();
      return nullptr;
    }
    sink.part = wanted.part;
    sink.done = [&wanted](ByteView bytes) {
      for (const auto& [part, taker] : wanted.takers) {
        const bool all = part == Part::whole || (part == Part::program && is_elf(bytes));
        taker(all ? bytes : bytes.first(std::min(bytes.size(), kStart)), {});
      }
      wanted.takers.clear();
    };
    return &sink;
  });
}

}  // namespace sifkit

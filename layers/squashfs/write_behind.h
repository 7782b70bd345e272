// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <sifkit/core/file.h>

namespace sifkit::layers {

/// Room for blocks, of which `size` bytes are in use.
struct BlockBuffer {
  std::unique_ptr<std::byte[]> bytes;
  std::uint32_t size = 0;
  std::uint32_t room = 0;
};

/// Writes to a region on a thread of its own, in the order in which it is told, so that whoever makes the blocks need not
/// wait for the system's copies. Where the system gives no thread, and where none is wanted, the caller's does it.
///
/// A write that fails leaves the next call of `write`, `copy` or `finish` as the exception that it threw, and nothing is
/// written any more. The region is used by nobody else before `finish`. One caller at a time.
class WriteBehind {
 public:
  /// The region outlives the object.
  WriteBehind(Region& region, bool own_thread);
  /// Drops what is not written.
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  void write(std::uint64_t offset, BlockBuffer&& buffer);
  /// Fills a buffer with `size` bytes of the region from `from` on, which were told before, and writes them to `offset`.
  void copy(std::uint64_t from, std::uint64_t offset, std::uint32_t size, BlockBuffer&& buffer);
  /// Until all is written.
  void finish();

  /// Adds the buffers that are free again.
  void take_back(std::vector<BlockBuffer>& spare);

 private:
  struct Job {
    std::uint64_t offset = 0;
    BlockBuffer buffer;
    std::optional<std::uint64_t> from;
  };

  void add(Job&& job);
  void perform(Job& job);
  void run() noexcept;

  Region& region_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable work_done_;
  std::vector<Job> waiting_;
  std::vector<BlockBuffer> free_;
  std::exception_ptr failure_;
  bool busy_ = false;  ///< the thread has jobs in its hands
  bool stopping_ = false;
  std::jthread thread_;  // last: joined before anything above goes
};

}  // namespace sifkit::layers

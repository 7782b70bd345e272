// SPDX-License-Identifier: Apache-2.0
#include "squashfs/write_behind.h"

#include <utility>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kMaxWaiting = 16;  ///< buffers, besides as many that are being written

}  // namespace

WriteBehind::WriteBehind(Region& region, bool own_thread) : region_(region) {
  if (!own_thread) return;
  try {
    waiting_.reserve(kMaxWaiting);
    thread_ = start_background_thread([this] { run(); });
  } catch (const std::exception&) {
    // The system gives no thread, or no memory for one.
  }
}

WriteBehind::~WriteBehind() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_one();
}

void WriteBehind::write(std::uint64_t offset, BlockBuffer&& buffer) { add({offset, std::move(buffer), std::nullopt}); }

void WriteBehind::copy(std::uint64_t from, std::uint64_t offset, std::uint32_t size, BlockBuffer&& buffer) {
  buffer.size = size;
  add({offset, std::move(buffer), from});
}

void WriteBehind::add(Job&& job) {
  if (!thread_.joinable()) {
    perform(job);
    free_.push_back(std::move(job.buffer));
    return;
  }
  std::unique_lock lock(mutex_);
  work_done_.wait(lock, [&] { return failure_ || waiting_.size() < kMaxWaiting; });
  if (failure_) std::rethrow_exception(failure_);
  waiting_.push_back(std::move(job));
  const bool sleeping = !busy_;
  lock.unlock();
  if (sleeping) work_ready_.notify_one();
}

void WriteBehind::finish() {
  std::unique_lock lock(mutex_);
  work_done_.wait(lock, [&] { return failure_ || (waiting_.empty() && !busy_); });
  if (failure_) std::rethrow_exception(failure_);
}

void WriteBehind::take_back(std::vector<BlockBuffer>& spare) {
  const std::lock_guard lock(mutex_);
  for (auto& buffer : free_) spare.push_back(std::move(buffer));
  free_.clear();
}

void WriteBehind::perform(Job& job) {
  const std::span<std::byte> bytes(job.buffer.bytes.get(), job.buffer.size);
  if (job.from && region_.read_at(*job.from, bytes) != bytes.size()) {
    throw Error(ErrorKind::io, "the image became shorter while it was written");
  }
  region_.write_at(job.offset, bytes);
}

void WriteBehind::run() noexcept {
  std::vector<Job> jobs;
  std::unique_lock lock(mutex_);
  for (;;) {
    work_ready_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    busy_ = true;
    jobs.swap(waiting_);
    lock.unlock();
    work_done_.notify_one();  // there is room
    std::exception_ptr failure;
    try {
      for (Job& job : jobs) perform(job);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    try {
      for (Job& job : jobs) free_.push_back(std::move(job.buffer));
    } catch (...) {
      failure = std::current_exception();
    }
    jobs.clear();
    busy_ = false;
    failure_ = failure;
    work_done_.notify_one();
    if (failure_) return;
  }
}

}  // namespace sifkit::layers

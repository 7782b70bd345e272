// SPDX-License-Identifier: Apache-2.0
#include "transfer_group.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <system_error>
#include <utility>

#include <sifkit/core/background_thread.h>

namespace sifkit::oci {

namespace {

constexpr std::chrono::milliseconds kShown{100};  ///< between two looks at the progress

}  // namespace

TransferGroup::TransferGroup(unsigned most, const OperationContext& operation)
    : most_(std::max(most, 1u)), outer_(operation), stop_(operation.stop), inner_(operation) {
  inner_.progress = &progress_;
  inner_.stop = stop_.token();
}

void TransferGroup::stop() {
  stop_.request();
  transfers_.clear();
}

void TransferGroup::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  while (running_ > count) {
    changed_.wait_for(lock, kShown);
    if (const auto bytes = progress_.take(); bytes != 0) {
      lock.unlock();
      outer_.progress->advance(bytes);
      lock.lock();
    }
  }
  std::list<Transfer> over;
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    const auto next = std::next(at);
    if (at->done) over.splice(over.end(), transfers_, at);
    at = next;
  }
  lock.unlock();
  over.clear();
  if (const auto bytes = progress_.take(); bytes != 0) outer_.progress->advance(bytes);
}

void TransferGroup::run(Transfer& transfer) {
  try {
    transfer.work();
  } catch (...) {
    {
      // Before the others are stopped, which is a failure of theirs.
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    stop_.request();
  }
  const std::lock_guard lock(mutex_);
  transfer.done = true;
  --running_;
  changed_.notify_all();
}

void TransferGroup::start(std::function<void()> transfer) {
  wait_for(most_ - 1);
  std::unique_lock lock(mutex_);
  if (failure_) return;
  Transfer& added = transfers_.emplace_back();
  added.work = std::move(transfer);
  ++running_;
  try {
    added.thread = start_background_thread([this, &added] { run(added); });
  } catch (const std::system_error&) {
    lock.unlock();
    run(added);
  } catch (...) {
    --running_;
    transfers_.pop_back();
    throw;
  }
}

void TransferGroup::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void TransferGroup::wait() {
  wait_for(0);
  check();
}

}  // namespace sifkit::oci

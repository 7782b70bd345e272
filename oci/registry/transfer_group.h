// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include <sifkit/core/operation.h>

#include "linked_stop.h"

namespace sifkit::oci {

/// Several transfers at once, each on a thread of its own. The first that fails stops the others. All methods are for
/// one thread.
class TransferGroup {
 public:
  TransferGroup(unsigned most, const OperationContext& operation);
  ~TransferGroup() { stop(); }
  TransferGroup(const TransferGroup&) = delete;
  TransferGroup& operator=(const TransferGroup&) = delete;

  /// What transfers are given: they stop with the group, and their progress is shown by the thread that waits for them.
  const OperationContext& operation() const noexcept { return inner_; }

  /// Waits until fewer than `most` are under way, and starts another one; not after a failure. Where the system gives
  /// no thread the transfer is over when the call returns.
  void start(std::function<void()> transfer);
  /// Waits for all. Throws what the first failure was.
  void wait();
  /// Throws what the first failure was.
  void check();
  /// Stops what is under way, and waits for it.
  void stop();

 private:
  class RelayedProgress : public Progress {
   public:
    void stage(std::string_view, std::uint64_t) override {}
    void advance(std::uint64_t bytes) override { bytes_ += bytes; }
    std::uint64_t take() { return bytes_.exchange(0); }

   private:
    std::atomic<std::uint64_t> bytes_ = 0;
  };
  struct Transfer {
    std::function<void()> work;
    std::jthread thread;
    bool done = false;
  };

  /// To its end; what it fails with is kept.
  void run(Transfer& transfer);

  /// Until no more than `count` are under way.
  void wait_for(std::size_t count);

  const std::size_t most_;
  const OperationContext outer_;
  LinkedStop stop_;
  RelayedProgress progress_;
  OperationContext inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;
  std::exception_ptr failure_;
  std::list<Transfer> transfers_;  // last: their threads use the others
};

}  // namespace sifkit::oci

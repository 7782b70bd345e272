// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>

namespace sifkit {

/// Runs one function over many items on several threads and hands the results back in the order of submission.
///
/// `push` and `finish` call `deliver` on the thread that calls them, never elsewhere, so a consumer needs no lock. At
/// most `window` items are under way; `push` waits for the oldest when there are more. An exception of the work leaves
/// the `push` or `finish` that would have delivered its result, after all results before it; the pipeline can then only
/// be destroyed. The destructor drops what is not delivered. When the system gives no thread the work is done inside
/// `push`. One caller at a time; worker threads have all signals blocked.
template <class In, class Out>
class OrderedPipeline {
 public:
  using Work = std::function<Out(In&&)>;
  using Deliver = std::function<void(Out&&)>;

  /// `make_work` is called here once for every thread, so that each has its own tools.
  OrderedPipeline(unsigned threads, std::size_t window, const std::function<Work()>& make_work, Deliver deliver)
      : deliver_(std::move(deliver)), slots_(window == 0 ? 1 : window) {
    for (unsigned i = 0; i < (threads == 0 ? 1 : threads); ++i) works_.push_back(make_work());
    try {
      workers_.reserve(threads);  // a thread that has no place after its start would be waited for without an end
      for (unsigned i = 0; i < threads; ++i) workers_.push_back(start_background_thread([this, i] { run(works_[i]); }));
    } catch (const std::exception&) {
      // The system gives no thread, or no memory for one. Fewer, or none, do the same work more slowly.
    }
  }

  ~OrderedPipeline() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_ready_.notify_all();
  }

  OrderedPipeline(const OrderedPipeline&) = delete;
  OrderedPipeline& operator=(const OrderedPipeline&) = delete;

  void push(In item) {
    SIFKIT_CHECK(!failed_);
    if (workers_.empty()) {
      hand_over([&] { return works_.front()(std::move(item)); });
      return;
    }
    std::unique_lock lock(mutex_);
    // When full, half of it: the caller is then woken for many results at once, not for each of them.
    deliver_ready(lock, tail_ - head_ < slots_.size() ? slots_.size() : slots_.size() / 2);
    slot(tail_).in.emplace(std::move(item));
    ++tail_;
    lock.unlock();
    work_ready_.notify_one();
  }

  /// Delivers everything that is still under way.
  void finish() {
    SIFKIT_CHECK(!failed_);
    std::unique_lock lock(mutex_);
    deliver_ready(lock, 0);
  }

 private:
  /// `done` is under the lock. Of the rest, a slot is the caller's until its index is below `tail_`, then of the worker that
  /// took it, and once it is done the caller's again: results are moved without the lock, which all threads want.
  struct Slot {
    std::optional<In> in;
    std::optional<Out> out;
    std::exception_ptr failure;
    bool done = false;
  };

  Slot& slot(std::size_t index) { return slots_[index % slots_.size()]; }

  /// Delivers results from the oldest on while they are there, and waits until no more than `left` are under way.
  void deliver_ready(std::unique_lock<std::mutex>& lock, std::size_t left) {
    while (head_ != tail_) {
      std::size_t done = head_;
      while (done != tail_ && slot(done).done) ++done;
      if (done == head_) {
        if (tail_ - head_ <= left) return;
        // For the youngest that has to be done; seldom is one before it slower.
        const std::size_t youngest = tail_ - left - 1;
        awaited_ = slot(youngest).done ? head_ : youngest;
        awaited_done_.wait(lock, [&] { return slot(*awaited_).done; });
        awaited_.reset();
        continue;
      }
      lock.unlock();
      while (head_ != done) {
        Slot& oldest = slot(head_++);
        oldest.done = false;
        const std::exception_ptr failure = std::exchange(oldest.failure, nullptr);
        std::optional<Out> out = std::exchange(oldest.out, std::nullopt);
        hand_over([&]() -> Out&& {
          if (failure) std::rethrow_exception(failure);
          return std::move(*out);
        });
      }
      lock.lock();
    }
  }

  template <class Result>
  void hand_over(Result&& result) {
    try {
      deliver_(result());
    } catch (...) {
      failed_ = true;
      throw;
    }
  }

  void run(const Work& work) noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_ready_.wait(lock, [&] { return stopping_ || next_ != tail_; });
      if (stopping_) return;
      const std::size_t index = next_++;
      lock.unlock();
      Slot& mine = slot(index);
      try {
        mine.out.emplace(work(std::move(*mine.in)));
      } catch (...) {
        mine.failure = std::current_exception();
      }
      mine.in.reset();
      lock.lock();
      mine.done = true;
      if (awaited_ == index) awaited_done_.notify_one();
    }
  }

  Deliver deliver_;
  std::vector<Work> works_;
  bool failed_ = false;

  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable awaited_done_;
  std::vector<Slot> slots_;
  std::size_t head_ = 0;  ///< next to be delivered
  std::size_t next_ = 0;  ///< next to be worked on
  std::size_t tail_ = 0;  ///< next to be filled
  std::optional<std::size_t> awaited_;  ///< whose end `deliver_ready` waits for
  bool stopping_ = false;

  std::vector<std::jthread> workers_;  // last: joined before anything above goes
};

}  // namespace sifkit

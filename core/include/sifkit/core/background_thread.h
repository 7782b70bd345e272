// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace sifkit {

/// A thread that takes no signals: those of the process are for the threads of the program that uses the library, whose
/// handlers would otherwise run here, late and beside it. std::system_error where the system gives no thread.
template <class Work>
std::jthread start_background_thread(Work&& work) {
  class AllSignalsBlocked {
   public:
    AllSignalsBlocked() {
      sigset_t all;
      sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

   private:
    sigset_t before_{};
  };
  const AllSignalsBlocked blocked;
  return std::jthread(std::forward<Work>(work));
}

}  // namespace sifkit

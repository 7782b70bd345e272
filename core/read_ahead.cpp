// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/read_ahead.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include <sifkit/core/background_thread.h>

namespace sifkit {

namespace {

constexpr std::size_t kMinChunk = 64 * 1024;
constexpr std::size_t kMaxChunk = 256 * 1024;
constexpr std::size_t kChunks = 8;  ///< in a window, if that makes no smaller or larger ones

}  // namespace

struct ReadAhead::Impl {
  std::unique_ptr<Source> source;
  std::size_t chunk_size;
  std::size_t chunks_ahead;

  std::mutex mutex;
  std::condition_variable can_fill;
  std::condition_variable can_take;
  std::deque<Bytes> filled;
  std::deque<Bytes> empty;
  std::exception_ptr failure;
  bool ended = false;
  bool stopping = false;

  // Only the consumer touches these.
  Bytes current;
  std::size_t used = 0;

  std::jthread thread;  // last: joined before anything above goes

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    can_fill.notify_all();
  }

  bool advance();

  void run() noexcept {
    try {
      for (;;) {
        Bytes chunk;
        {
          std::unique_lock lock(mutex);
          if (filled.size() >= chunks_ahead) can_fill.wait(lock, [&] { return stopping || filled.size() <= chunks_ahead / 2; });
          if (stopping) return;
          if (!empty.empty()) {
            chunk = std::move(empty.back());
            empty.pop_back();
          }
        }
        chunk.resize(chunk_size);
        const auto got = read_full(*source, chunk);
        chunk.resize(got);
        const std::lock_guard lock(mutex);
        if (got != 0) filled.push_back(std::move(chunk));
        ended = got < chunk_size;
        can_take.notify_one();
        if (ended) return;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      ended = true;
      can_take.notify_one();
    }
  }
};

/// Makes the next chunk the current one; false at the end.
bool ReadAhead::Impl::advance() {
  std::unique_lock lock(mutex);
  if (!current.empty()) empty.push_back(std::move(current));
  current.clear();
  used = 0;
  can_take.wait(lock, [&] { return !filled.empty() || ended; });
  if (filled.empty()) {
    if (failure) std::rethrow_exception(failure);
    return false;
  }
  current = std::move(filled.front());
  filled.pop_front();
  // One wake-up for many chunks: each costs a switch of threads.
  const bool wake = filled.size() == chunks_ahead / 2;
  lock.unlock();
  if (wake) can_fill.notify_one();
  return true;
}

ReadAhead::ReadAhead(std::unique_ptr<Source> source, std::size_t window) : impl_(std::make_unique<Impl>()) {
  impl_->source = std::move(source);
  impl_->chunk_size = std::clamp(window / kChunks, kMinChunk, kMaxChunk);
  impl_->chunks_ahead = std::max<std::size_t>(2, window / impl_->chunk_size);
  try {
    impl_->thread = start_background_thread([impl = impl_.get()] { impl->run(); });
  } catch (const std::system_error&) {
    // Without a thread every read goes to the source itself.
  }
}

ReadAhead::~ReadAhead() = default;

std::size_t ReadAhead::read(std::span<std::byte> into) {
  auto& state = *impl_;
  if (!state.thread.joinable()) return state.source->read(into);
  const auto bytes = view(into);
  std::copy(bytes.begin(), bytes.end(), into.begin());
  return bytes.size();
}

ByteView ReadAhead::view(std::span<std::byte> scratch) {
  auto& state = *impl_;
  if (!state.thread.joinable()) return state.source->view(scratch);
  if (state.used == state.current.size() && !state.advance()) return {};
  const auto bytes = ByteView(state.current).subspan(state.used, std::min(scratch.size(), state.current.size() - state.used));
  state.used += bytes.size();
  return bytes;
}

ByteView ReadAhead::next() {
  auto& state = *impl_;
  if (!state.thread.joinable()) {
    state.current.resize(state.chunk_size);
    return ByteView(state.current).first(state.source->read(state.current));
  }
  if (state.used == state.current.size() && !state.advance()) return {};
  const auto rest = ByteView(state.current).subspan(state.used);
  state.used = state.current.size();
  return rest;
}

std::uint64_t hash_ahead(std::unique_ptr<Source> source, Hasher& hasher, const OperationContext& operation) {
  ReadAhead ahead(std::move(source), ReadAhead::kForHashing);
  std::uint64_t bytes = 0;
  for (auto piece = ahead.next(); !piece.empty(); piece = ahead.next()) {
    operation.check();
    hasher.update(piece);
    operation.progress->advance(piece.size());
    bytes += piece.size();
  }
  return bytes;
}

}  // namespace sifkit

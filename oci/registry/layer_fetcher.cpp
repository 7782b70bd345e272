// SPDX-License-Identifier: Apache-2.0
#include "layer_fetcher.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>

namespace sifkit::oci {

namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10;

/// One stream between the connection and its reader: first what is in memory, then what is in the file.
struct Stream {
  std::size_t index = 0;
  std::deque<Bytes> pieces;
  std::size_t used = 0;   ///< of the first piece
  std::size_t bytes = 0;  ///< of all pieces that nobody has read
  std::optional<File> file;
  std::uint64_t file_read = 0;
  std::uint64_t file_written = 0;
  bool no_file = false;  ///< there is no room for one
  bool wanted = false;   ///< it is this one's turn
  bool dropped = false;  ///< nobody reads it any more
  bool complete = false;
  std::exception_ptr failure;

  bool has_file_bytes() const noexcept { return file_read != file_written; }
};

}  // namespace

struct LayerFetcher::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Stream> streams;  ///< in their order
  std::size_t begun = 0;
  std::size_t taken = 0;
  std::size_t waiting = 0;  ///< bytes in memory of streams before their turn
  bool stopping = false;

  Open open;
  std::filesystem::path scratch;
  unsigned connections = 1;
  std::vector<std::jthread> threads;

  void work();
  void fetch(Stream& stream);
  void append(Stream& stream, Bytes piece);
  void spool(Stream& stream, const Bytes& piece, std::unique_lock<std::mutex>& lock);
  std::size_t read(Stream& stream, std::span<std::byte> into);
  void drop(Stream& stream);
};

void LayerFetcher::State::work() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return stopping || begun == streams.size() || begun < taken + kAhead; });
    if (stopping || begun == streams.size()) return;
    Stream& stream = streams[begun++];
    lock.unlock();
    std::exception_ptr failure;
    try {
      fetch(stream);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    stream.failure = failure;
    stream.complete = true;
    changed.notify_all();
  }
}

void LayerFetcher::State::fetch(Stream& stream) {
  const auto source = open(stream.index);
  while (true) {
    Bytes piece(kPiece);
    const auto got = read_full(*source, piece);
    piece.resize(got);
    if (got != 0) append(stream, std::move(piece));
    const std::lock_guard lock(mutex);
    if (got < kPiece || stream.dropped || stopping) return;
  }
}

void LayerFetcher::State::append(Stream& stream, Bytes piece) {
  std::unique_lock lock(mutex);
  while (!stopping && !stream.dropped) {
    const auto room = [&] { return stream.bytes < kWindow && (stream.wanted || waiting + piece.size() <= kWaiting); };
    if (!stream.has_file_bytes() && room()) {
      stream.bytes += piece.size();
      if (!stream.wanted) waiting += piece.size();
      stream.pieces.push_back(std::move(piece));
      changed.notify_all();
      return;
    }
    if (!stream.wanted && !stream.no_file) {
      spool(stream, piece, lock);
      if (!stream.no_file) return;
      continue;
    }
    changed.wait(lock);
  }
}

/// Only the stream's own thread writes the file, and what it has written is told when it is there.
void LayerFetcher::State::spool(Stream& stream, const Bytes& piece, std::unique_lock<std::mutex>& lock) {
  const auto end = stream.file_written;
  lock.unlock();
  bool full = false;
  try {
    if (!stream.file) {
      File made = open_scratch_file(scratch);
      lock.lock();
      stream.file = std::move(made);
      lock.unlock();
    }
    stream.file->write_at(end, piece);
  } catch (const Error&) {
    full = true;  // then the stream waits for its turn
  }
  lock.lock();
  if (full) {
    stream.no_file = true;
  } else {
    stream.file_written = end + piece.size();
  }
  changed.notify_all();
}

std::size_t LayerFetcher::State::read(Stream& stream, std::span<std::byte> into) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return !stream.pieces.empty() || stream.has_file_bytes() || stream.complete; });
  if (!stream.pieces.empty()) {
    Bytes& front = stream.pieces.front();
    const auto count = std::min(into.size(), front.size() - stream.used);
    std::memcpy(into.data(), front.data() + stream.used, count);
    stream.bytes -= count;
    stream.used += count;
    if (stream.used == front.size()) {
      stream.pieces.pop_front();
      stream.used = 0;
    }
    changed.notify_all();
    return count;
  }
  if (stream.has_file_bytes()) {
    const auto start = stream.file_read;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), stream.file_written - start));
    lock.unlock();
    with_scratch_hint([&] { stream.file->read_exact_at(start, into.first(count), "scratch file"); });
    lock.lock();
    stream.file_read += count;
    changed.notify_all();
    return count;
  }
  if (stream.failure) std::rethrow_exception(stream.failure);
  return 0;
}

void LayerFetcher::State::drop(Stream& stream) {
  const std::lock_guard lock(mutex);
  stream.dropped = true;
  stream.pieces.clear();
  stream.bytes = 0;
  if (stream.complete) stream.file.reset();
  changed.notify_all();
}

LayerFetcher::LayerFetcher(std::vector<std::size_t> order, unsigned connections, Open open,
                           std::filesystem::path scratch)
    : state_(std::make_shared<State>()) {
  State& state = *state_;
  state.streams.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) state.streams[i].index = order[i];
  state.open = std::move(open);
  state.scratch = std::move(scratch);
  state.connections =
      static_cast<unsigned>(std::clamp<std::size_t>(connections, 1, std::max<std::size_t>(order.size(), 1)));
}

LayerFetcher::~LayerFetcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->threads.clear();
}

std::unique_ptr<Source> LayerFetcher::take(std::size_t index) {
  class Reader : public Source {
   public:
    Reader(std::shared_ptr<State> state, Stream& stream) : state_(std::move(state)), stream_(stream) {}
    ~Reader() override { state_->drop(stream_); }
    std::size_t read(std::span<std::byte> into) override { return state_->read(stream_, into); }

   private:
    std::shared_ptr<State> state_;
    Stream& stream_;
  };
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (state.taken == state.streams.size() || state.streams[state.taken].index != index) return nullptr;
  if (state.threads.empty()) {
    state.threads.reserve(state.connections);  // a thread that has no place after its start would be waited for here
    try {
      for (unsigned i = 0; i < state.connections; ++i)
        state.threads.push_back(start_background_thread([&state] { state.work(); }));
    } catch (const std::system_error&) {
      // The system gives no more threads: fewer fetch the same, and without any the caller does.
      if (state.threads.empty()) return nullptr;
    }
  }
  Stream& stream = state.streams[state.taken++];
  stream.wanted = true;
  state.waiting -= stream.bytes;
  state.changed.notify_all();
  lock.unlock();
  return std::make_unique<Reader>(state_, stream);
}

}  // namespace sifkit::oci

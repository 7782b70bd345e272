// SPDX-License-Identifier: Apache-2.0
//
// What starts threads: start_background_thread, OrderedPipeline and ReadAhead.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sifkit/core/background_thread.h>
#include <sifkit/core/ordered_pipeline.h>
#include <sifkit/core/read_ahead.h>

#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Pipeline = OrderedPipeline<int, int>;

/// Every third item takes its time, so that results are ready out of order.
Pipeline::Work squares() {
  return [](int&& item) {
    if (item % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    return item * item;
  };
}

/// Gives the numbers 0, 1, 2 … as bytes, in pieces that fit nothing, up to `size`; then ends or fails.
class Counter : public Source {
 public:
  Counter(std::size_t size, bool fails, std::shared_ptr<std::atomic<std::size_t>> given)
      : size_(size), fails_(fails), given_(std::move(given)) {}

  std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = std::min({into.size(), size_ - at_, std::size_t{4099}});
    if (count == 0 && fails_) throw Error(ErrorKind::io, "the disk is gone");
    for (std::size_t i = 0; i < count; ++i) into[i] = value(at_++);
    *given_ = at_;
    return count;
  }

  static std::byte value(std::size_t at) { return static_cast<std::byte>(at * 7 + at / 251); }

 private:
  std::size_t size_;
  bool fails_;
  std::shared_ptr<std::atomic<std::size_t>> given_;
  std::size_t at_ = 0;
};

struct Ahead {
  std::shared_ptr<std::atomic<std::size_t>> given = std::make_shared<std::atomic<std::size_t>>(0);
  std::unique_ptr<ReadAhead> source;

  Ahead(std::size_t size, bool fails, std::size_t window = 4u << 20)
      : source(std::make_unique<ReadAhead>(std::make_unique<Counter>(size, fails, given), window)) {}
};

/// How many bytes of a piece that starts at `at` are what the counter gives there.
std::size_t right_bytes(ByteView piece, std::size_t at) {
  std::size_t right = 0;
  while (right < piece.size() && piece[right] == Counter::value(at + right)) ++right;
  return right;
}

}  // namespace

TEST_CASE("a background thread takes no signals, and its starter as many as before", "[core][threads]") {
  const auto blocked = [] {
    sigset_t set;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
    std::vector<int> numbers;
    for (int number = 1; number < SIGSYS; ++number) {
      if (number != SIGKILL && number != SIGSTOP && ::sigismember(&set, number) == 1) numbers.push_back(number);
    }
    return numbers;
  };
  const auto before = blocked();
  std::vector<int> there;
  start_background_thread([&] { there = blocked(); }).join();
  CHECK(there.size() == SIGSYS - 3);
  CHECK(blocked() == before);
}

TEST_CASE("results come in the order of the items, on the caller's thread", "[core][threads]") {
  const auto threads = GENERATE(0u, 1u, 4u);
  const auto window = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{1000});
  CAPTURE(threads, window);
  const auto caller = std::this_thread::get_id();
  std::vector<int> results;
  bool elsewhere = false;
  Pipeline pipeline(threads, window, squares, [&](int&& result) {
    elsewhere = elsewhere || std::this_thread::get_id() != caller;
    results.push_back(result);
  });
  std::vector<int> expected;
  for (int i = 0; i < 200; ++i) {
    pipeline.push(int(i));
    expected.push_back(i * i);
    CHECK(results.size() + std::max<std::size_t>(window, 1) >= expected.size());
  }
  pipeline.finish();
  CHECK(results == expected);
  CHECK_FALSE(elsewhere);
  // Finished is not ended.
  pipeline.push(3);
  pipeline.finish();
  CHECK(results.back() == 9);
}

TEST_CASE("an error of the work comes after all results before it, and none after", "[core][threads]") {
  const auto threads = GENERATE(0u, 1u, 4u);
  CAPTURE(threads);
  std::vector<int> results;
  Pipeline pipeline(
      threads, 8,
      [] {
        return [](int&& item) {
          if (item % 10 == 7) throw std::runtime_error("item " + std::to_string(item));
          return item;
        };
      },
      [&](int&& result) { results.push_back(result); });
  std::string message;
  try {
    for (int i = 0; i < 100; ++i) pipeline.push(int(i));
    pipeline.finish();
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  CHECK(message == "item 7");
  CHECK(results == std::vector<int>{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("an error of the consumer leaves the pipeline to its destructor", "[core][threads]") {
  const auto threads = GENERATE(0u, 4u);
  CAPTURE(threads);
  int delivered = 0;
  Pipeline pipeline(threads, 4, squares, [&](int&&) {
    if (++delivered == 5) throw std::runtime_error("disk full");
  });
  const auto all = [&] {
    for (int i = 0; i < 100; ++i) pipeline.push(int(i));
    pipeline.finish();
  };
  CHECK_THROWS_WITH(all(), "disk full");
  CHECK(delivered == 5);
}

TEST_CASE("a pipeline that goes while it is full drops what is under way and delivers nothing more", "[core][threads]") {
  using Item = std::shared_ptr<int>;
  const auto token = std::make_shared<int>(0);  // whose other owners are items that are still somewhere
  std::size_t delivered = 0;
  std::atomic<bool> full = false;
  {
    OrderedPipeline<Item, Item> pipeline(
        3, 16,
        [&] {
          return [&](Item&& item) {
            full.wait(false);
            return std::move(item);
          };
        },
        [&](Item&&) { ++delivered; });
    for (int i = 0; i < 16; ++i) pipeline.push(Item(token));
    CHECK(delivered == 0);
    CHECK(token.use_count() > 1);
    full = true;
    full.notify_all();
  }
  CHECK(delivered == 0);
  CHECK(token.use_count() == 1);
}

TEST_CASE("bytes that are read ahead are those of the source", "[core][threads]") {
  const auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{64 * 1024}, std::size_t{3'000'001});
  const auto window = GENERATE(std::size_t{0}, std::size_t{1} << 20);
  CAPTURE(size, window);
  SECTION("by pieces of its own") {
    Ahead ahead(size, false, window);
    std::size_t at = 0;
    for (auto piece = ahead.source->next(); !piece.empty(); piece = ahead.source->next()) {
      REQUIRE(right_bytes(piece, at) == piece.size());
      at += piece.size();
    }
    CHECK(at == size);
    CHECK(ahead.source->next().empty());
  }
  SECTION("into a buffer, and with parts passed over") {
    Ahead ahead(size, false, window);
    Bytes buffer(10'007);
    std::size_t at = 0;
    for (std::size_t got; (got = ahead.source->read(buffer)) != 0;) {
      REQUIRE(right_bytes(ByteView(buffer).first(got), at) == got);
      at += got + static_cast<std::size_t>(ahead.source->skip(5));
    }
    CHECK(at == size);
  }
}

TEST_CASE("an error of a source that is read ahead comes where it happened", "[core][threads]") {
  constexpr std::size_t kSize = 1'000'000;
  Ahead ahead(kSize, true);
  std::size_t at = 0;
  const auto error = error_of([&] {
    for (auto piece = ahead.source->next(); !piece.empty(); piece = ahead.source->next()) {
      REQUIRE(right_bytes(piece, at) == piece.size());
      at += piece.size();
    }
  });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK(std::string(error->what()) == "the disk is gone");
  // Whole chunks only: the one that the error cut short is not given.
  CHECK(at <= kSize);
  CHECK(kSize - at < 512 * 1024);
}

TEST_CASE("no more than the window is read ahead, and what nobody takes goes", "[core][threads]") {
  constexpr std::size_t kWindow = 1u << 20;
  Ahead ahead(std::size_t{1} << 40, false, kWindow);
  REQUIRE(ahead.source->next().size() > 0);
  // The window, the chunk that is taken, and the one being filled.
  for (int i = 0; i < 50; ++i) {
    CHECK(*ahead.given <= kWindow + 2 * (kWindow / 8));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ahead.source.reset();
  const std::size_t given = *ahead.given;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(*ahead.given == given);
}

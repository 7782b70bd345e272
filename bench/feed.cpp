// SPDX-License-Identifier: Apache-2.0
//
// How many compressors a conversion can keep busy: bench_feed [--cores N] [--speed MB] [--out FILE] SOURCE...
// Converts each source with N compressors that do not compress: each sleeps for as long as a processor of its own would
// take for the block at so many MB a second, and calls it a third of its size; at 0 MB it does not sleep, so what is
// measured is how fast blocks come. The image that is written holds nothing of use.
// Prints for each source the uncompressed bytes of its layers a second, and the share of the time that the N compressors
// were busy. Reading, hashing, inflating and merging share the processors that there really are.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>

#include <fmt/format.h>

#include <sifkit/convert.h>

#include "squashfs/codec.h"

namespace sifkit {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

double megabytes_a_second = 0;
std::atomic<std::uint64_t> compressed = 0;

class SleepingCompressor : public layers::BlockCompressor {
 public:
  std::size_t compress(ByteView in, std::span<std::byte>) override {
    compressed.fetch_add(in.size(), std::memory_order_relaxed);
    if (megabytes_a_second != 0) {
      // A processor would work without a pause: what one sleep is too long, the next one is shorter.
      const auto now = Clock::now();
      if (until_ < now - kCredit) until_ = now - kCredit;
      until_ += std::chrono::duration_cast<Clock::duration>(Seconds(static_cast<double>(in.size()) / 1e6 / megabytes_a_second));
      std::this_thread::sleep_until(until_);
    }
    return in.size() / 3;
  }

 private:
  static constexpr std::chrono::microseconds kCredit{200};
  Clock::time_point until_ = Clock::now();
};

}  // namespace

/// What the linker puts in the place of layers::make_block_compressor (CMakeLists.txt).
extern std::unique_ptr<layers::BlockCompressor> make_sleeping(const layers::SquashfsOptions&) __asm__(SIFKIT_WRAPPED_SYMBOL);
std::unique_ptr<layers::BlockCompressor> make_sleeping(const layers::SquashfsOptions&) {
  return std::make_unique<SleepingCompressor>();
}

namespace {

void measure(const std::string& source, unsigned cores, const std::filesystem::path& out) {
  ConvertOptions options;
  options.format = OutputFormat::squashfs;
  options.overwrite = Overwrite::yes;
  options.use_base = false;
  options.threads = cores;
  compressed = 0;
  WarningList warnings;
  const auto start = Clock::now();
  const auto report = convert(oci::Reference::parse(source), out, options, warnings);
  const double wall = Seconds(Clock::now() - start).count();
  const double plain = static_cast<double>(report.uncompressed_bytes) / 1e9;
  const double busy = megabytes_a_second == 0 ? 0 : static_cast<double>(compressed) / 1e6 / megabytes_a_second / cores / wall;
  fmt::print("{}: {:.2f} GB in {:.2f} s, {:.2f} GB/s, {:.2f} GB to {} compressors", source, plain, wall, plain / wall,
             static_cast<double>(compressed) / 1e9, cores);
  fmt::print("{}\n", megabytes_a_second == 0 ? "" : fmt::format(", busy for {:.0f} % of it", busy * 100));
}

int main(int argc, char** argv) try {
  unsigned cores = 16;
  std::filesystem::path out = "/dev/shm/bench-feed.squashfs";
  int at = 1;
  for (; at + 1 < argc && std::string_view(argv[at]).starts_with("--"); at += 2) {
    const std::string_view name = argv[at];
    if (name == "--cores") cores = static_cast<unsigned>(std::stoul(argv[at + 1]));
    if (name == "--speed") megabytes_a_second = std::stod(argv[at + 1]);
    if (name == "--out") out = argv[at + 1];
  }
  if (at == argc) {
    std::fputs("usage: bench_feed [--cores N] [--speed MB] [--out FILE] SOURCE...\n", stderr);
    return 2;
  }
  for (; at < argc; ++at) measure(argv[at], cores, out);
  std::filesystem::remove(out);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "bench_feed: {}\n", error.what());
  return 1;
}

}  // namespace

}  // namespace sifkit

int main(int argc, char** argv) { return sifkit::main(argc, argv); }

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/report.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

namespace {

class SilentLogger final : public Logger {
 public:
  void write(LogLevel, std::string_view) override {}
};

class NoProgress final : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
};

constexpr auto kAdjustable = std::to_array<AdjustableLimit>({
    {"archive_members", &Limits::archive_members},
    {"decoder_window", &Limits::decoder_window},
    {"documents_bytes", &Limits::documents_bytes},
    {"entries", &Limits::entries},
    {"expansion_ratio", &Limits::expansion_ratio},
    {"file_bytes", &Limits::file_bytes},
    {"image_bytes", &Limits::image_bytes},
    {"json_bytes", &Limits::json_bytes},
    {"layers", &Limits::layers},
    {"metadata_bytes", &Limits::metadata_bytes},
    {"sparse_segments", &Limits::sparse_segments},
    {"stream_bytes", &Limits::stream_bytes},
    {"tar_extension_bytes", &Limits::tar_extension_bytes},
    {"trailing_bytes", &Limits::trailing_bytes},
});

}  // namespace

std::span<const AdjustableLimit> adjustable_limits() noexcept { return kAdjustable; }

void throw_over_limit(std::string message, std::uint64_t Limits::* limit) {
  const auto known = std::find_if(kAdjustable.begin(), kAdjustable.end(), [&](const auto& entry) { return entry.value == limit; });
  SIFKIT_CHECK(known != kAdjustable.end());
  throw Error(ErrorKind::limit, std::move(message), fmt::format("if the source is trusted, --limit {}=N allows more", known->name));
}

Logger& silent_logger() noexcept {
  static SilentLogger logger;
  return logger;
}

Progress& no_progress() noexcept {
  static NoProgress progress;
  return progress;
}

void OperationContext::throw_cancelled() { throw Error(ErrorKind::cancelled, "stopped on request"); }

void WarningList::add(std::string kind, std::string text) {
  const std::lock_guard lock(mutex_);
  ++total_;
  auto tally = std::find_if(tallies_.begin(), tallies_.end(), [&](const Tally& t) { return t.kind == kind; });
  if (tally == tallies_.end()) tally = tallies_.insert(tallies_.end(), Tally{kind, 0});
  if (++tally->count <= kPerKind) listed_.push_back({std::move(kind), std::move(text)});
}

std::uint64_t WarningList::count(std::string_view kind) const {
  const auto tally = std::find_if(tallies_.begin(), tallies_.end(), [&](const Tally& t) { return t.kind == kind; });
  return tally == tallies_.end() ? 0 : tally->count;
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/operation.h>

#include <algorithm>
#include <map>

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

}  // namespace

Logger& silent_logger() noexcept {
  static SilentLogger logger;
  return logger;
}

Progress& no_progress() noexcept {
  static NoProgress progress;
  return progress;
}

void OperationContext::throw_cancelled() { throw Error(ErrorKind::cancelled, "stopped on request"); }

void WarningList::add(std::string kind, std::string text, Hint hint) {
  const std::lock_guard lock(mutex_);
  ++total_;
  auto tally = std::find_if(tallies_.begin(), tallies_.end(), [&](const Tally& t) { return t.kind == kind; });
  if (tally == tallies_.end()) tally = tallies_.insert(tallies_.end(), Tally{kind, 0});
  if (++tally->count <= kPerKind) listed_.push_back({std::move(kind), std::move(text), std::move(hint)});
}

void WarningList::add_all(const WarningList& held) {
  for (const auto& one : held.listed_) add(one.kind, one.text, one.hint);
  const std::lock_guard lock(mutex_);
  for (const Tally& each : held.tallies_) {
    // Those beyond the listed ones are only counted.
    const auto more = each.count - std::min<std::uint64_t>(each.count, kPerKind);
    const auto tally = std::find_if(tallies_.begin(), tallies_.end(), [&](const Tally& t) { return t.kind == each.kind; });
    if (tally != tallies_.end()) tally->count += more;
    total_ += more;
  }
}

std::uint64_t WarningList::count(std::string_view kind) const {
  const auto tally = std::find_if(tallies_.begin(), tallies_.end(), [&](const Tally& t) { return t.kind == kind; });
  return tally == tallies_.end() ? 0 : tally->count;
}

std::vector<std::pair<std::string, std::uint64_t>> WarningList::unlisted() const {
  std::map<std::string, std::uint64_t> listed;
  for (const auto& warning : listed_) ++listed[warning.kind];
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const auto& [kind, some] : listed) {
    if (const auto all = count(kind); all > some) out.emplace_back(kind, all - some);
  }
  return out;
}

}  // namespace sifkit

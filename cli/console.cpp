// SPDX-License-Identifier: Apache-2.0
#include "console.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/json.h>

#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

using namespace std::chrono_literals;

constexpr double kLongest = 100 * 3600;  ///< seconds; a longer time left is no more than a guess

std::string_view word(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug: ";
    case LogLevel::warning: return "warning: ";
    case LogLevel::error: return "error: ";
    case LogLevel::info: break;
  }
  return "";
}

struct Measure {
  std::string_view stage;
  std::uint64_t bytes;
  std::optional<double> share;  ///< of the whole, where that is known
  std::string rate;
  std::string left;
};

/// Everything has its place, whatever it says, so that nothing moves. In 80 columns there is room for all of it; what a
/// narrow terminal has no room for is the bar first.
std::string bar_of(const Measure& now, std::size_t room) {
  static constexpr std::size_t kMaxCells = 30;
  static constexpr std::size_t kFrame = 4;
  std::string text =
      now.share ? fmt::format("{:<18.18} {:3.0f} %", now.stage, 100 * *now.share) : fmt::format("{:<24.24}", now.stage);
  text +=
      fmt::format("{:>12}{:>14}{:>15}", now.share || now.bytes > 0 ? human_bytes(now.bytes) : "", now.rate, now.left);
  if (now.share && text.size() + kFrame < room) {
    const auto cells = std::min(room - text.size() - kFrame, kMaxCells);
    const auto full = static_cast<std::size_t>(static_cast<double>(cells) * *now.share);
    text += "  [" + std::string(full, '#') + std::string(cells - full, '.') + "]";
  }
  return text.substr(0, std::min(room, text.find_last_not_of(' ') + 1));
}

}  // namespace

void ConsoleLogger::write(LogLevel level, std::string_view text) {
  if (level < least_) return;
  write_line(fmt::format("sifkit: {}{}", word(level), text));
}

void ConsoleLogger::write_line(std::string_view line) {
  const std::lock_guard lock(mutex_);
  clear_status();
  io_.err << line << '\n' << std::flush;
}

void ConsoleLogger::set_status(const std::string& line) {
  const std::lock_guard lock(mutex_);
  clear_status();
  if (line.empty()) return;
  io_.err << line << std::flush;
  status_shown_ = true;
}

void ConsoleLogger::clear_status() {
  if (!status_shown_) return;
  TerminalFilter::clear_line(io_.err);
  status_shown_ = false;
}

ConsoleProgress::ConsoleProgress(ConsoleLogger& logger, ProgressStyle style, std::function<int()> width)
    : logger_(logger), style_(style), width_(std::move(width)), started_(Clock::now()), shown_(started_) {}

void ConsoleProgress::stage(std::string_view name, std::uint64_t total) {
  stage_ = name;
  total_ = total;
  bytes_ = 0;
  started_ = Clock::now();
  // Lines are for work that takes its time; a bar shows at once what is going on.
  if (style_ == ProgressStyle::plain) {
    shown_ = started_;
  } else {
    show(started_);
  }
}

void ConsoleProgress::advance(std::uint64_t bytes) {
  bytes_ += bytes;
  const auto now = Clock::now();
  if (now - shown_ >= (style_ == ProgressStyle::bar ? 100ms : 5000ms)) show(now);
}

void ConsoleProgress::done() {
  if (style_ == ProgressStyle::bar) logger_.set_status({});
}

void ConsoleProgress::show(Clock::time_point now) {
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double rate = seconds > 0.2 ? static_cast<double>(bytes_) / seconds : 0;
  const bool known = total_ > 0 && bytes_ <= total_;
  const double left = known && rate > 0 ? static_cast<double>(total_ - bytes_) / rate : -1;

  if (style_ == ProgressStyle::json) {
    Json record{{"schema", "sifkit/progress/v1"}, {"stage", stage_}, {"bytes", bytes_}, {"total", nullptr},
                {"bytes_per_second", std::llround(rate)}, {"seconds_left", nullptr}};
    if (known) record["total"] = total_;
    if (left >= 0) record["seconds_left"] = std::llround(left);
    logger_.write_line(record.dump());
    return;
  }
  if (style_ == ProgressStyle::none || style_ == ProgressStyle::automatic) return;

  Measure measure{stage_, bytes_, {}, {}, {}};
  if (known) measure.share = static_cast<double>(bytes_) / static_cast<double>(total_);
  if (rate > 0) measure.rate = human_bytes(static_cast<std::uint64_t>(rate)) + "/s";
  if (left >= 0 && left < kLongest && seconds > 1) measure.left = human_time(left) + " left";
  if (style_ == ProgressStyle::bar) {
    logger_.set_status(bar_of(measure, static_cast<std::size_t>(std::max(width_(), 2) - 1)));
    return;
  }
  std::string text = fmt::format("sifkit: {:<10}", stage_);
  if (known) {
    text += fmt::format(" {:3.0f} %  {} of {}", 100 * *measure.share, human_bytes(bytes_), human_bytes(total_));
  } else if (bytes_ > 0) {
    text += " " + human_bytes(bytes_);
  }
  if (!measure.rate.empty()) text += "  " + measure.rate;
  if (!measure.left.empty()) text += "  " + measure.left;
  logger_.write_line(text);
}

std::string human_time(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds) + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace sifkit::cli

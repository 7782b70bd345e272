// SPDX-License-Identifier: Apache-2.0
#include "backoff.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <ctime>
#include <mutex>

#include <fmt/format.h>

#include <sifkit/core/resources.h>

namespace sifkit::oci {

namespace {

constexpr unsigned kTriesOfUnknownHosts = 2;

/// Between a half and the whole of it, so that many who failed together do not come back together.
std::chrono::milliseconds shaken(std::chrono::milliseconds delay) {
  std::uint16_t chance = 0;
  fill_random(std::as_writable_bytes(std::span(&chance, 1)));
  return delay / 2 + delay / 2 * chance / 65535;
}

void pause(std::chrono::milliseconds delay, const OperationContext& operation) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, operation.stop, delay, [] { return false; });
  operation.check();
}

}  // namespace

bool may_heal(int status) {
  switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

bool Backoff::wait(std::string_view why, std::optional<std::chrono::seconds> asked) {
  if (left_ == 0 || (asked && *asked > kMaxAskedDelay)) return false;
  --left_;
  const auto delay = asked ? std::chrono::milliseconds(*asked) : shaken(delay_);
  delay_ = std::min(delay_ * 2, kMaxDelay);
  operation_.logger->write(
      LogLevel::info, fmt::format("{}; trying again in {:.1f} s", why, std::chrono::duration<double>(delay).count()));
  pause(delay, operation_);
  return true;
}

std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response) {
  const auto text = response.header("retry-after");
  if (!text) return std::nullopt;
  unsigned seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc::result_out_of_range) return std::chrono::seconds::max();
  if (error == std::errc{} && end == text->data() + text->size()) return std::chrono::seconds(seconds);
  // "Sun, 06 Nov 1994 08:49:37 GMT"
  std::tm date{};
  const std::string copy(*text);
  const char* const rest = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const auto left = ::timegm(&date) - std::time(nullptr);
  return left > 0 ? std::optional(std::chrono::seconds(left)) : std::nullopt;
}

net::HttpResponse send_patiently(const net::HttpClient& client, const net::HttpRequest& request, Backoff& backoff,
                                 std::atomic<bool>& known) {
  while (true) {
    try {
      auto response = client.send(request);
      known = true;
      if (!may_heal(response.status())) return response;
      const auto why = fmt::format("{}: status {}", response.name(), response.status());
      if (!backoff.wait(why, retry_after(response))) return response;
    } catch (const net::TransientError& error) {
      if (!known) backoff.at_most_by_default(kTriesOfUnknownHosts);
      const Error why = error;
      if (!backoff.wait(why.what())) throw;
    }
  }
}

}  // namespace sifkit::oci

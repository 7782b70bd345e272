// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string_view>

#include <sifkit/core/operation.h>
#include <sifkit/net/http_client.h>
#include <sifkit/oci/registry.h>

namespace sifkit::oci {

/// How often and when something is tried again. Not thread safe.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kMaxDelay{60'000};
  /// A server that asks for a longer wait gets none: the user hears of it.
  static constexpr std::chrono::seconds kMaxAskedDelay{120};

  Backoff(const RegistryOptions& options, const OperationContext& operation)
      : left_(options.retries),
        retries_(options.retries),
        chosen_(options.retries != RegistryOptions().retries),
        delay_(options.retry_delay),
        first_delay_(options.retry_delay),
        operation_(operation) {}

  /// Waits before another try, as long as the server asks for or, with some chance in it, twice as long as last time;
  /// false where no try is left. `why` is for the log. Throws cancelled.
  bool wait(std::string_view why, std::optional<std::chrono::seconds> asked = {});

  /// No more than `tries` from here on.
  void at_most(unsigned tries) { left_ = std::min(left_, tries); }
  /// The same, unless the user has chosen another number than the default.
  void at_most_by_default(unsigned tries) {
    if (!chosen_) at_most(tries);
  }

  /// Something has come of it: counts from the start.
  void restart() {
    left_ = retries_;
    delay_ = first_delay_;
  }

 private:
  unsigned left_;
  unsigned retries_;
  bool chosen_;
  std::chrono::milliseconds delay_;
  std::chrono::milliseconds first_delay_;
  OperationContext operation_;
};

/// Whether the same request may get another answer than this status: 408, 429 and most of 5xx.
bool may_heal(int status);

/// What Retry-After asks for: seconds, or a date.
std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response);

/// Sends a request until it is answered by something else than a status which may heal (408, 429, 5xx), or no try is
/// left; then that status comes back, too. Throws as HttpClient::send. `known` tells whether the host has answered
/// before, and is set when it does: one that never has is not tried for long, unless the user wants it.
net::HttpResponse send_patiently(const net::HttpClient& client, const net::HttpRequest& request, Backoff& backoff,
                                 std::atomic<bool>& known);

}  // namespace sifkit::oci

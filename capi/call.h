// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include <sifkit/core/operation.h>
#include <sifkit/records/error.h>

#include "error.h"
#include "options.h"

namespace sifkit::capi {

/// What one call, or one open image, works with: the options, and their functions as the library calls them. Not movable.
class Call final : private Progress, private Logger {
 public:
  explicit Call(const sifkit_options* options);

  const sifkit_options& options() const { return options_; }
  OperationContext operation();
  /// The options of a source, with this operation.
  oci::SourceOptions source();
  /// The options of a conversion, with this operation.
  ConvertOptions build();

  /// Whether this call was to stop, so that an error is no more than what that has brought about.
  bool stopped() const { return stop_.stop_requested(); }
  /// Throws cancelled where it was.
  void check() const {
    if (stopped()) OperationContext::throw_cancelled();
  }

  /// To the function for warnings, else to that for messages. As far as there is memory for their texts.
  void show(const WarningList& warnings) noexcept;

 private:
  void stage(std::string_view name, std::uint64_t total) override;
  void advance(std::uint64_t bytes) override;
  void write(LogLevel level, std::string_view text) override;
  void report();
  void tell_warning(const std::string& kind, const std::string& text, const std::string& hint);
  /// The cache of the options and the environment.
  const oci::CacheOptions& cache();

  sifkit_options options_;  ///< the caller may change or free its own
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> link_;
  std::string stage_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
  std::optional<oci::CacheOptions> cache_;  ///< one, so that what it has to say is said once
  std::mutex mutex_;
};

/// The warnings of a call, shown at its end, also where it fails: they may say why.
class CallWarnings : public WarningList {
 public:
  explicit CallWarnings(Call& call) : call_(call) {}
  ~CallWarnings() { call_.show(*this); }

 private:
  Call& call_;
};

/// What a call throws is told; where it was to stop, as that. One that was to stop before it began does nothing.
template <class Body>
int in_call(const Call& call, sifkit_error** error, const Body& body) noexcept {
  const int code = guarded(error, [&] {
    call.check();
    return body();
  });
  if (code == 0 || !call.stopped()) return code;
  if (error != nullptr) sifkit_error_free(*error);
  return guarded(error, []() -> int { throw Error(ErrorKind::cancelled, "stopped on request"); });
}

/// Runs what a function does with its call. `given`, which may be null, is a null pointer until then.
template <class Body>
int with_call(const sifkit_options* options, char** given, sifkit_error** error, const Body& body) noexcept {
  if (given != nullptr) *given = nullptr;
  std::optional<Call> call;
  const int failed = guarded(error, [&] {
    call.emplace(options);
    return 0;
  });
  return failed != 0 ? failed : in_call(*call, error, [&] { return body(*call); });
}

inline void give_record(const Json& record, char** to) { give(records::record_text(record, -1), to); }

}  // namespace sifkit::capi

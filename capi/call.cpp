// SPDX-License-Identifier: Apache-2.0
#include "call.h"

#include <new>

#include <fmt/format.h>

namespace sifkit::capi {

namespace {

const char* word(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "error";
}

}  // namespace

Call::Call(const sifkit_options* options)
    : options_(options_or_none(options)), link_(options_.cancel.get_token(), [this] { stop_.request_stop(); }) {}

OperationContext Call::operation() {
  OperationContext operation;
  if (options_.message != nullptr) operation.logger = this;
  if (options_.progress != nullptr) operation.progress = this;
  operation.stop = stop_.get_token();
  return operation;
}

oci::SourceOptions Call::source() { return build(); }

ConvertOptions Call::build() {
  ConvertOptions build = options_.build;
  build.operation = operation();
  build.registry.cache = cache();
  build.registry.plain_http = build.registry.plain_http || oci::is_tls_disabled();
  return build;
}

void Call::show(const WarningList& warnings) noexcept {
  if (options_.warning == nullptr && options_.message == nullptr) return;
  try {
    for (const auto& warning : warnings.listed()) tell_warning(warning.kind, warning.text, warning.hint.text());
    for (const auto& [kind, count] : warnings.unlisted())
      tell_warning(kind, fmt::format("{} more of the kind '{}'", count, kind), "");
  } catch (const std::bad_alloc&) {
  }
}

void Call::tell_warning(const std::string& kind, const std::string& text, const std::string& hint) {
  if (options_.warning == nullptr) return write(LogLevel::warning, text);
  options_.warning(options_.warning_user, kind.c_str(), text.c_str(), hint.c_str());
}

const oci::CacheOptions& Call::cache() {
  if (!cache_) cache_ = oci::cache_options(options_.without_cache || oci::is_cache_disabled());
  return *cache_;
}

void Call::stage(std::string_view name, std::uint64_t total) {
  stage_ = name;
  done_ = 0;
  total_ = total;
  report();
}

void Call::advance(std::uint64_t bytes) {
  done_ += bytes;
  report();
}

void Call::report() {
  if (options_.progress(options_.progress_user, stage_.c_str(), done_, total_) != 0) stop_.request_stop();
}

void Call::write(LogLevel level, std::string_view text) {
  const std::string line(text);
  const std::lock_guard lock(mutex_);
  options_.message(options_.message_user, word(level), line.c_str());
}

}  // namespace sifkit::capi

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>

namespace sifkit::oci {

/// Stops with another operation, or before it.
class LinkedStop {
 public:
  explicit LinkedStop(const std::stop_token& other) : link_(other, [this] { source_.request_stop(); }) {}

  std::stop_token token() const { return source_.get_token(); }
  void request() { source_.request_stop(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> link_;
};

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include <sifkit.h>
#include <sifkit/core/error.h>

struct sifkit_error {
  sifkit::ErrorKind kind = sifkit::ErrorKind::internal;
  std::string message;
  std::string hint;
  std::string json;
};

namespace sifkit::capi {

/// Tells the error that is being handled, and gives its exit code. Where even that lacks memory, `error` is one that says so.
int tell_current(sifkit_error** error) noexcept;
int tell(sifkit_error** error, const Error& what) noexcept;

/// Runs what a function of the interface does. No exception leaves it.
template <class Body>
int guarded(sifkit_error** error, const Body& body) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    return body();
  } catch (...) {
    return tell_current(error);
  }
}

/// Throws usage for a null pointer, naming the argument.
void require(const void* argument, std::string_view name);

/// Gives bytes to the caller, who frees them by sifkit_free; a zero byte is put behind them.
void give(std::string_view bytes, char** to);

}  // namespace sifkit::capi

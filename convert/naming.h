// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include <sifkit/core/error.h>

namespace sifkit {

/// Runs `body`; an Error that leaves it says what it is about, once: `frame()` is put in front unless the error has one of
/// the names already.
template <class Frame, class Body>
auto naming(std::initializer_list<std::string_view> names, const Frame& frame, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (Error& error) {
    const std::string_view text = error.what();
    const bool named = std::any_of(names.begin(), names.end(), [&](std::string_view name) { return text.find(in_quotes(name)) != std::string_view::npos; });
    if (!named) error.add_context(frame());
    throw;
  }
}

}  // namespace sifkit

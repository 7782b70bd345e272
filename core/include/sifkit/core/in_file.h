// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/error.h>

namespace sifkit {

/// Runs `body`, which works on a file; an Error that leaves it names the file, once: it gets the frame `'name'` unless its
/// text has that already.
template <class Body>
auto in_file(std::string_view name, const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (Error& error) {
    auto frame = in_quotes(name);
    if (std::string_view(error.what()).find(frame) == std::string_view::npos) error.add_context(std::move(frame));
    throw;
  }
}

}  // namespace sifkit

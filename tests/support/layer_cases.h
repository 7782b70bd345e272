// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/errors.h"
#include "support/flatten.h"
#include "support/tar_builder.h"

namespace sifkit::testing {

/// A stack of layers and all that must come of it.
struct LayerCase {
  std::string id;
  std::string what;
  std::vector<std::string> layers;  ///< oldest first
  std::string expected;             ///< Flat::summary; or "!KIND text" of an error
  std::set<std::string> warnings = {};
};

/// A layer; `L(.file("a", "1").directory("d"))`.
#define L(calls) (TarBuilder() calls).bytes()

inline void check(const std::vector<LayerCase>& cases, const layers::LayerOptions& options = {}) {
  for (const auto& test : cases) {
    INFO(test.id << ": " << test.what);
    std::unique_ptr<Flat> flat;
    const auto error = error_of([&] { flat = flatten(test.layers, options); });
    if (test.expected.starts_with('!')) {
      CHECK(error.has_value());
      if (!error) continue;
      const auto space = test.expected.find(' ');
      CHECK(to_string(error->kind()) == test.expected.substr(1, space - 1));
      CHECK_THAT(std::string(error->what()), ContainsSubstring(test.expected.substr(space + 1)));
      CHECK_THAT(std::string(error->what()), ContainsSubstring("layer "));
      continue;
    }
    CHECK(std::string(error ? error->what() : "") == "");
    if (error) continue;
    CHECK(flat->summary() == test.expected);
    std::set<std::string> kinds;
    for (const auto& warning : flat->warnings.listed()) kinds.insert(warning.kind);
    CHECK(kinds == test.warnings);
  }
}

}  // namespace sifkit::testing

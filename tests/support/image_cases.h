// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include <sifkit/convert.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/image_builder.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

/// What reading a whole source comes to: "" when it is sound, "KIND what()" of the error otherwise. Nothing is written.
struct Outcome {
  std::string error;
  std::string hint;
  std::set<std::string> warnings;
  ConvertReport report;
};

inline Outcome read_source(const std::string& reference, ConvertOptions options = {}) {
  Outcome out;
  WarningList warnings;
  options.dry_run = true;
  if (!options.platform) options.platform = oci::Platform{"linux", "amd64", ""};
  if (const auto error = error_of([&] { out.report = convert(oci::Reference::parse(reference), "none", options, warnings); })) {
    out.error = std::string(to_string(error->kind())) + " " + error->what();
    out.hint = error->hint().text();
  }
  for (const auto& warning : warnings.listed()) {
    // small_image() has a hard link to its older layer and a program for which there is no shell; some have nothing at all.
    if (!warning.kind.starts_with("link-") && warning.kind != "program-interpreter" && warning.kind != "nothing-to-run") out.warnings.insert(warning.kind);
  }
  return out;
}

/// Checks a row: `expected` is "" or "KIND part of the error".
inline void check_outcome(const Outcome& outcome, const std::string& expected, const std::set<std::string>& warnings = {}) {
  if (expected.empty()) {
    CHECK(outcome.error == "");
    CHECK(outcome.warnings == warnings);
    return;
  }
  const auto space = expected.find(' ');
  CHECK(outcome.error.substr(0, outcome.error.find(' ')) == expected.substr(0, space));
  CHECK_THAT(outcome.error, ContainsSubstring(expected.substr(space + 1)));
}

}  // namespace sifkit::testing

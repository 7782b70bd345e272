// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/trust/trusted_keys.h>

namespace sifkit::cli {

/// Options of every verb that verifies: whose signatures count, and what is demanded of them.
struct TrustArguments {
  std::vector<std::string> keys;
  std::string certificate;
  std::string intermediates;
  std::string roots;
  bool ocsp = false;
  std::string policy;

  /// Whether any is there: that asks for verification where it is a choice.
  bool any() const { return !keys.empty() || !certificate.empty() || !intermediates.empty() || !roots.empty() || ocsp || !policy.empty(); }
};

void add_trust_options(CLI::App& verb, TrustArguments& arguments);

/// The keys or the certificate that signatures must be by: of the command line, else of the environment, else the rings of
/// the user and the site. `at` as in trust::TrustedKeys. Throws usage for what is asked of a certificate where none is.
trust::TrustedKeys keys_to_verify_with(TrustArguments arguments, std::optional<std::int64_t> at);

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "trust_options.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/option_values.h>
#include <sifkit/core/resources.h>
#include <sifkit/trust/default_keys.h>

#include "commands.h"

namespace sifkit::cli {

namespace {

trust::CertificateFiles certificate_of(const TrustArguments& arguments) {
  return {arguments.certificate, arguments.intermediates, arguments.roots, arguments.ocsp};
}

/// The environment speaks where the command line is silent. What it says of certificates is for those alone.
void add_environment(TrustArguments& arguments) {
  const auto fill = [](std::string& into, std::string_view name) {
    if (const auto value = environment(name); into.empty() && value) into = *value;
  };
  if (arguments.keys.empty()) fill(arguments.certificate, "VERIFY_CERTIFICATE");
  trust::require_certificate(certificate_of(arguments), "--");
  if (!arguments.certificate.empty()) {
    fill(arguments.intermediates, "VERIFY_INTERMEDIATES");
    fill(arguments.roots, "VERIFY_ROOTS");
    arguments.ocsp = arguments.ocsp || truth_of_variable("VERIFY_OCSP", environment("VERIFY_OCSP").value_or(""));
  }
  if (const auto key = environment("VERIFY_KEY"); key && arguments.keys.empty() && arguments.certificate.empty()) arguments.keys = {*key};
}

/// A name of a file that is empty, as of a variable that is not set, is no absence: that would allow what the file does not.
class NonEmptyPath : public CLI::Validator {
 public:
  NonEmptyPath() {
    func_ = [](std::string& text) { return text.empty() ? std::string("expected the name of a file, got ''") : std::string(); };
  }
};

}  // namespace

void add_trust_options(CLI::App& verb, TrustArguments& a) {
  const auto add_file = [&](const char* name, std::string& file, const char* description) {
    return verb.add_option(name, file, description)->type_name("FILE")->transform(NonEmptyPath());
  };
  auto* key = verb.add_option("--key", a.keys,
                              "A PEM public key or OpenPGP keys (may be given again; default: the rings of the user and "
                              "the site)")
                  ->type_name("KEYFILE")
                  ->allow_extra_args(false);
  add_file("--certificate", a.certificate, "A certificate (PEM) whose key must have signed")->excludes(key);
  add_file("--certificate-intermediates", a.intermediates, "Certificates between it and the root");
  add_file("--certificate-roots", a.roots, "Certificates to trust in place of the system's");
  verb.add_flag("--ocsp-verify", a.ocsp, "Ask each certificate's OCSP responder whether it is revoked");
  add_file("--policy", a.policy,
           "Demand what this file (JSON) does of images in their directories: keys, how many, formats, sizes");
}

trust::TrustedKeys keys_to_verify_with(TrustArguments arguments, std::optional<std::int64_t> at) {
  add_environment(arguments);
  return trust::keys_to_trust(arguments.keys, certificate_of(arguments), at);
}

}  // namespace sifkit::cli

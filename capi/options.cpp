// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/option_values.h>
#include <sifkit/core/text.h>
#include <sifkit/trust/default_keys.h>

#include "error.h"

namespace sifkit::capi {

namespace {

template <class Number>
Number number(std::string_view value, Number least = 0, Number most = std::numeric_limits<Number>::max()) {
  const auto found = whole_number<Number>(value);
  if (found && *found >= least && *found <= most) return *found;
  throw Error(ErrorKind::usage, fmt::format("expected a number from {} to {}, got {}", least, most, in_quotes(value)));
}

bool truth(std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  throw Error(ErrorKind::usage, fmt::format("expected true or false, got {}", in_quotes(value)));
}

std::pair<std::string, std::string> name_and_value(std::string_view value) {
  const auto equals = value.find('=');
  if (equals == 0 || equals == std::string_view::npos) throw Error(ErrorKind::usage, fmt::format("expected NAME=VALUE, got {}", in_quotes(value)));
  return {std::string(value.substr(0, equals)), std::string(value.substr(equals + 1))};
}

void set_format(sifkit_options& options, std::string_view value) {
  static constexpr std::array<std::pair<std::string_view, OutputFormat>, 3> kFormats{
      {{"sif", OutputFormat::sif}, {"squashfs", OutputFormat::squashfs}, {"sandbox", OutputFormat::sandbox}}};
  const auto format = std::find_if(kFormats.begin(), kFormats.end(), [&](const auto& known) { return known.first == value; });
  if (format != kFormats.end()) {
    options.build.format = format->second;
    return;
  }
  if (value != "spdx" && value != "cyclonedx")
    throw Error(ErrorKind::usage, fmt::format("expected sif, squashfs, sandbox, spdx or cyclonedx, got {}", in_quotes(value)));
  options.document.format = sbom::parse_document_format(value);
}

void set_xattrs(sifkit_options& options, std::string_view value) {
  using layers::XattrPolicy;
  static constexpr std::array<std::pair<std::string_view, XattrPolicy>, 4> kPolicies{
      {{"portable", XattrPolicy::keep}, {"keep", XattrPolicy::keep}, {"user", XattrPolicy::user_only}, {"none", XattrPolicy::none}}};
  const auto policy = std::find_if(kPolicies.begin(), kPolicies.end(), [&](const auto& known) { return known.first == value; });
  if (policy == kPolicies.end()) throw Error(ErrorKind::usage, fmt::format("expected portable, keep, user or none, got {}", in_quotes(value)));
  options.build.layers.xattrs = policy->second;
  options.build.keep_capabilities = value == "keep";
}

void set_credentials(sifkit_options& options, std::string_view value) {
  const auto colon = value.find(':');
  if (colon == 0 || colon == std::string_view::npos) throw Error(ErrorKind::usage, "expected USER:PASSWORD");
  oci::RegistryCredentials credentials;
  credentials.user = value.substr(0, colon);
  credentials.password = value.substr(colon + 1);
  credentials.origin = "the option creds";
  options.build.registry.credentials = std::move(credentials);
}

using Set = void (*)(sifkit_options&, std::string_view);

constexpr auto kOptions = std::to_array<std::pair<std::string_view, Set>>({
    {"all-root", [](auto& o, auto value) { o.build.all_root = truth(value); }},
    {"annotation", [](auto& o, auto value) { o.annotations.push_back(name_and_value(value)); }},
    {"at", [](auto& o, auto value) { o.at = number<std::int64_t>(value); }},
    {"authfile", [](auto& o, auto value) { o.build.registry.auth_file = value; }},
    {"base", [](auto& o, auto value) { o.build.base = value; }},
    {"block-size", [](auto& o, auto value) {
       const auto size = scaled_number(value);
       if (!size || *size > std::numeric_limits<std::uint32_t>::max()) throw Error(ErrorKind::usage, fmt::format("expected a number of bytes, got {}", in_quotes(value)));
       o.build.squashfs.block_size = static_cast<std::uint32_t>(*size);
     }},
    {"certificate", [](auto& o, auto value) { o.certificate.certificate = value; }},
    {"certificate-intermediates", [](auto& o, auto value) { o.certificate.intermediates = value; }},
    {"certificate-roots", [](auto& o, auto value) { o.certificate.roots = value; }},
    {"clamp-names", [](auto& o, auto value) { o.build.layers.clamp_climbing_names = truth(value); }},
    {"compress", [](auto& o, auto value) {
       layers::parse_compression(std::string(value), o.build.squashfs);
       o.compression = value;
     }},
    {"creds", set_credentials},
    {"deep", [](auto& o, auto value) { o.check.deep = truth(value); }},
    {"digest", [](auto& o, auto value) { o.digest = Digest::parse(value, "digest"); }},
    {"docker-host", [](auto& o, auto value) { o.build.daemon_host = value; }},
    {"dry-run", [](auto& o, auto value) { o.build.dry_run = truth(value); }},
    {"env", [](auto& o, auto value) { o.build.env.push_back(name_and_value(value)); }},
    {"exclude", [](auto& o, auto value) { o.build.excludes.emplace_back(value); }},
    {"fast", [](auto& o, auto value) { o.build.squashfs.fast = truth(value); }},
    {"for", [](auto& o, auto value) { check::set_machine(o.check, value); }},
    {"force", [](auto& o, auto value) { o.build.overwrite = truth(value) ? Overwrite::yes : Overwrite::no; }},
    {"format", set_format},
    {"glibc", [](auto& o, auto value) {
       if (!check::is_glibc_version(value)) throw Error(ErrorKind::usage, fmt::format("expected a version such as 2.28, got {}", in_quotes(value)));
       o.check.glibc = value;
     }},
    {"group-id", [](auto& o, auto value) { o.groups.push_back(number<std::uint32_t>(value, 1)); }},
    {"ignore", [](auto& o, auto value) { o.ignored.emplace_back(value); }},
    {"ignore-others", [](auto& o, auto value) { o.verify.ignore_others = truth(value); }},
    {"ignore-times", [](auto& o, auto value) { o.diff.ignore_times = truth(value); }},
    {"key", [](auto& o, auto value) { o.keys.emplace_back(value); }},
    {"key-name", [](auto& o, auto value) { o.key_name = value; }},
    {"label", [](auto& o, auto value) { o.build.labels.push_back(name_and_value(value)); }},
    {"legacy-insecure", [](auto& o, auto value) { o.verify.legacy = truth(value); }},
    {"library", [](auto& o, auto value) { o.build.registry.library = value; }},
    {"limit", [](auto& o, auto value) { set_limit(o.build.limits, value); }},
    {"name", [](auto& o, auto value) { o.document_name = value; }},
    {"no-base", [](auto& o, auto value) { o.build.use_base = !truth(value); }},
    {"no-https", [](auto& o, auto value) { o.build.registry.plain_http = truth(value); }},
    {"ocsp-verify", [](auto& o, auto value) { o.certificate.ocsp = truth(value); }},
    {"passphrase", [](auto& o, auto value) { o.passphrase = Secret(value); }},
    {"platform", [](auto& o, auto value) { o.build.platform = oci::Platform::parse(value); }},
    {"policy", [](auto& o, auto value) { o.policy = value; }},
    {"replace", [](auto& o, auto value) { o.replace = truth(value); }},
    {"reproducible", [](auto& o, auto value) { o.build.reproducible = truth(value); }},
    {"require-digest", [](auto& o, auto value) { o.verify.required_digest = Digest::parse(value, "digest"); }},
    {"require-fingerprint", [](auto& o, auto value) { o.verify.required_keys.emplace_back(value); }},
    {"retries", [](auto& o, auto value) { o.build.registry.retries = number<unsigned>(value, 0, 1000); }},
    {"service-timeout", [](auto& o, auto value) { o.build.service_timeout = std::chrono::seconds(number<unsigned>(value, 1, 86400)); }},
    {"sif-id", [](auto& o, auto value) { o.objects.push_back(number<std::uint32_t>(value, 1)); }},
    {"sign", [](auto& o, auto value) { o.sign_after_build = truth(value); }},
    {"source-date-epoch", [](auto& o, auto value) { o.build.source_date_epoch = number<std::int64_t>(value); }},
    {"strict-layout", [](auto& o, auto value) { o.verify.strict_layout = truth(value); }},
    {"threads", [](auto& o, auto value) { o.build.threads = number<unsigned>(value); }},
    {"tmpdir", [](auto& o, auto value) { o.build.scratch = value; }},
    {"tree", [](auto& o, auto value) { o.tree = truth(value); }},
    {"verify", [](auto& o, auto value) { o.verify_pulled = truth(value); }},
    {"verify-after", [](auto& o, auto value) { o.build.verify_after = truth(value); }},
    {"with-singularity", [](auto& o, auto value) { o.diff.with_runtime_files = truth(value); }},
    {"without-singularity", [](auto& o, auto value) { o.without_runtime_files = truth(value); }},
    {"xattrs", set_xattrs},
});

}  // namespace

void set_option(sifkit_options& options, std::string_view name, std::string_view value) {
  const auto option = std::find_if(kOptions.begin(), kOptions.end(), [&](const auto& known) { return known.first == name; });
  if (option == kOptions.end()) throw Error(ErrorKind::usage, fmt::format("unknown option {}", in_quotes(name)));
  try {
    option->second(options, value);
  } catch (const Error& error) {  // whatever is wrong with a value, it is the caller's
    Error usage(ErrorKind::usage, error.message(), error.hint());
    usage.add_context(fmt::format("option {}", in_quotes(name)));
    throw usage;
  }
}

const sifkit_options& options_or_none(const sifkit_options* options) {
  static const sifkit_options none;
  return options == nullptr ? none : *options;
}

trust::TrustedKeys keys_to_trust(const sifkit_options& options) {
  return trust::keys_to_trust(options.keys, options.certificate, options.at);
}

bool names_trust(const sifkit_options& options) {
  return !options.keys.empty() || !options.certificate.certificate.empty() || !options.policy.empty();
}

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

sifkit_options* sifkit_options_new(void) {
  try {
    return new sifkit_options;
  } catch (...) {
    return nullptr;
  }
}

void sifkit_options_free(sifkit_options* options) { delete options; }

int sifkit_options_set(sifkit_options* options, const char* name, const char* value, sifkit_error** error) {
  return guarded(error, [&] {
    require(options, "options");
    require(name, "name");
    set_option(*options, name, value == nullptr ? "true" : value);
    return 0;
  });
}

void sifkit_options_on_progress(sifkit_options* options, sifkit_progress_function function, void* user) {
  if (options == nullptr) return;
  options->progress = function;
  options->progress_user = user;
}

void sifkit_options_on_message(sifkit_options* options, sifkit_message_function function, void* user) {
  if (options == nullptr) return;
  options->message = function;
  options->message_user = user;
}

void sifkit_options_cancel(sifkit_options* options) {
  if (options != nullptr) options->cancel.request_stop();
}

}  // extern "C"

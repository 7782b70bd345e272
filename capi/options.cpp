// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/option_values.h>
#include <sifkit/core/text.h>
#include <sifkit/trust/default_keys.h>

#include "error.h"

namespace sifkit::capi {

namespace {

constexpr int kMaxRetryDelay = 60;  ///< seconds

template <class Number>
Number number(std::string_view value, Number least = 0, Number most = std::numeric_limits<Number>::max()) {
  const auto found = whole_number<Number>(value);
  if (found && *found >= least && *found <= most) return *found;
  throw Error(ErrorKind::usage, fmt::format("expected a number from {} to {}, got {}", least, most, in_quotes(value)));
}

/// One that is empty, as of a variable that is not set, is no absence: that would allow what the file does not.
std::string file_name(std::string_view value) {
  if (value.empty()) throw Error(ErrorKind::usage, "expected the name of a file, got ''");
  return std::string(value);
}

std::chrono::milliseconds seconds(std::string_view value) {
  double out = -1;
  const auto* const last = value.data() + value.size();
  const auto [end, error] = std::from_chars(value.data(), last, out, std::chars_format::fixed);
  if (error != std::errc() || end != last || !(out >= 0 && out <= kMaxRetryDelay))
    throw Error(ErrorKind::usage,
                fmt::format("expected seconds from 0 to {}, got {}", kMaxRetryDelay, in_quotes(value)));
  return std::chrono::milliseconds(std::llround(out * 1000));
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

/// Which of them a function has is asked where it is called: the options may be for several.
void set_format(sifkit_options& options, std::string_view value) {
  static constexpr auto kFormats =
      std::to_array<std::string_view>({"sif", "squashfs", "sandbox", "oci", "docker", "spdx", "cyclonedx"});
  if (std::find(kFormats.begin(), kFormats.end(), value) == kFormats.end())
    throw Error(ErrorKind::usage, fmt::format("expected sif, squashfs, sandbox, oci, docker, spdx or cyclonedx, got {}",
                                              in_quotes(value)));
  options.format = value;
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

oci::RegistryCredentials credentials(std::string_view value, std::string_view option) {
  const auto colon = value.find(':');
  if (colon == 0 || colon == std::string_view::npos) throw Error(ErrorKind::usage, "expected USER:PASSWORD");
  oci::RegistryCredentials out;
  out.user = value.substr(0, colon);
  out.password = value.substr(colon + 1);
  out.origin = fmt::format("the option {}", option);
  return out;
}

using SetFlag = void (*)(sifkit_options&, bool);

constexpr auto kFlags = std::to_array<std::pair<std::string_view, SetFlag>>({
    {"all", [](auto& o, bool on) { o.all = on; }},
    {"all-root", [](auto& o, bool on) { o.build.all_root = on; }},
    {"clamp-names", [](auto& o, bool on) { o.build.layers.clamp_climbing_names = on; }},
    {"deep", [](auto& o, bool on) { o.check.deep = on; }},
    {"dest-no-https", [](auto& o, bool on) { o.target_registry.plain_http = on; }},
    {"disable-cache", [](auto& o, bool on) { o.without_cache = on; }},
    {"dry-run", [](auto& o, bool on) { o.build.dry_run = on; }},
    {"fast", [](auto& o, bool on) { o.build.squashfs.fast = on; }},
    {"force", [](auto& o, bool on) { o.build.overwrite = on ? Overwrite::yes : Overwrite::no; }},
    {"ignore-others", [](auto& o, bool on) { o.verify.ignore_others = on; }},
    {"ignore-times", [](auto& o, bool on) { o.diff.ignore_times = on; }},
    {"legacy-insecure", [](auto& o, bool on) { o.verify.legacy = on; }},
    {"no-base", [](auto& o, bool on) { o.build.use_base = !on; }},
    {"no-https", [](auto& o, bool on) { o.build.registry.plain_http = on; }},
    {"ocsp-verify", [](auto& o, bool on) { o.certificate.ocsp = on; }},
    {"replace", [](auto& o, bool on) { o.replace = on; }},
    {"reproducible", [](auto& o, bool on) { o.build.reproducible = on; }},
    {"sign", [](auto& o, bool on) { o.sign_after_build = on; }},
    {"src-no-https", [](auto& o, bool on) { o.source_registry.plain_http = on; }},
    {"strict-layout", [](auto& o, bool on) { o.verify.strict_layout = on; }},
    {"tree", [](auto& o, bool on) { o.tree = on; }},
    {"verify", [](auto& o, bool on) { o.verify_pulled = on; }},
    {"verify-after", [](auto& o, bool on) { o.build.verify_after = on; }},
    {"with-singularity", [](auto& o, bool on) { o.diff.with_runtime_files = on; }},
    {"without-singularity", [](auto& o, bool on) { o.without_runtime_files = on; }},
});

using Set = void (*)(sifkit_options&, std::string_view);

constexpr auto kOptions = std::to_array<std::pair<std::string_view, Set>>({
    {"annotation", [](auto& o, auto value) { o.annotations.push_back(name_and_value(value)); }},
    {"at", [](auto& o, auto value) { o.at = number<std::int64_t>(value); }},
    {"authfile", [](auto& o, auto value) { o.build.registry.auth_file = file_name(value); }},
    {"base", [](auto& o, auto value) { o.build.base = file_name(value); }},
    {"block-size", [](auto& o, auto value) {
       const auto size = scaled_number(value);
       if (!size || *size > std::numeric_limits<std::uint32_t>::max()) throw Error(ErrorKind::usage, fmt::format("expected a number of bytes, got {}", in_quotes(value)));
       o.build.squashfs.block_size = static_cast<std::uint32_t>(*size);
     }},
    {"certificate", [](auto& o, auto value) { o.certificate.certificate = file_name(value); }},
    {"certificate-intermediates", [](auto& o, auto value) { o.certificate.intermediates = file_name(value); }},
    {"certificate-roots", [](auto& o, auto value) { o.certificate.roots = file_name(value); }},
    {"compress", [](auto& o, auto value) {
       layers::parse_compression(std::string(value), o.build.squashfs);
       o.compression = value;
     }},
    {"connections", [](auto& o, auto value) {
       o.build.registry.connections = number<unsigned>(value, 1, oci::RegistryOptions::kMaxConnections);
     }},
    {"creds", [](auto& o, auto value) { o.build.registry.credentials = credentials(value, "creds"); }},
    {"dest-authfile", [](auto& o, auto value) { o.target_registry.auth_file = file_name(value); }},
    {"dest-creds", [](auto& o, auto value) { o.target_registry.credentials = credentials(value, "dest-creds"); }},
    {"digest", [](auto& o, auto value) { o.digest = Digest::parse(value, "digest"); }},
    {"docker-host", [](auto& o, auto value) { o.build.daemon_host = value; }},
    {"env", [](auto& o, auto value) { o.build.env.push_back(name_and_value(value)); }},
    {"exclude", [](auto& o, auto value) { o.build.excludes.emplace_back(value); }},
    {"for", [](auto& o, auto value) { check::set_machine(o.check, value); }},
    {"format", set_format},
    {"glibc", [](auto& o, auto value) {
       if (!check::is_glibc_version(value)) throw Error(ErrorKind::usage, fmt::format("expected a version such as 2.28, got {}", in_quotes(value)));
       o.check.glibc = value;
     }},
    {"group-id", [](auto& o, auto value) { o.groups.push_back(number<std::uint32_t>(value, 1)); }},
    {"ignore", [](auto& o, auto value) { o.ignored.emplace_back(value); }},
    {"key", [](auto& o, auto value) { o.keys.emplace_back(file_name(value)); }},
    {"key-name", [](auto& o, auto value) { o.key_name = value; }},
    {"label", [](auto& o, auto value) { o.build.labels.push_back(name_and_value(value)); }},
    {"library", [](auto& o, auto value) { o.build.registry.library = value; }},
    {"limit", [](auto& o, auto value) { set_limit(o.build.limits, value); }},
    {"name", [](auto& o, auto value) { o.document_name = value; }},
    {"passphrase", [](auto& o, auto value) { o.passphrase = Secret(value); }},
    {"platform", [](auto& o, auto value) { o.build.platform = oci::Platform::parse(value); }},
    {"policy", [](auto& o, auto value) { o.policy = file_name(value); }},
    {"require-digest", [](auto& o, auto value) { o.verify.required_digest = Digest::parse(value, "digest"); }},
    {"require-fingerprint", [](auto& o, auto value) { o.verify.required_keys.emplace_back(value); }},
    {"retries", [](auto& o, auto value) { o.build.registry.retries = number<unsigned>(value, 0, 1000); }},
    {"retry-delay", [](auto& o, auto value) { o.build.registry.retry_delay = seconds(value); }},
    {"service-timeout", [](auto& o, auto value) { o.build.service_timeout = std::chrono::seconds(number<unsigned>(value, 1, 86400)); }},
    {"sif-id", [](auto& o, auto value) { o.objects.push_back(number<std::uint32_t>(value, 1)); }},
    {"source-date-epoch", [](auto& o, auto value) { o.build.source_date_epoch = number<std::int64_t>(value); }},
    {"threads", [](auto& o, auto value) { o.build.threads = number<unsigned>(value); }},
    {"src-authfile", [](auto& o, auto value) { o.source_registry.auth_file = file_name(value); }},
    {"src-creds", [](auto& o, auto value) { o.source_registry.credentials = credentials(value, "src-creds"); }},
    {"tmpdir", [](auto& o, auto value) { o.build.scratch = value; }},
    {"xattrs", set_xattrs},
});

}  // namespace

void set_option(sifkit_options& options, std::string_view name, std::optional<std::string_view> value) {
  const auto is_it = [&](const auto& known) { return known.first == name; };
  const auto flag = std::find_if(kFlags.begin(), kFlags.end(), is_it);
  const auto option = std::find_if(kOptions.begin(), kOptions.end(), is_it);
  if (flag == kFlags.end() && option == kOptions.end())
    throw Error(ErrorKind::usage, fmt::format("unknown option {}", in_quotes(name)));
  try {
    if (flag != kFlags.end()) return flag->second(options, truth(value.value_or("true")));
    if (!value) throw Error(ErrorKind::usage, "expected a value, got a null pointer, which is one of flags");
    option->second(options, *value);
  } catch (const Error& error) {  // whatever is wrong with a value, it is the caller's
    Error usage(ErrorKind::usage, error.message(), error.hint());
    usage.add_context(fmt::format("option {}", in_quotes(name)));
    throw usage;
  }
}

std::size_t format_among(const sifkit_options& options, std::initializer_list<std::string_view> formats) {
  if (options.format.empty()) return 0;
  const auto* const format = std::find(formats.begin(), formats.end(), options.format);
  if (format != formats.end()) return static_cast<std::size_t>(format - formats.begin());
  throw Error(ErrorKind::usage,
              fmt::format("option 'format': expected {}, got {}", fmt::join(formats, " or "),
                          in_quotes(options.format)));
}

const sifkit_options& options_or_none(const sifkit_options* options) {
  static const sifkit_options none;
  return options == nullptr ? none : *options;
}

trust::TrustedKeys keys_to_trust(const sifkit_options& options) {
  return trust::keys_to_trust(options.keys, options.certificate, options.at);
}

bool names_trust(const sifkit_options& options) {
  const auto& chain = options.certificate;
  return !options.keys.empty() || !options.policy.empty() || !chain.certificate.empty() || chain.ocsp ||
         !chain.intermediates.empty() || !chain.roots.empty();
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
    set_option(*options, name, value == nullptr ? std::nullopt : std::optional<std::string_view>(value));
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

void sifkit_options_on_warning(sifkit_options* options, sifkit_warning_function function, void* user) {
  if (options == nullptr) return;
  options->warning = function;
  options->warning_user = user;
}

void sifkit_options_cancel(sifkit_options* options) {
  if (options != nullptr) options->cancel.request_stop();
}

}  // extern "C"

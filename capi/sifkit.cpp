// SPDX-License-Identifier: Apache-2.0
#include <sifkit.h>

#include <array>

#include <fmt/format.h>

#include <sifkit/core/resources.h>
#include <sifkit/file_system.h>
#include <sifkit/inspect/stored_digests.h>
#include <sifkit/inspect/tree_digest.h>
#include <sifkit/oci/image_destination.h>
#include <sifkit/oci/source.h>
#include <sifkit/records/image.h>
#include <sifkit/records/signatures.h>
#include <sifkit/records/version.h>
#include <sifkit/sif_file.h>
#include <sifkit/trust/default_keys.h>
#include <sifkit/version.h>

#include "call.h"

namespace sifkit::capi {

namespace {

std::vector<trust::SigningKey> keys_to_sign(const sifkit_options& options) {
  trust::SigningKey choice;
  choice.which = options.key_name;
  choice.passphrase = [passphrase = options.passphrase](std::string_view key) {
    if (passphrase) return passphrase.text();
    throw Error(ErrorKind::denied, "the key " + in_quotes(key) + " needs a passphrase", "set the option passphrase");
  };
  return trust::keys_to_sign(options.keys, choice);
}

trust::SignOptions sign_options(Call& call) {
  trust::SignOptions signing;
  signing.groups = call.options().groups;
  signing.objects = call.options().objects;
  signing.replace = call.options().replace;
  signing.threads = available_threads();
  signing.limits = call.options().build.limits;
  signing.operation = call.operation();
  return signing;
}

/// Where sifkit_copy writes, or nobody, would become a file of that name.
void refuse_other_target(const std::string& target) {
  const auto file = fmt::format("'./{}' is a file of that name", printable(target));
  if (target == "-")
    throw Error(ErrorKind::usage,
                "an image cannot be written to standard output: it is not written sequentially", file);
  if (!oci::names_source(target) && !oci::Target::parse(target)) return;
  throw Error(ErrorKind::usage, fmt::format("the target {} is not the path of a file", in_quotes(target)),
              "sifkit_copy writes to layouts, archives, registries and daemons; " + file);
}

/// A key that is given is one to sign with: nobody takes an unsigned image for what was asked for.
bool is_to_sign(const sifkit_options& options) { return options.sign_after_build || !options.keys.empty(); }

int build(const char* target, const char* source, Call& call, char** record) {
  require(target, "target");
  require(source, "source");
  refuse_other_target(target);
  using enum OutputFormat;
  auto options = call.build();
  options.format = std::array{sif, squashfs, sandbox}.at(format_among(call.options(), {"sif", "squashfs", "sandbox"}));
  if (is_to_sign(call.options())) {
    if (options.format != OutputFormat::sif) throw Error(ErrorKind::usage, "only SIF files are signed");
    options.signs = true;
    // Read now: a key that is not there must not cost a conversion.
    options.before_commit = [keys = keys_to_sign(call.options()), operation = options.operation](File& file) {
      trust::SignOptions signing;
      signing.operation = operation;
      trust::sign_in_place(file, keys, signing);
    };
  }
  CallWarnings warnings(call);
  const auto report = convert(oci::Reference::parse(source), target, options, warnings);
  give_record(records::build_record(report, warnings), record);
  return 0;
}

int inspect_image(const char* source, Call& call, char** record) {
  require(source, "source");
  CallWarnings warnings(call);
  const auto report = inspect_container(oci::Reference::parse(source), call.source(), warnings);
  Json oci_config = nullptr;
  try {
    if (!report.oci_config.empty()) oci_config = parse_json(report.oci_config, "oci-config.json", call.source().limits);
  } catch (const Error& error) {
    warnings.add("metadata-left-out", fmt::format("{}; it is left out", error.what()));
  }
  give_record({{"schema", "sifkit/image/v1"},
               {"source", source},
               {"summary", records::summary_record(report)},
               {"attributes", Json::parse(report.apptainer_json()).at("data").at("attributes")},
               {"oci_config", oci_config}},
              record);
  return 0;
}

int digest(const char* source, Call& call, char** record) {
  require(source, "source");
  CallWarnings warnings(call);
  const auto reference = oci::Reference::parse(source);
  Json out{{"schema", "sifkit/digest/v1"}};
  if (call.options().tree) {
    const bool with_runtime_files = !call.options().without_runtime_files;
    const auto opened = open_file_system(reference, call.source(), warnings);
    out["tree"] = records::tree_record(inspect::tree_digest(opened->files(), with_runtime_files, call.operation()), with_runtime_files);
  } else {
    for (const auto& [name, value] : inspect::stored_digests(reference, call.source(), warnings)) {
      out[name] = value ? Json(value->text()) : Json(nullptr);
    }
  }
  give_record(out, record);
  return 0;
}

int sign(const char* file, Call& call, char** record) {
  require(file, "file");
  const auto report = with_sif_file(file, [&] { return trust::sign(file, keys_to_sign(call.options()), sign_options(call)); });
  give_record({{"schema", "sifkit/sign/v1"}, {"signed", Json::array({file})}, {"images", Json::array({records::sign_record(file, report)})}}, record);
  return 0;
}

/// A file, or that of a registry or a library.
sif::Image open_to_verify(const std::string& place, Call& call) {
  if (!place.starts_with("oras:") && !place.starts_with("library:")) return open_sif(place);
  const auto reference = oci::Reference::parse(place);
  const bool remote = reference.transport == oci::Transport::oras || reference.transport == oci::Transport::library;
  if (!remote) return open_sif(place);  // a file that is called so is that file
  CallWarnings warnings(call);
  return sif::Image(oci::open_source(reference, call.source(), warnings)->image_file());
}

int verify(const char* file, Call& call, char** record) {
  require(file, "file");
  auto options = call.options().verify;
  options.groups = call.options().groups;
  options.objects = call.options().objects;
  options.digest = options.required_digest.has_value();
  options.threads = available_threads();
  options.limits = call.options().build.limits;
  options.operation = call.operation();
  std::optional<trust::VerifyPolicy> policy;
  if (!call.options().policy.empty()) options.policy = &policy.emplace(trust::VerifyPolicy::read(call.options().policy));
  const auto keys = keys_to_trust(call.options());
  const auto image = open_to_verify(file, call);
  const auto report = trust::verify(image, keys, options);
  give_record({{"schema", "sifkit/verify/v1"}, {"images", Json::array({records::verify_record(file, &image, &report, nullptr)})}}, record);
  if (report.failure) throw Error(*report.failure);
  return 0;
}

}  // namespace

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

const char* sifkit_version(void) { return SIFKIT_VERSION_STRING; }
int sifkit_c_api(void) { return SIFKIT_C_API; }

int sifkit_build(const char* target, const char* source, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return build(target, source, call, record); });
}

int sifkit_inspect(const char* source, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return inspect_image(source, call, record); });
}

int sifkit_digest(const char* source, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return digest(source, call, record); });
}

int sifkit_sign(const char* file, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return sign(file, call, record); });
}

int sifkit_verify(const char* file, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return verify(file, call, record); });
}

int sifkit_version_record(char** record, sifkit_error** error) {
  return with_call(nullptr, record, error, [&](Call&) {
    give_record(records::version_record(), record);
    return 0;
  });
}

}  // extern "C"

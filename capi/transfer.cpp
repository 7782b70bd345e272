// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <optional>

#include <fmt/format.h>

#include <sifkit/copy_image.h>
#include <sifkit/oci/registry_settings.h>
#include <sifkit/pull_image.h>
#include <sifkit/push_image.h>
#include <sifkit/records/transfer.h>

#include "call.h"

namespace sifkit::capi {

namespace {

/// How the two registries of a copy are asked where either has something of its own.
void set_registries(const oci::Reference& source, const oci::Target& target, const sifkit_options& from,
                    CopyOptions& options) {
  const auto& of_source = from.source_registry;
  const auto& of_target = from.target_registry;
  if (of_target.any() && target.transport != oci::Transport::docker) {
    const char* const option = of_target.credentials          ? "dest-creds"
                               : !of_target.auth_file.empty() ? "dest-authfile"
                                                              : "dest-no-https";
    throw Error(ErrorKind::usage,
                fmt::format("{} is for what goes into a registry, not for {}", option, in_quotes(target.text)));
  }
  if (!of_source.any() && !of_target.any()) return;
  const auto both = options.registry;
  if (target.transport == oci::Transport::docker) {
    if (!of_source.has_credentials() && !of_target.has_credentials())
      oci::expect_one_registry(both, source.registry_host(), oci::Reference::parse(target.text).registry_host(),
                               "src-creds and dest-creds name credentials for each, src-authfile and dest-authfile "
                               "files with them");
    options.target_registry = oci::with_own(both, of_target);
  }
  options.registry = oci::with_own(both, of_source);
}

/// All is copied as it is.
void refuse_changes(const sifkit_options& options) {
  const char* const option = !options.compression.empty() ? "compress"
                             : !options.format.empty()    ? "format"
                             : options.build.platform     ? "platform"
                                                          : nullptr;
  if (option != nullptr)
    throw Error(ErrorKind::usage,
                fmt::format("all copies every image as it is: {} cannot be combined with it", option));
}

int copy(const char* source, const char* target, Call& call, char** record) {
  require(source, "source");
  require(target, "target");
  const auto place = oci::Target::require(target);
  const auto reference = oci::Reference::parse(source);
  const bool all = call.options().all;
  if (all) refuse_changes(call.options());
  CopyOptions options{call.source()};
  set_registries(reference, place, call.options(), options);
  if (!call.options().format.empty()) {
    const auto format = format_among(call.options(), {"oci", "docker"});
    options.format = std::array{ManifestFormat::oci, ManifestFormat::docker}.at(format);
  }
  options.overwrite = call.options().build.overwrite;
  const auto& compression = call.options().compression;
  if (!compression.empty()) options.compression = StreamCompression::parse(compression);
  CallWarnings warnings(call);
  const auto report = (all ? &copy_all : &copy_image)(reference, place, options, warnings);
  give_record(records::copy_record(source, place, report, all), record);
  return 0;
}

/// What is demanded of signatures beside whose they are, a pull does not ask: it would pass for done.
void refuse_demands(const trust::VerifyOptions& demands) {
  const char* const option = demands.required_digest          ? "require-digest"
                             : !demands.required_keys.empty() ? "require-fingerprint"
                             : demands.strict_layout          ? "strict-layout"
                             : demands.ignore_others          ? "ignore-others"
                             : demands.legacy                 ? "legacy-insecure"
                                                              : nullptr;
  if (option != nullptr)
    throw Error(ErrorKind::usage, fmt::format("{} is asked by sifkit_verify, not by a pull", option),
                "the option policy makes demands of keys, the option digest of the file");
}

int pull(const char* target, const char* uri, Call& call, char** record) {
  require(uri, "uri");
  refuse_demands(call.options().verify);
  PullOptions options{call.source()};
  if (target != nullptr) options.target = target;
  options.overwrite = call.options().build.overwrite;
  options.digest = call.options().digest;
  options.verified = call.options().verify_pulled || names_trust(call.options());
  std::optional<trust::TrustedKeys> keys;
  std::optional<trust::VerifyPolicy> policy;
  if (options.verified) options.keys = &keys.emplace(keys_to_trust(call.options()));
  if (!call.options().policy.empty()) options.policy = &policy.emplace(trust::VerifyPolicy::read(call.options().policy));
  CallWarnings warnings(call);
  const auto report = pull_image(uri, options, warnings);
  give_record(records::pull_record(uri, report), record);
  return 0;
}

int push(const char* const* files, std::size_t count, const char* uri, Call& call, char** record) {
  require(files, "files");
  require(uri, "uri");
  if (count == 0) throw Error(ErrorKind::usage, "there is no file to push");
  std::vector<std::string> paths;
  std::vector<oci::SifFile> opened;
  for (std::size_t i = 0; i < count; ++i) {
    require(files[i], "a name of a file");
    paths.emplace_back(files[i]);
    opened.push_back(sif_to_push(files[i], call.options().annotations, call.source()));
  }
  give_record(records::push_record(uri, paths, opened, push_to_oras(uri, opened, call.source())), record);
  return 0;
}

}  // namespace

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

int sifkit_copy(const char* source, const char* target, const sifkit_options* options, char** record,
                sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return copy(source, target, call, record); });
}

int sifkit_pull(const char* target, const char* uri, const sifkit_options* options, char** record,
                sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return pull(target, uri, call, record); });
}

int sifkit_push(const char* const* files, size_t count, const char* uri, const sifkit_options* options, char** record,
                sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return push(files, count, uri, call, record); });
}

}  // extern "C"

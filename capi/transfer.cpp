// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include <sifkit/copy_image.h>
#include <sifkit/pull_image.h>
#include <sifkit/push_image.h>
#include <sifkit/records/transfer.h>

#include "call.h"

namespace sifkit::capi {

namespace {

int copy(const char* source, const char* target, Call& call, char** record) {
  require(source, "source");
  require(target, "target");
  const auto place = oci::Target::require(target);
  CopyOptions options{call.source()};
  options.overwrite = call.options().build.overwrite;
  const auto& compression = call.options().compression;
  if (!compression.empty()) options.compression = StreamCompression::parse(compression);
  CallWarnings warnings(call);
  const auto report = copy_image(oci::Reference::parse(source), place, options, warnings);
  give_record(records::copy_record(source, place, report), record);
  return 0;
}

int pull(const char* target, const char* uri, Call& call, char** record) {
  require(uri, "uri");
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

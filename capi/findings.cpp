// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include <sifkit/inspect/check.h>
#include <sifkit/inspect/image_diff.h>
#include <sifkit/inspect/sbom.h>
#include <sifkit/records/findings.h>

#include "call.h"

namespace sifkit::capi {

namespace {

/// An image that is open, and the warnings that it uses.
struct Opened {
  Opened(oci::Reference source, Call& call) : reference(std::move(source)), warnings(call) {
    image = open_file_system(reference, call.source(), warnings);
  }

  oci::Reference reference;
  CallWarnings warnings;
  std::unique_ptr<OpenedFileSystem> image;
};

int check_source(const char* source, Call& call, char** record) {
  require(source, "source");
  auto options = call.options().check;
  options.operation = call.operation();
  const Opened opened(oci::Reference::parse(source), call);
  give_record(records::check_record(source, check::check_image(*opened.image, options)), record);
  return 0;
}

int diff(const char* first, const char* second, Call& call, char** record) {
  require(first, "first");
  require(second, "second");
  auto options = call.options().diff;
  options.ignored = layers::PathPatterns(call.options().ignored);
  const auto of_a = oci::Reference::parse(first);
  const auto of_b = oci::Reference::parse(second);
  oci::expect_one_registry(call.source().registry, of_a.registry_host(), of_b.registry_host(),
                           "a file (the option authfile) can have credentials for both");
  const Opened a(of_a, call);
  const Opened b(of_b, call);
  CallWarnings warnings(call);
  const auto found = inspect::diff_images(*a.image, *b.image, options, call.source(), warnings);
  give_record(records::diff_record(found), record);
  return 0;
}

int sbom_of(const char* source, Call& call, char** document) {
  require(source, "source");
  require(document, "document");
  using enum sbom::DocumentFormat;
  sbom::DocumentOptions options;
  options.format = std::array{spdx, cyclonedx}.at(format_among(call.options(), {"spdx", "cyclonedx"}));
  const Opened opened(oci::Reference::parse(source), call);
  const auto& name = call.options().document_name;
  options.name = name.empty() ? sbom::name_of(opened.reference) : name;
  options.time = call.options().build.source_date_epoch;
  CallWarnings warnings(call);
  const auto inventory = sbom::take_inventory(*opened.image, call.operation(), warnings);
  give(sbom::document_text(inventory, options), document);
  return 0;
}

}  // namespace

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

int sifkit_check(const char* source, const sifkit_options* options, char** record, sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return check_source(source, call, record); });
}

int sifkit_diff(const char* first, const char* second, const sifkit_options* options, char** record,
                sifkit_error** error) {
  return with_call(options, record, error, [&](Call& call) { return diff(first, second, call, record); });
}

int sifkit_sbom(const char* source, const sifkit_options* options, char** document, sifkit_error** error) {
  return with_call(options, document, error, [&](Call& call) { return sbom_of(source, call, document); });
}

}  // extern "C"

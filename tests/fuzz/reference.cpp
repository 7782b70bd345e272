// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/digest.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/image_config.h>
#include <sifkit/oci/reference.h>

#include "docker_name.h"
#include "fuzz.h"

using namespace sifkit;

/// Words a user or a document may name things with: references, digests, platforms, Docker's names, times.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto reference = oci::Reference::parse(text);
    if (reference.transport == oci::Transport::automatic || reference.transport == oci::Transport::standard_input) return;
    const auto again = oci::Reference::parse(reference.bootstrap() + "://" + reference.from());
    fuzz::require(again.transport == reference.transport && again.location == reference.location && again.selector == reference.selector,
                  "a reference that is printed and read is the same");
  });
  fuzz::accepted([&] { fuzz::require(Digest::parse(text).text() == text, "a digest has one text"); });
  fuzz::accepted([&] {
    const auto platform = oci::Platform::parse(text);
    fuzz::require(oci::Platform::parse(platform.text()) == platform, "a platform that is printed and read is the same");
  });
  const auto name = oci::normalized_docker_name(text);
  fuzz::require(oci::normalized_docker_name(name) == name, "a full name stays as it is");
  oci::parse_rfc3339(text);
  return 0;
}

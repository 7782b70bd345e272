// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "sbom/catalogers.h"
#include "sbom/rpm.h"

using namespace sifkit;

/// The databases of rpm, and what programs say of their packages. None is damaged enough to be more than an error.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  WarningList warnings;
  sbom::Findings found(warnings);
  found.read("program", "program", [&] { fuzz::accepted([&] { sbom::read_program(bytes, {}, found); }); });
  found.read("rpm", "header", [&] { fuzz::accepted([&] { sbom::read_rpm_header(bytes, found); }); });
  found.read("rpm", "database", [&] {
    fuzz::accepted([&] {
      sbom::for_each_rpm_header(bytes, [&](ByteView header) {
        fuzz::accepted([&] { sbom::read_rpm_header(header, found); });
      });
    });
  });
  for (const auto& package : found.packages()) {
    fuzz::require(package.purl.starts_with("pkg:") && !package.name.empty(), "a package has a name");
  }
  return 0;
}

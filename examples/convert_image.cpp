// SPDX-License-Identifier: Apache-2.0
//
// convert_image SOURCE TARGET: makes a SIF file of an image that nobody vouches for. Less may be asked for than by
// default, and what was dropped or changed is listed.
#include <iostream>

#include <sifkit/convert.h>
#include <sifkit/core/error.h>

int main(int argc, char** argv) {
  using namespace sifkit;
  if (argc != 3) return 2;
  try {
    ConvertOptions options;
    options.limits.entries = 1'000'000;
    options.limits.image_bytes = 20ull << 30;
    options.limits.metadata_bytes = 512u << 20;
    options.layers.xattrs = layers::XattrPolicy::user_only;
    WarningList warnings;
    const auto report = convert(oci::Reference::parse(argv[1]), argv[2], options, warnings);
    for (const auto& warning : warnings.listed()) std::cout << warning.kind << ": " << warning.text << '\n';
    std::cout << report.digest->text() << ' ' << report.target.native() << '\n';
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_code(error.kind());
  }
}

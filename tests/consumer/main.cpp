// SPDX-License-Identifier: Apache-2.0
//
// A program that uses the installed library: lists the objects of a SIF, then says whether its signatures hold.
//
// consumer IMAGE KEY
#include <cstdio>

#include <sifkit/core/error.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/verify.h>
#include <sifkit/version.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const auto image = sifkit::sif::Image::open(argv[1]);
    for (const auto* object : image.objects()) std::printf("%u %s\n", object->id, std::string(to_string(object->type)).c_str());
    sifkit::trust::TrustedKeys keys;
    keys.add_file(argv[2]);
    const auto report = verify(image, keys, {});
    std::printf("%s: %s\n", SIFKIT_VERSION_STRING, report.failure ? report.failure->what() : "verified");
    return report.failure ? exit_code(report.failure->kind()) : 0;
  } catch (const sifkit::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return exit_code(error.kind());
  }
}

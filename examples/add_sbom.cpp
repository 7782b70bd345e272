// SPDX-License-Identifier: Apache-2.0
//
// add_sbom IMAGE KEY SBOM: lists an image's objects, verifies its signatures and adds an SPDX document in a group of
// its own, so that the signatures of the others still cover all that they did.
#include <iostream>

#include <sifkit/sif/image_editor.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/verify.h>

int main(int argc, char** argv) {
  using namespace sifkit;
  if (argc != 4) return 2;
  try {
    sif::ImageEditor editor(argv[1]);
    std::uint32_t group = 1;
    for (const auto* object : editor.image().objects()) {
      std::cout << object->id << ' ' << to_string(object->type) << ' ' << object->size << " bytes\n";
      group = std::max(group, object->group() + 1);
    }
    trust::TrustedKeys keys;
    keys.add_file(argv[2]);
    if (const auto report = trust::verify(editor.image(), keys, {}); report.failure) throw *report.failure;

    const auto sbom = open_source(argv[3]);
    const auto& added = editor.add({.type = sif::DataType::sbom, .group = group, .extra = encode_extra(sif::SbomFormat::spdx_json)}, *sbom);
    editor.commit();
    std::cout << "verified; added object " << added.id << " in group " << group << '\n';
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return exit_code(error.kind());
  }
}

// SPDX-License-Identifier: Apache-2.0
#include "certificate.h"

#include "fuzz.h"

using namespace sifkit;

namespace {

/// What stands before the next NUL byte, which it takes away.
std::string_view next(std::string_view& left) {
  const auto part = left.substr(0, left.find('\0'));
  left.remove_prefix(std::min(part.size() + 1, left.size()));
  return part;
}

}  // namespace

/// A certificate with its intermediates, NUL, the roots, NUL, and the answer of every OCSP responder.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto left = fuzz::text_of(data, size);
  trust::CertificateFiles files;
  files.certificate = fuzz::path_of<0>(next(left));
  files.roots = fuzz::path_of<1>(next(left));
  files.ocsp = !left.empty();
  const auto answer = as_bytes(left);
  fuzz::accepted([&] {
    const auto trusted = trust::checked_certificate(files, std::nullopt, [answer](const std::string&, ByteView) { return Bytes(answer.begin(), answer.end()); });
    fuzz::require(trusted.expires.has_value(), "a certificate ends at some time");
    fuzz::require(trusted.key.verify(as_bytes("message"), as_bytes("no signature")) == false, "junk is no signature");
  });
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sifkit::net {

/// Certificates of the authorities that a system trusts, as PEM: a file of them, and a directory of files named by hashes.
/// Either is empty where there is none.
struct Authorities {
  std::string file;
  std::string directory;
};

/// What the variables SSL_CERT_FILE and SSL_CERT_DIR name, else what is there of the places that distributions have them
/// in. libcurl knows only the place of the system that it was built on, and a static program runs on all of them.
Authorities system_authorities();

/// For the hint where there are none.
std::string authorities_hint();

}  // namespace sifkit::net

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// A library that is asked, and what shows it who asks.
struct LibraryPlace {
  std::string url;    ///< "https://library.example.org", without a slash behind it
  std::string token;  ///< empty: none
};

/// What one remote.yaml of Apptainer or SingularityCE says: the user's, over that of the system.
struct RemoteFiles {
  std::filesystem::path user;
  std::filesystem::path system;
};

/// In the order in which they are looked at: Apptainer's, then SingularityCE's.
std::vector<RemoteFiles> usual_remote_files();

/// Throws denied for a library without TLS, which a remote that is asked with TLS has named: a token would go out in
/// clear.
void expect_tls(const std::string& library, std::string_view remote);

/// The library for names that have a host of their own (`host`), else that of the options, else the one of the remote
/// that Apptainer or SingularityCE uses, which is asked where its library is. Throws usage where there is none, and
/// denied where an administrator allows another one only.
LibraryPlace find_library(std::string_view host, const SourceOptions& options, const std::vector<RemoteFiles>& files);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sifkit::oci {

/// Whether `name` follows the grammar of Docker's references: [domain/]path[:tag][@digest].
bool is_docker_name(std::string_view name);

/// The full form Docker means by a name: "app" is "docker.io/library/app:latest", "user/app:1" is
/// "docker.io/user/app:1". A name with a digest gets no tag. Text that is no such name comes back as it is.
std::string normalized_docker_name(std::string_view name);

}  // namespace sifkit::oci

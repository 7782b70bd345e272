// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sifkit::oci {

/// For a source that is not there: how to name the image of a service that the text looks like (NAME:TAG,
/// HOST:PORT/NAME; with `plain` NAME alone, too), or nothing.
std::string service_hint(std::string_view text, bool plain = false);

}  // namespace sifkit::oci

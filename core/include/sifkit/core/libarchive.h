// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/on_demand.h>

namespace sifkit {

/// libarchive, which is loaded when an archive is written or looked into. Who calls it declares what it calls.
inline constinit OnDemandLibrary libarchive{"libarchive.so.13", "libarchive13"};

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/sif/image.h>

namespace sifkit::check {

/// Whether a signature says that it covers the primary partition; whether it holds is for `verify` to say. Where there
/// is no partition, any signature counts.
bool claims_to_sign_partition(const sif::Image& image);

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/hint.h>

namespace sifkit::cli {

/// A hint in the words of this program: its verbs and options.
std::string hint_text(const Hint& hint);

}  // namespace sifkit::cli

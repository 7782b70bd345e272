// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "console.h"

namespace sifkit::cli {

/// Runs one command line (without the program's name) and returns the process's exit code. Never throws.
int run(std::span<const std::string> args, Console& io);

}  // namespace sifkit::cli

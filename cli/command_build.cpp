// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

namespace sifkit::cli {

void add_build_command(CLI::App&, Session&) {}

}  // namespace sifkit::cli

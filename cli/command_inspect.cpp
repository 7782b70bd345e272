// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

namespace sifkit::cli {

void add_inspect_command(CLI::App&, Session&) {}

}  // namespace sifkit::cli

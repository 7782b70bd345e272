// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace sifkit::cli {

/// sifkit(1) in roff, of the verbs and options below `root`.
std::string manual_page(const CLI::App& root);

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

namespace sifkit::cli {

/// A command line in which the tests of `find`, which find(1) has with one dash, have two, so that the parser knows them:
/// `-name`, `!`, `(`, `-o`. A value that starts with a dash becomes a part of its test's word. Other verbs' stay as they
/// are.
std::vector<std::string> with_find_words(std::span<const std::string> args);

}  // namespace sifkit::cli

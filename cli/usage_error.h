// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include <sifkit/core/error.h>

namespace sifkit::cli {

/// The verb or group that a command line has reached.
const CLI::App* deepest_chosen(const CLI::App& app);

/// That there is no verb `word` in the group, with the nearest one as the hint.
Error no_such_verb(const CLI::App& group, std::string_view word);

/// The word where `app` has expected a verb and found none that there is.
std::optional<Error> unknown_verb(const CLI::App& app);

/// What is wrong with the command line `args` that `app` has refused with `error`: the word that nobody knows and the nearest
/// that there is, or what is missing.
Error usage_error(const CLI::App& app, std::span<const std::string> args, const CLI::ParseError& error);

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit::check {

/// Whether a program or a service keeps logins or keys in files of that name. `path` has no slash in front.
bool is_credentials_file(std::string_view path);

/// What such a file holds, "passwords of servers"; nothing where it holds none, or has another name.
std::optional<std::string> credentials(std::string_view path, std::string_view text);

/// "a token of GitHub, ghp_1234…" of each kind that a text has.
std::vector<std::string> tokens_in(std::string_view text);

/// Whether the value of a variable is a password, a token or a key, by its name and by what it does not look like: a
/// placeholder, another variable, the path of a file.
bool is_secret_variable(std::string_view name, std::string_view value);

}  // namespace sifkit::check

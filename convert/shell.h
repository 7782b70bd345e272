// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sifkit {

/// Between double quotes of a shell text this gives `text` back: `\`, `"`, `` ` `` and `$` are escaped.
std::string escape_in_double_quotes(std::string_view text);

/// Between single quotes of a shell text this gives `text` back.
std::string escape_in_single_quotes(std::string_view text);

/// Every word double-quoted, joined by spaces: `"a b" "c"`.
std::string quote_words(const std::vector<std::string>& words);

/// A name that a shell accepts for a variable: `[A-Za-z_][A-Za-z0-9_]*`.
bool is_shell_name(std::string_view name) noexcept;

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit {

/// Whether the reader of scripts that Apptainer has built in takes the bytes for themselves. It drops a CR before a LF,
/// takes U+0080 and U+0081 for marks of its own, and refuses a script that is not UTF-8.
bool reads_as_written(std::string_view text) noexcept;

/// Between double quotes of a shell text this gives `text` back: `\`, `"`, `` ` `` and `$` are escaped, and what does not
/// read as written is put in another form, which may close the quotes and open them again. A line goes on in the next one
/// after `line_bytes` bytes of `text`.
std::string escape_in_double_quotes(std::string_view text, std::size_t line_bytes = std::string::npos);

/// Between single quotes of a shell text this gives `text` back.
std::string escape_in_single_quotes(std::string_view text);

/// Every word double-quoted, joined by spaces: `"a b" "c"`. With `line_bytes`, each word begins a line, too.
std::string quote_words(const std::vector<std::string>& words, std::size_t line_bytes = std::string::npos);

/// A name that a shell accepts for a variable: `[A-Za-z_][A-Za-z0-9_]*`.
bool is_shell_name(std::string_view name) noexcept;

}  // namespace sifkit

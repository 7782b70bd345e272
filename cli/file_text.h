// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/layers/tree.h>

#include "commands.h"

namespace sifkit::cli {

/// "regular", "char_device"
std::string_view type_word(layers::EntryType type);

/// "-rwsr-x---", as `ls -l` shows it.
std::string mode_text(const layers::Inode& inode);

/// As `ls` marks what the mode does not say: '+' for access control lists, '@' for other attributes, else a blank.
char attribute_mark(const layers::Tree& tree, const layers::Inode& inode);

bool is_device(const layers::Inode& inode);

/// "1, 3"
std::string device_text(const layers::Inode& inode);

/// As lstat has it: a link is as long as its target.
std::uint64_t size_of(const layers::Tree& tree, const layers::Inode& inode);

/// "1.5K", rounded up, as `ls -h` and `du -h` show it.
std::string short_size(std::uint64_t size);

/// A name as `ls` shows it: a program gets its bytes, a terminal one line.
std::string shown(std::string_view name, const Session& session);

/// Sets `key` to a text that may be any bytes; where they are no UTF-8, `key_hex` has all of them.
void put_text(Json& record, const std::string& key, std::string_view text);

/// A file as JSON output has it (docs/formats.md).
Json file_record(const layers::Tree& tree, std::string_view path, layers::InodeId id);

/// Runs `look` for each path; one that fails is reported and does not keep the others from being looked at, unless it
/// is the output that fails. The exit code.
template <class Look>
int for_each_path(const std::string& source, const std::vector<std::string>& paths, Session& session, const Look& look) {
  int code = 0;
  for (const auto& path : paths) {
    try {
      look(path);
    } catch (Error& error) {
      if (!session.io.out) throw;
      error.add_context(in_quotes(source));
      if (paths.size() == 1 || error.kind() == ErrorKind::cancelled) throw;
      report_error(session, error);
      code = std::max(code, exit_code(error.kind()));
    }
  }
  return code;
}

}  // namespace sifkit::cli

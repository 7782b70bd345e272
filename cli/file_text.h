// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/inspect/accounts.h>
#include <sifkit/layers/tree.h>
#include <sifkit/records/files.h>

#include "commands.h"

namespace sifkit::cli {

using records::file_record;
using records::is_device;
using records::put_text;
using records::size_of;
using records::type_word;

/// "-rwsr-x---", as `ls -l` shows it.
std::string mode_text(const layers::Inode& inode);

/// As `ls` marks what the mode does not say: '+' for access control lists, '@' for other attributes, else a blank.
char attribute_mark(const layers::Tree& tree, const layers::Inode& inode);

/// What the image calls a user or a group; its number where it calls it nothing.
std::string account_name(const inspect::Accounts& accounts, std::uint32_t id);

/// "1, 3"
std::string device_text(const layers::Inode& inode);

/// "1.5K", rounded up, as `ls -h` and `du -h` show it.
std::string short_size(std::uint64_t size);

/// A name as `ls` shows it: a program gets its bytes, a terminal one line.
std::string shown(std::string_view name, const Session& session);

/// Runs `look` for each path; one that fails is reported and does not keep the others from being looked at, unless it
/// is the output that fails. The exit code.
template <class Look>
int for_each_path(const std::string& source, const std::vector<std::string>& paths, Session& session, const Look& look) {
  int code = 0;
  for (const auto& path : paths) {
    try {
      // A variable of a script that is not set is not meant for the root.
      if (path.empty()) throw Error(ErrorKind::usage, "a path is empty", "the root is /");
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

// SPDX-License-Identifier: Apache-2.0
#include "query_tests.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/inspect/accounts.h>
#include <sifkit/layers/glob.h>

#include "mode_change.h"

namespace sifkit::inspect {

using namespace layers;

namespace {

using Test = std::function<bool(const QueriedFile&)>;

[[noreturn]] void fail(const QueryWord& word, std::string_view expected) {
  throw Error(ErrorKind::usage, fmt::format("--{}: expected {}, got {}", word.name, expected, in_quotes(word.value)));
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "+N" is more, "-N" less, "N" just that.
struct Bound {
  char sign = 0;
  std::uint64_t value = 0;

  bool holds(std::uint64_t found) const {
    return sign == '+' ? found > value : sign == '-' ? found < value : found == value;
  }
};

Bound comparison(const QueryWord& word, std::string_view text, std::string_view expected) {
  Bound out;
  if (text.starts_with('+') || text.starts_with('-')) {
    out.sign = text.front();
    text.remove_prefix(1);
  }
  const auto value = number(text);
  if (!value) fail(word, expected);
  out.value = *value;
  return out;
}

std::string_view base_name(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == "/" ? path : path.substr(path.rfind('/') + 1);
}

Test size_test(const QueryWord& word, const Tree& tree) {
  static constexpr std::pair<char, std::uint64_t> kUnits[] = {{'b', 512},     {'c', 1},          {'w', 2},
                                                              {'k', 1 << 10}, {'M', 1 << 20}, {'G', 1 << 30}};
  std::string_view text = word.value;
  std::uint64_t unit = 512;
  for (const auto& [letter, bytes] : kUnits) {
    if (!text.ends_with(letter)) continue;
    unit = bytes;
    text.remove_suffix(1);
    break;
  }
  const auto wanted = comparison(word, text, "a number with c, w, b, k, M or G behind it, such as +10M");
  return [&tree, wanted, unit](const QueriedFile& file) {
    const Inode& inode = tree.inode(file.inode);
    const auto size = inode.type == EntryType::symlink ? tree.symlink_target(inode).size() : inode.size;
    return wanted.holds(size / unit + (size % unit != 0 ? 1 : 0));
  };
}

Test type_test(const QueryWord& word, const Tree& tree) {
  static constexpr std::string_view kLetters = "fdlcbps";  // in the order of EntryType
  unsigned wanted = 0;
  for (std::size_t i = 0; i < word.value.size(); ++i) {
    const auto at = kLetters.find(word.value[i]);
    if (at == std::string_view::npos) fail(word, "f, d, l, c, b, p or s, or several with commas between them");
    wanted |= 1u << at;
    if (++i < word.value.size() && (word.value[i] != ',' || i + 1 == word.value.size())) fail(word, "one letter, or several with commas between them");
  }
  if (wanted == 0) fail(word, "f, d, l, c, b, p or s");
  return [&tree, wanted](const QueriedFile& file) {
    return (wanted >> static_cast<unsigned>(tree.inode(file.inode).type) & 1u) != 0;
  };
}

Test mode_test(const QueryWord& word, const Tree& tree) {
  std::string_view text = word.value;
  const char sign = text.starts_with('-') || text.starts_with('/') ? text.front() : '\0';
  if (sign != 0) text.remove_prefix(1);
  const auto bits = mode_bits(text);
  if (!bits) fail(word, "a mode, such as 644, -4000, /222 or -u+s");
  return [&tree, sign, wanted = *bits](const QueriedFile& file) {
    const auto mode = tree.inode(file.inode).metadata.mode;
    if (sign == '-') return (mode & wanted) == wanted;
    return sign == '/' ? wanted == 0 || (mode & wanted) != 0 : mode == wanted;
  };
}

/// Of a user or a group: by name of the image's, or by number.
Test account_test(const QueryWord& word, FileSystem& files, bool user, bool by_name) {
  const Tree& tree = files.tree();
  Bound wanted;
  if (by_name && !number(word.value)) {
    const auto accounts = read_accounts(files, user);
    const auto found = accounts.ids.find(word.value);
    if (found == accounts.ids.end()) {
      throw Error(ErrorKind::not_found, fmt::format("--{}: {} is not in the image's {}", word.name,
                                                    in_quotes(word.value), user ? "/etc/passwd" : "/etc/group"));
    }
    wanted.value = found->second;
  } else {
    wanted = comparison(word, word.value, "a number");
  }
  return [&tree, user, wanted](const QueriedFile& file) {
    const auto& metadata = tree.inode(file.inode).metadata;
    return wanted.holds(user ? metadata.uid : metadata.gid);
  };
}

/// Of a user or a group that the image has no name for.
Test nameless_test(FileSystem& files, bool user) {
  const Tree& tree = files.tree();
  return [&tree, user, names = read_accounts(files, user).names](const QueriedFile& file) {
    const auto& metadata = tree.inode(file.inode).metadata;
    return !names.contains(user ? metadata.uid : metadata.gid);
  };
}

Test xattr_test(const QueryWord& word, const Tree& tree) {
  return [&tree, pattern = TextPattern(word.value, false)](const QueriedFile& file) {
    for (const auto& attribute : tree.xattrs(tree.inode(file.inode).metadata.xattrs)) {
      if (pattern.matches(attribute.first)) return true;
    }
    return false;
  };
}

Test newer_test(const QueryWord& word, FileSystem& files) {
  const Tree& tree = files.tree();
  const auto time = tree.inode(files.require(word.value, true)).metadata.mtime;
  return [&tree, time](const QueriedFile& file) { return tree.inode(file.inode).metadata.mtime > time; };
}

}  // namespace

Test query_test(const QueryWord& word, FileSystem& files) {
  const Tree& tree = files.tree();
  const auto& name = word.name;
  const bool ignore_case = name.starts_with('i');
  if (name == "name" || name == "iname") {
    return [pattern = TextPattern(word.value, ignore_case)](const QueriedFile& file) {
      return pattern.matches(base_name(file.path));
    };
  }
  if (name == "path" || name == "ipath") {
    return [pattern = TextPattern(word.value, ignore_case)](const QueriedFile& file) {
      return pattern.matches(file.path);
    };
  }
  if (name == "lname") {
    return [&tree, pattern = TextPattern(word.value, false)](const QueriedFile& file) {
      const Inode& inode = tree.inode(file.inode);
      return inode.type == EntryType::symlink && pattern.matches(tree.symlink_target(inode));
    };
  }
  if (name == "type") return type_test(word, tree);
  if (name == "size") return size_test(word, tree);
  if (name == "perm") return mode_test(word, tree);
  if (name == "user" || name == "uid") return account_test(word, files, true, name == "user");
  if (name == "group" || name == "gid") return account_test(word, files, false, name == "group");
  if (name == "nouser" || name == "nogroup") return nameless_test(files, name == "nouser");
  if (name == "newer") return newer_test(word, files);
  if (name == "xattrname") return xattr_test(word, tree);
  if (name == "xattr") {
    return [&tree](const QueriedFile& file) { return tree.inode(file.inode).metadata.xattrs != 0; };
  }
  if (name == "links") {
    const auto wanted = comparison(word, word.value, "a number");
    return [&tree, wanted](const QueriedFile& file) { return wanted.holds(tree.link_count(file.inode)); };
  }
  if (name == "empty") {
    return [&tree](const QueriedFile& file) {
      const Inode& inode = tree.inode(file.inode);
      return inode.type == EntryType::directory ? inode.first_child == kNone
                                                : inode.type == EntryType::regular && inode.size == 0;
    };
  }
  throw Error(ErrorKind::usage, fmt::format("no test {}", in_quotes(name)));
}

}  // namespace sifkit::inspect

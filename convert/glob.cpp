// SPDX-License-Identifier: Apache-2.0
#include "glob.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

using namespace layers;

namespace {

/// Reads the set at `[`; moves `pattern` behind it.
bool set_holds(std::string_view& pattern, char c) {
  std::size_t at = 1;
  const bool inverted = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (inverted) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size() && (first || pattern[at] != ']'); first = false) {
    const char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
    }
    found = found || (low <= c && c <= high);
  }
  pattern.remove_prefix(at + 1);
  return found != inverted && c != '/';
}

/// Goes back to the last star only, and to the last double star when that fails too, so the time is bounded.
bool match(std::string_view pattern, std::string_view text) {
  struct Retry {
    std::string_view pattern;
    std::string_view text;
    bool set = false;
  } star, double_star;
  const auto again = [&](Retry& retry, bool crosses) {
    if (!retry.set || retry.text.empty() || (!crosses && retry.text.front() == '/')) return false;
    retry.text.remove_prefix(1);
    pattern = retry.pattern;
    text = retry.text;
    return true;
  };
  for (;;) {
    if (pattern.starts_with("**")) {
      pattern.remove_prefix(2);
      double_star = {pattern, text, true};
      star.set = false;
      continue;
    }
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      star = {pattern, text, true};
      continue;
    }
    bool here = pattern.empty() ? text.empty() : false;
    if (here) return true;
    if (!pattern.empty() && !text.empty()) {
      const char c = text.front();
      if (pattern.front() == '[') {
        std::string_view rest = pattern;
        here = set_holds(rest, c);
        if (here) pattern = rest;
      } else if (pattern.front() == '?') {
        here = c != '/';
        if (here) pattern.remove_prefix(1);
      } else {
        const bool escaped = pattern.front() == '\\' && pattern.size() > 1;
        here = pattern[escaped ? 1 : 0] == c;
        if (here) pattern.remove_prefix(escaped ? 2 : 1);
      }
      if (here) {
        text.remove_prefix(1);
        continue;
      }
    }
    if (again(star, false)) continue;
    if (again(double_star, true)) {
      star.set = false;
      continue;
    }
    return false;
  }
}

}  // namespace

PathPatterns::PathPatterns(const std::vector<std::string>& patterns) {
  for (const auto& given : patterns) {
    std::string_view pattern = given;
    while (pattern.ends_with('/')) pattern.remove_suffix(1);
    const bool rooted = pattern.find('/') != std::string_view::npos;
    while (pattern.starts_with('/')) pattern.remove_prefix(1);
    if (pattern.empty()) throw Error(ErrorKind::usage, fmt::format("pattern {} names nothing", in_quotes(given)));
    if (const auto open = pattern.find('['); open != std::string_view::npos && pattern.find(']', open + 2) == std::string_view::npos) {
      throw Error(ErrorKind::usage, fmt::format("pattern {}: '[' without ']'", in_quotes(given)));
    }
    patterns_.push_back(rooted ? std::string(pattern) : "**/" + std::string(pattern));
    // A name in any folder is in the root, too.
    if (!rooted) patterns_.emplace_back(pattern);
  }
}

bool PathPatterns::matches(std::string_view path) const {
  for (const auto& pattern : patterns_) {
    if (match(pattern, path)) return true;
  }
  return false;
}

std::size_t remove_matching(Tree& tree, const PathPatterns& patterns) {
  struct Folder {
    InodeId inode;
    std::string path;
    bool doomed;
  };
  std::size_t removed = 0;
  std::vector<Folder> open{{Tree::kRoot, "", false}};
  std::vector<std::pair<InodeId, NameId>> doomed;  // parents before what is in them
  while (!open.empty()) {
    const Folder folder = std::move(open.back());
    open.pop_back();
    for (const NameId name : tree.sorted_children(folder.inode)) {
      std::string path = folder.path.empty() ? std::string(tree.text_of(name)) : folder.path + "/" + std::string(tree.text_of(name));
      const bool goes = folder.doomed || patterns.matches(path);
      if (goes) doomed.emplace_back(folder.inode, name);
      const InodeId inode = tree.inode_of(name);
      if (tree.inode(inode).type == EntryType::directory) open.push_back({inode, std::move(path), goes});
    }
  }
  for (auto at = doomed.rbegin(); at != doomed.rend(); ++at) {
    tree.unlink(at->first, at->second);
    ++removed;
  }
  return removed;
}

}  // namespace sifkit

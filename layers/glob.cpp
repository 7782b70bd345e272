// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/glob.h>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/layers/walk.h>

namespace sifkit::layers {

namespace {

struct CharacterClass {
  std::string_view name;
  bool (*holds)(unsigned char);
};

constexpr bool is_lower(unsigned char c) { return c >= 'a' && c <= 'z'; }

constexpr bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }

constexpr bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

constexpr bool is_graph(unsigned char c) { return c > 0x20 && c < 0x7f; }

constexpr bool is_alnum(unsigned char c) { return is_lower(c) || is_upper(c) || is_digit(c); }

/// Those of the C locale: what is left out must not depend on the user's.
constexpr CharacterClass kClasses[] = {
    {"alnum", is_alnum},
    {"alpha", [](unsigned char c) { return is_lower(c) || is_upper(c); }},
    {"blank", [](unsigned char c) { return c == ' ' || c == '\t'; }},
    {"cntrl", [](unsigned char c) { return c < 0x20 || c == 0x7f; }},
    {"digit", is_digit},
    {"graph", is_graph},
    {"lower", is_lower},
    {"print", [](unsigned char c) { return is_graph(c) || c == ' '; }},
    {"punct", [](unsigned char c) { return is_graph(c) && !is_alnum(c); }},
    {"space", [](unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }},
    {"upper", is_upper},
    {"xdigit", [](unsigned char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }},
};

/// One member of a set.
class SetReader {
 public:
  explicit SetReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }

  bool next_is(char c) const { return !at_end() && text_[at_] == c; }

  std::size_t place() const { return at_; }

  void skip() { ++at_; }

  /// A byte, with its backslash; nothing at the end, and for a slash, which no set holds.
  std::optional<unsigned char> byte() {
    if (next_is('\\')) ++at_;
    if (at_end() || text_[at_] == '/') return std::nullopt;
    return static_cast<unsigned char>(text_[at_++]);
  }

  /// The class at "[:"; nullptr for one that is not known.
  const CharacterClass* character_class() {
    const auto end = text_.find(":]", at_ + 2);
    if (end == std::string_view::npos) return nullptr;
    const auto name = text_.substr(at_ + 2, end - at_ - 2);
    at_ = end + 2;
    const auto found =
        std::find_if(std::begin(kClasses), std::end(kClasses), [&](const auto& c) { return c.name == name; });
    return found == std::end(kClasses) ? nullptr : found;
  }

  bool starts_with(std::string_view text) const { return text_.substr(std::min(at_, text_.size())).starts_with(text); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// Reads the set at `[` and moves `pattern` behind it: whether it holds a byte. Nothing for what is no set, which
/// `PathPatterns` refuses.
std::optional<bool> read_set(std::string_view& pattern, char byte, bool slashes_count) {
  const auto c = static_cast<unsigned char>(byte);
  SetReader set(pattern);
  set.skip();
  const bool inverted = set.next_is('!') || set.next_is('^');
  if (inverted) set.skip();
  bool found = false;
  for (bool first = true; first || !set.next_is(']'); first = false) {
    if (set.starts_with("[.") || set.starts_with("[=")) return std::nullopt;
    if (set.starts_with("[:")) {
      const auto* const known = set.character_class();
      if (known == nullptr) return std::nullopt;
      found = found || known->holds(c);
      continue;
    }
    const auto low = set.byte();
    if (!low) return std::nullopt;
    auto high = low;
    if (set.next_is('-') && !set.starts_with("-]")) {
      set.skip();
      high = set.byte();
      if (!high) return std::nullopt;
    }
    found = found || (*low <= c && c <= *high);
  }
  set.skip();
  pattern.remove_prefix(set.place());
  return found != inverted && (c != '/' || !slashes_count);
}

/// Whether each '[' begins a set.
bool has_sound_sets(std::string_view pattern) {
  while (!pattern.empty()) {
    if (pattern.front() == '[') {
      if (!read_set(pattern, 'x', true)) return false;
    } else {
      pattern.remove_prefix(pattern.front() == '\\' && pattern.size() > 1 ? 2 : 1);
    }
  }
  return true;
}

void require_sound_sets(std::string_view pattern, std::string_view given) {
  if (has_sound_sets(pattern)) return;
  throw Error(ErrorKind::usage, fmt::format("pattern {}: '[' begins no set", in_quotes(given)),
              "a set is like [abc], [a-z], [!a] or [[:digit:]], without a slash; \\[ stands for the character itself");
}

/// Goes back to the last star only, and to the last double star when that fails too, so the time is bounded. Without
/// `slashes_count` a slash is a byte like others.
bool match(std::string_view pattern, std::string_view text, bool slashes_count) {
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
        here = read_set(rest, c, slashes_count).value_or(false);
        if (here) pattern = rest;
      } else if (pattern.front() == '?') {
        here = c != '/' || !slashes_count;
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
    if (again(star, !slashes_count)) continue;
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
    require_sound_sets(pattern, given);
    patterns_.push_back(rooted ? std::string(pattern) : "**/" + std::string(pattern));
    // A name in any directory is in the root, too.
    if (!rooted) patterns_.emplace_back(pattern);
  }
}

bool PathPatterns::matches(std::string_view path) const {
  for (const auto& pattern : patterns_) {
    if (match(pattern, path, true)) return true;
  }
  return false;
}

bool PathPatterns::cover(std::string_view path) const {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (matches(path.substr(0, slash))) return true;
  }
  return matches(path);
}

TextPattern::TextPattern(std::string_view pattern, bool ignore_case)
    : pattern_(ignore_case ? lower_case(pattern) : pattern), ignore_case_(ignore_case) {
  require_sound_sets(pattern, pattern);
}

bool TextPattern::matches(std::string_view text) const {
  return ignore_case_ ? match(pattern_, lower_case(text), false) : match(pattern_, text, false);
}

std::size_t remove_matching(Tree& tree, const PathPatterns& patterns) {
  struct Doomed {
    InodeId directory;
    NameId name;
  };
  std::vector<Doomed> doomed;  // what is in a directory before itself
  std::vector<InodeId> open{Tree::kRoot};
  std::size_t depth_of_doom = 0;  // of the directory that goes with all below it; 0: in none
  const auto enter = [&](const WalkedName& here) {
    const bool directory = tree.inode(here.inode).type == EntryType::directory;
    const bool goes = depth_of_doom != 0 || patterns.matches(here.path);
    if (goes && !directory) doomed.push_back({open.back(), here.name});
    if (directory) {
      open.push_back(here.inode);
      if (goes && depth_of_doom == 0) depth_of_doom = open.size();
    }
    return true;
  };
  const auto leave = [&](const WalkedName& here) {
    const bool goes = depth_of_doom != 0;
    if (depth_of_doom == open.size()) depth_of_doom = 0;
    open.pop_back();
    if (goes) doomed.push_back({open.back(), here.name});
  };
  walk(tree, Tree::kRoot, enter, leave);
  for (const auto& [directory, name] : doomed) tree.unlink(directory, name);
  return doomed.size();
}

}  // namespace sifkit::layers

// SPDX-License-Identifier: Apache-2.0
//
// Patterns of `--exclude`, beside fnmatch(3).
#include <array>
#include <optional>
#include <random>

#include <fnmatch.h>

#include <sifkit/layers/glob.h>

#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

bool matches(const std::string& pattern, const std::string& path) { return PathPatterns({pattern}).matches(path); }

/// Where the first `**` is that no backslash takes away.
std::size_t double_star(const std::string& pattern) {
  for (std::size_t at = 0; at + 1 < pattern.size(); ++at) {
    if (pattern.compare(at, 2, "**") == 0) return at;
    if (pattern[at] == '\\') ++at;
  }
  return std::string::npos;
}

/// fnmatch with `**`, which it does not know: each part between two of them on its own.
bool reference(const std::string& pattern, const std::string& path) {
  const auto stars = double_star(pattern);
  if (stars == std::string::npos) return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
  for (std::size_t from = 0; from <= path.size(); ++from) {
    if (::fnmatch(pattern.substr(0, stars).c_str(), path.substr(0, from).c_str(), FNM_PATHNAME) != 0) continue;
    for (std::size_t to = from; to <= path.size(); ++to) {
      if (reference(pattern.substr(stars + 2), path.substr(to))) return true;
    }
  }
  return false;
}

std::string random_text(std::mt19937& random, const std::vector<std::string>& words, std::size_t most) {
  std::string out;
  for (auto count = random() % (most + 1); count != 0; --count) out += words[random() % words.size()];
  return out;
}

}  // namespace

TEST_CASE("patterns match as in fnmatch, and ** beyond", "[convert][glob]") {
  std::mt19937 random(12);
  const std::vector<std::string> set_words{"a",    "b",         "c",         "-",         "]",    "[",    "!",
                                           "^",    "\\",        "*",         "?",         "\x7f", "\x80", "\xe9",
                                           "\xff", "[:alpha:]", "[:digit:]", "[:punct:]", "1"};
  const std::vector<std::string> words{"a",    "b",   "/", "*", "*", "?",    "\\*", "\\[",
                                       "\\\\", "\\a", "]", "!", "-", "\xe9", "**"};
  const std::vector<std::string> names{"a", "b", "c", "/",  "1",    "-",    "]",    "[",
                                       "!", "^", "*", "\\", "\x7f", "\x80", "\xe9", "\xff"};
  std::size_t compared = 0;
  std::size_t matched = 0;
  std::size_t refused = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string pattern;
    for (auto parts = random() % 3 + 1; parts != 0; --parts) {
      pattern += random_text(random, words, 3);
      if (random() % 2 == 0)
        pattern += "[" + std::string(random() % 3 == 0 ? "!" : "") + random_text(random, set_words, 4) + "]";
    }
    if (pattern.empty() || pattern.front() == '/' || pattern.back() == '/' || pattern.find("***") != std::string::npos)
      continue;
    std::optional<PathPatterns> ours;
    if (error_of([&] { ours.emplace(std::vector<std::string>{"/" + pattern}); })) {
      ++refused;
      continue;
    }
    const auto name = random_text(random, names, 5);
    // A set that `**` stands in is cut in two by the reference.
    if (pattern.find("**") != std::string::npos && pattern.find('[') != std::string::npos) continue;
    // glibc reads a class at the end of a range in two ways, before and after the set has matched.
    if (pattern.find("-[:") != std::string::npos) continue;
    INFO("pattern '" << pattern << "' name '" << name << "'");
    const bool expected = reference(pattern, name);
    REQUIRE(ours->matches(name) == expected);
    ++compared;
    matched += expected ? 1 : 0;
  }
  CHECK(compared > 100'000);
  CHECK(matched > 5'000);
  CHECK(refused > 10'000);
}

TEST_CASE("a range holds bytes, whatever sign a char has", "[convert][glob]") {
  CHECK(matches("[\x7f-\xff]", "\xe9"));
  CHECK(matches("[\x7f-\xff]", "\x7f"));
  CHECK_FALSE(matches("[\x7f-\xff]", "a"));
  CHECK_FALSE(matches("[\xff-\x7f]", "\xff"));
  CHECK(matches("[!a-\xe8]", "\xe9"));
  CHECK_FALSE(matches("[a-\xe9]", "A"));
}

TEST_CASE("sets have what sets of a shell have", "[convert][glob]") {
  for (const auto& [pattern, yes, no] : std::vector<std::array<std::string, 3>>{
           {"[abc]", "b", "d"},
           {"[!abc]", "d", "b"},
           {"[^abc]", "d", "b"},
           {"[]]", "]", "a"},
           {"[!]]", "a", "]"},
           {"[]-a]", "^", "b"},
           {"[a-]", "-", "b"},
           {"[-a]", "-", "b"},
           {"[a\\]b]", "]", "\\"},
           {"[a\\-c]", "-", "b"},
           {"[[]", "[", "a"},
           {"[[:digit:]x]", "7", "a"},
           {"[![:space:]]", "a", " "},
           {"[a]b\\[c", "ab[c", "ab"},
           {"\\[a", "[a", "a"},
           {"a[b-d]*", "acx/", "ax"},
           {"**[0-9]", "x/y/7", "x/y/z"},
           {"*.[ch]", "src/x.h", "x.o"},
           {"x\\", "x\\", "x"},
       }) {
    INFO(pattern);
    const bool slash = yes.ends_with('/');
    CHECK(matches(pattern, slash ? yes.substr(0, yes.size() - 1) : yes));
    CHECK_FALSE(matches(pattern, no));
  }
}

TEST_CASE("a bracket that begins no set is refused", "[convert][glob]") {
  for (const std::string pattern :
       {"[",       "[!",     "[]",   "[!]",     "[^]",   "a[b",        "[a]b[c",    "[a]b[]",       "[a",
        "[a-",     "[a-]b[", "[a\\", "[a\\]",   "[a-\\", "[[:digit:]", "[[:digit:", "[[:letter:]]", "[[.a.]]",
        "[[=a=]]", "[a/b]",  "[!/]", "x/[a/y]", "\\\\[a"}) {
    INFO(pattern);
    const auto error = error_of([&] { PathPatterns({pattern}); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
    CHECK_THAT(error->what(), ContainsSubstring("'[' begins no set"));
    CHECK_THAT(error->hint().text(), ContainsSubstring("[a-z]"));
  }
  for (const std::string pattern : {"", "/", "//"}) CHECK(error_of([&] { PathPatterns({pattern}); }));
}

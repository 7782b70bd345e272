// SPDX-License-Identifier: Apache-2.0
#include "find_words.h"

#include <algorithm>
#include <string_view>

namespace sifkit::cli {

namespace {

constexpr std::string_view kWithValue[] = {"name", "iname", "path", "ipath", "lname", "type",     "size",    "perm", "user",
                                           "uid",  "group", "gid",  "links", "newer", "maxdepth", "mindepth",
                                            "xattrname"};
constexpr std::string_view kAlone[] = {"empty",  "not",    "and",     "or",   "print",
                                       "print0", "nouser", "nogroup", "xattr"};

struct Alias {
  std::string_view word;
  std::string_view option;
};

constexpr Alias kAliases[] = {{"!", "--not"},       {"-a", "--and"},         {"-o", "--or"},
                              {"(", "--open"},      {")", "--close"},        {"-wholename", "--path"},
                              {"-iwholename", "--ipath"}};

template <std::size_t Count>
bool is_one_of(const std::string_view (&words)[Count], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

}  // namespace

std::vector<std::string> with_find_words(std::span<const std::string> args) {
  std::vector<std::string> out(args.begin(), args.end());
  auto word = std::find_if(out.begin(), out.end(), [](const std::string& each) { return !each.starts_with('-'); });
  if (word == out.end() || *word != "find") return out;
  for (++word; word != out.end() && *word != "--"; ++word) {
    const auto* const alias = std::find_if(std::begin(kAliases), std::end(kAliases),
                                           [&](const Alias& each) { return each.word == *word; });
    if (alias != std::end(kAliases)) *word = alias->option;
    if (!word->starts_with('-')) continue;
    const auto name = std::string_view(*word).substr(word->starts_with("--") ? 2 : 1);
    if (is_one_of(kAlone, name)) {
      *word = "--" + std::string(name);
    } else if (is_one_of(kWithValue, name)) {
      *word = "--" + std::string(name);
      if (word + 1 == out.end()) break;
      if (word[1].starts_with('-')) {
        *word += "=" + word[1];
        out.erase(word + 1);
      } else {
        ++word;
      }
    }
  }
  return out;
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/descriptor.h>

#include <algorithm>

#include <sys/utsname.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

struct ArchitectureAlias {
  std::string_view word;
  std::string_view architecture;
  std::string_view variant;
};

/// uname's and Debian's words beside Go's.
constexpr ArchitectureAlias kAliases[] = {
    {"x86_64", "amd64", ""},    {"x86-64", "amd64", ""}, {"aarch64", "arm64", ""}, {"i386", "386", ""},
    {"i586", "386", ""},        {"i686", "386", ""},     {"armv8l", "arm", "v7"},  {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},     {"armv7l", "arm", "v7"}, {"armv6l", "arm", "v6"},  {"loongarch64", "loong64", ""},
    {"ppc64el", "ppc64le", ""},
};

constexpr std::string_view kOperatingSystems[] = {"linux",   "windows", "darwin", "freebsd", "netbsd",
                                                  "openbsd", "solaris", "illumos", "plan9",  "aix"};

bool is_platform_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace

std::string Platform::text() const {
  std::string out = os + "/" + architecture;
  if (!variant.empty()) out += "/" + variant;
  return out;
}

Platform Platform::parse(std::string_view text) {
  const auto fail = [&]() -> Error {
    return {ErrorKind::usage, fmt::format("platform {}: expected os/architecture[/variant]", in_quotes(text)),
            "for example linux/amd64, linux/arm64 or linux/arm/v7"};
  };
  const std::string lower = lower_case(text);
  const std::string_view all = lower;
  std::vector<std::string_view> words;
  for (std::size_t at = 0;;) {
    const auto slash = all.find('/', at);
    words.push_back(all.substr(at, slash == std::string_view::npos ? slash : slash - at));
    if (!is_platform_word(words.back())) throw fail();
    if (slash == std::string_view::npos) break;
    at = slash + 1;
  }
  if (words.size() > 3) throw fail();
  const bool names_os = std::find(std::begin(kOperatingSystems), std::end(kOperatingSystems), words[0]) !=
                        std::end(kOperatingSystems);
  // "arm64" and "arm/v7" leave the operating system out.
  if (words.size() == 3 && !names_os) throw fail();
  if (!names_os) words.insert(words.begin(), "linux");
  if (words.size() < 2 || words.size() > 3) throw fail();
  Platform out{std::string(words[0]), std::string(words[1]), words.size() == 3 ? std::string(words[2]) : ""};
  for (const auto& alias : kAliases) {
    if (out.architecture != alias.word) continue;
    out.architecture = alias.architecture;
    if (out.variant.empty()) out.variant = alias.variant;
    break;
  }
  return out;
}

Platform Platform::host() {
  struct utsname name {};
  if (::uname(&name) != 0) throw_errno("uname");
  const std::string machine(name.machine);
  try {
    return parse("linux/" + machine);
  } catch (const Error&) {
    return {"linux", machine, ""};
  }
}

}  // namespace sifkit::oci

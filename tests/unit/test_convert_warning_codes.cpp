// SPDX-License-Identifier: Apache-2.0
//
// The code of every warning is documented, and no other.
#include <filesystem>
#include <regex>
#include <set>

#include <sifkit/core/file.h>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

const std::filesystem::path kSources = SIFKIT_SOURCE_DIR;

/// The codes that sources give to `WarningList::add`, which must be literals: what cannot be read here cannot be
/// documented.
std::set<std::string> codes_in_sources() {
  static const std::regex kAdd(R"re([Ww]arnings?_?(?:\.|->)add\(\s*(?:"([a-z0-9-]+)"|([^\s"][^,;]*)))re");
  // What keeps a container from running is told to whoever asks (RuntimeFindings), and passed on from there.
  static const std::regex kFinding(R"re((?:\sstart_\.|\s)add\(\s*"([a-z0-9-]+)",)re");
  static const std::string kPassedOn = "std::string(kind)";
  std::set<std::string> codes;
  for (const auto& module : std::filesystem::directory_iterator(kSources)) {
    if (!std::filesystem::is_directory(module.path() / "include") && module.path().filename() != "cli") continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(module)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".h") continue;
      const std::string text = read_file(entry.path());
      for (std::sregex_iterator at(text.begin(), text.end(), kAdd), end; at != end; ++at) {
        INFO(entry.path() << ": " << at->str());
        CHECK(((*at)[2].str().empty() || (*at)[2].str() == kPassedOn));
        if ((*at)[1].matched) codes.insert((*at)[1].str());
      }
      if (module.path().filename() != "convert") continue;
      for (std::sregex_iterator at(text.begin(), text.end(), kFinding), end; at != end; ++at) codes.insert((*at)[1].str());
    }
  }
  return codes;
}

std::set<std::string> codes_in_documents() {
  const std::string text = read_file(kSources / "docs/compatibility.md");
  const auto start = text.find("\n## Warnings\n");
  REQUIRE(start != std::string::npos);
  const auto section = text.substr(start + 1, text.find("\n## ", start + 1) - start - 1);
  static const std::regex kRow(R"re(\n\| `([a-z0-9-]+)` \| \S)re");
  std::set<std::string> codes;
  for (std::sregex_iterator at(section.begin(), section.end(), kRow), end; at != end; ++at)
    CHECK(codes.insert((*at)[1].str()).second);
  return codes;
}

}  // namespace

TEST_CASE("the code of every warning is documented, and no other", "[convert][docs]") {
  const auto used = codes_in_sources();
  CHECK(used.size() > 30);
  CHECK(codes_in_documents() == used);
}

// SPDX-License-Identifier: Apache-2.0
//
// Images that were found to be hostile, and images of other programs, by every verb that looks into one: each ends with an
// answer or with an error that says what is wrong, and writes nothing but what it was asked for.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// What is asked of an image; OUT is a name in a directory of its own.
const std::vector<std::vector<std::string>> kQuestions{
    {"ls", "-la", "IMG"},     {"ls", "-lR", "IMG"},           {"cat", "IMG", "/dir/small"}, {"stat", "IMG", "/dir", "/"},
    {"readlink", "IMG", "/dir/symlink"}, {"find", "IMG", "-size", "+0"}, {"tar", "IMG"},        {"cp", "IMG", "/", "OUT"},
    {"du", "-a", "IMG"},      {"du", "--duplicates", "IMG"},  {"history", "IMG"},           {"digest", "--tree", "IMG"},
    {"check", "--deep", "IMG"}, {"sbom", "gen", "IMG"},       {"diff", "IMG", "IMG"},       {"report", "IMG", "-o", "OUT"},
    {"edit", "IMG", "--name", "x"}};

/// Asks everything of a copy of an image; what has been answered.
std::size_t answers(const fs::path& image) {
  std::size_t count = 0;
  for (const auto& question : kQuestions) {
    const TempDir directory;
    const std::string copy = (directory / "image").string();
    write_file(copy, read_file(image));
    std::vector<std::string> words = question;
    for (auto& word : words) word = word == "IMG" ? copy : word == "OUT" ? (directory / "out").string() : word;
    const auto result = run_cli(words);
    INFO(image.filename().string() << ": " << words[0] << " " << result.err);
    CHECK(result.code != exit_code(ErrorKind::internal));
    CHECK(result.code < 128);
    const bool answered = result.code == 0 || (result.code == 1 && (words[0] == "check" || words[0] == "diff"));
    CHECK((answered || !result.err.empty()));
    if (answered) ++count;
    // A change is whole, or there is none.
    if (words[0] == "edit" && !answered) CHECK(read_file(copy) == read_file(image));
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator(directory.path())) left.push_back(entry.path().filename().string());
    std::erase(left, "image");
    CHECK(left == (answered && std::find(question.begin(), question.end(), "OUT") != question.end() ? std::vector<std::string>{"out"}
                                                                                                  : std::vector<std::string>{}));
  }
  return count;
}

}  // namespace

TEST_CASE("images that were found hostile end in an answer or an error, by every verb", "[cli][hostile][corpus]") {
  std::size_t answered = 0;
  const auto images = files_below(fs::path(SIFKIT_TESTDATA) / "corpus" / "squashfs");
  REQUIRE(images.size() > 5);
  for (const auto& image : images) answered += answers(image);
  CHECK(answered > 20);
}

TEST_CASE("SIF files of other programs end in an answer or an error, by every verb", "[cli][corpus]") {
  const char* shared = std::getenv("SIFKIT_SHARED");
  const fs::path images = (shared != nullptr ? fs::path(shared) : fs::path(SIFKIT_SOURCE_DIR) / "../shared") / "corpus/sif/images";
  if (!fs::is_directory(images)) SKIP_TEST("no corpus of SIF images beside the project");
  for (const auto& image : files_below(images)) answers(image);
}

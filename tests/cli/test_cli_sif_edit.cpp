// SPDX-License-Identifier: Apache-2.0
//
// What the editing verbs of `sif` refuse and warn of, and what a reader sees that runs beside them.
#include <csignal>
#include <functional>
#include <sstream>
#include <streambuf>

#include <sys/resource.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image_editor.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/standard_input.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// A directory with an empty deterministic image.
struct SifEdits {
  TempDir directory;
  std::string image = at("image.sif");

  SifEdits() { REQUIRE(run_cli({"sif", "new", "--deterministic", image}).code == 0); }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  CliResult add(const std::string& bytes, std::vector<std::string> options) const {
    write_file(directory / "object", bytes);
    options.insert(options.begin(), {"sif", "add", image, at("object"), "--groupid", "1"});
    return run_cli(options);
  }
};

/// Collects what is written, and does something when the first of it comes.
class MeanwhileBuffer : public std::streambuf {
 public:
  explicit MeanwhileBuffer(std::function<void()> what) : what_(std::move(what)) {}
  const std::string& text() const { return text_; }

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize size) override {
    if (text_.empty()) what_();
    text_.append(bytes, static_cast<std::size_t>(size));
    return size;
  }
  int_type overflow(int_type c) override {
    const char byte = traits_type::to_char_type(c);
    return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
  }

 private:
  std::function<void()> what_;
  std::string text_;
};

/// No file gets longer while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit now{size, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("an object that goes while it is dumped is an error, what becomes of others is none", "[cli][sif]") {
  const SifEdits fixture;
  REQUIRE(fixture.add("first", {"--datatype", "7"}).code == 0);
  REQUIRE(fixture.add("second", {"--datatype", "7"}).code == 0);
  const auto dump_while = [&](const std::string& id, const std::function<void(sif::ImageEditor&)>& change) {
    MeanwhileBuffer buffer([&] {
      sif::ImageEditor editor(fixture.image);
      change(editor);
      editor.commit();
    });
    std::ostream out(&buffer);
    std::ostringstream err;
    cli::Console io{.out = out, .err = err};
    const int code = cli::run(std::vector<std::string>{"sif", "dump", id, fixture.image}, io);
    return CliResult{code, buffer.text(), err.str()};
  };
  const auto whole = dump_while("1", [](sif::ImageEditor& editor) { editor.set_name(2, "renamed"); });
  CHECK(whole.code == 0);
  CHECK(whole.out == "first");
  CHECK(whole.err.empty());
  const auto lost = dump_while("2", [](sif::ImageEditor& editor) {
    editor.remove(2);
    MemorySource source(as_bytes("another"));
    editor.add({}, source);
  });
  CHECK(lost.code == exit_code(ErrorKind::io));
  CHECK_THAT(lost.err, ContainsSubstring("image.sif': object 2 changed while it was read"));
}

TEST_CASE("an image is not added to itself, which would have no end", "[cli][sif]") {
  const SifEdits fixture;
  REQUIRE(fixture.add("first", {"--datatype", "7"}).code == 0);
  std::filesystem::create_hard_link(fixture.image, fixture.at("other.sif"));
  const auto before = read_file(fixture.image);
  {
    const FileSizeLimit limit(8u << 20);
    const auto piped = from_redirect(fixture.image, {"sif", "add", fixture.image, "-", "--datatype", "7"});
    CHECK(piped.code == exit_code(ErrorKind::usage));
    CHECK_THAT(piped.err, ContainsSubstring("standard input is the image '"));
    for (const auto& name : {fixture.image, fixture.at("other.sif")}) {
      const auto named = run_cli({"sif", "add", fixture.image, name, "--datatype", "7"});
      CHECK(named.code == exit_code(ErrorKind::usage));
      CHECK_THAT(named.err, ContainsSubstring("' is the image '"));
    }
  }
  CHECK((read_file(fixture.image) == before));
  std::filesystem::copy_file(fixture.image, fixture.at("copy.sif"));
  CHECK(from_redirect(fixture.at("copy.sif"), {"sif", "add", fixture.image, "-", "--datatype", "7"}).code == 0);
  CHECK((run_cli({"sif", "dump", "2", fixture.image}).out == before));
}

TEST_CASE("numbers that say nothing to a reader are taken with a warning", "[cli][sif]") {
  const SifEdits fixture;
  const auto add_partition = [&](const std::string& type, const std::string& fs, const std::string& link) {
    return fixture.add("x", {"--datatype", "4", "--parttype", type, "--partfs", fs, "--partarch", "2", "--link", link});
  };
  const auto result = add_partition("99", "98", "97");
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("object 1: no file system has the number 98") &&
                             ContainsSubstring("object 1: no type of partitions has the number 99") &&
                             ContainsSubstring("object 1: it links to object 97, which is not there"));
  const auto known = add_partition("3", "2", "1");
  CHECK(known.code == 0);
  CHECK(known.err.empty());
}

TEST_CASE("compact says that other names of the file keep the old image", "[cli][sif]") {
  const SifEdits fixture;
  for (const char* bytes : {"first", "second", "third"}) REQUIRE(fixture.add(bytes, {"--datatype", "7"}).code == 0);
  const auto compact_without = [&](const std::string& id) {
    REQUIRE(run_cli({"sif", "del", id, fixture.image}).code == 0);
    const auto result = run_cli({"sif", "compact", fixture.image});
    CHECK(result.code == 0);
    return result.err;
  };
  CHECK(compact_without("1").empty());
  std::filesystem::create_hard_link(fixture.image, fixture.at("other.sif"));
  // What stays in its place has all of its names.
  CHECK(run_cli({"sif", "compact", fixture.image}).err.empty());
  CHECK_THAT(compact_without("2"), ContainsSubstring("is a new file; the other names (hard links) of the old one"));
  CHECK(run_cli({"sif", "dump", "3", fixture.image}).out == "third");
}

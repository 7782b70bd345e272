// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/compress.h>
#include <sifkit/core/decompress.h>

#include <random>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/stream_builder.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

std::string compressed(const std::string& tool, const std::string& text) { return through(tool + " -c", text); }

std::string decompressed(const std::string& bytes, Compression* found = nullptr) {
  const auto source = open_decompressed(std::make_unique<MemorySource>(as_bytes(bytes)), "test", {}, found);
  return std::string(as_text(read_all(*source, 1u << 26, "test")));
}

std::string sample() {
  std::mt19937 random(3);
  std::string text;
  for (int i = 0; i < 60000; ++i) text += fmt::format("{} line {}\n", random() % 1000, i);
  return text;
}

struct Tool {
  const char* command;
  Compression compression;
};

const Tool kTools[] = {{"gzip", Compression::gzip}, {"zstd -q", Compression::zstd}, {"xz", Compression::xz}, {"bzip2", Compression::bzip2}};

}  // namespace

TEST_CASE("every compression is told by its content and undone", "[core][decompress]") {
  const std::string text = sample();
  for (const auto& tool : kTools) {
    INFO(tool.command);
    Compression found{};
    const std::string packed = compressed(tool.command, text);
    CHECK(decompressed(packed, &found) == text);
    CHECK(found == tool.compression);
    CHECK(decompressed(compressed(tool.command, "")).empty());
  }
  Compression found{};
  CHECK(decompressed("plain text", &found) == "plain text");
  CHECK(found == Compression::none);
}

TEST_CASE("a limit of the window may be as high as numbers go", "[core][decompress]") {
  Limits limits;
  limits.decoder_window = ~std::uint64_t{0};
  for (const auto& tool : kTools) {
    INFO(tool.command);
    const auto packed = compressed(tool.command, "text");
    const auto source = open_decompressed(std::make_unique<MemorySource>(as_bytes(packed)), "test", limits);
    CHECK(as_text(read_all(*source, 100, "test")) == "text");
  }
}

TEST_CASE("streams of several members are read to their end", "[core][decompress]") {
  for (const auto& tool : kTools) {
    INFO(tool.command);
    CHECK(decompressed(compressed(tool.command, "one ") + compressed(tool.command, "two")) == "one two");
  }
  const std::string skippable("\x50\x2a\x4d\x18\x04\x00\x00\x00junk", 12);
  CHECK(decompressed(skippable + compressed("zstd -q", "text") + skippable) == "text");
  CHECK(decompressed(compressed("gzip", "text") + std::string(1000, '\0')) == "text");
}

TEST_CASE("a stream that is cut or changed is an error", "[core][decompress][hostile]") {
  for (const auto& tool : kTools) {
    const std::string whole = compressed(tool.command, "some text that is long enough to matter, some text again");
    for (std::size_t length = 6; length < whole.size(); ++length) {
      INFO(tool.command << " cut at " << length << " of " << whole.size());
      const auto error = error_of([&] { decompressed(whole.substr(0, length)); });
      CHECK(error.has_value());
      if (error) CHECK(error->kind() == ErrorKind::malformed);
    }
    CHECK(error_of([&] { decompressed(whole + "trailing"); }).has_value());
  }
  std::string gzip = compressed("gzip", "checked text");
  gzip[gzip.size() - 6] ^= 1;  // CRC-32
  CHECK(error_of([&] { decompressed(gzip); })->kind() == ErrorKind::integrity);
}

TEST_CASE("what is written as scratch is read back", "[core][decompress]") {
  const std::string text = sample();
  MemorySink out;
  CompressingSink sink(out, {Compression::zstd, 1}, 0);
  for (std::size_t at = 0; at < text.size(); at += 7777) sink.write(as_bytes(std::string_view(text).substr(at, 7777)));
  sink.finish();
  CHECK(out.bytes().size() < text.size() / 2);
  CHECK(decompressed(std::string(as_text(out.bytes()))) == text);
}

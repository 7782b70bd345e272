// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/compress.h>

#include <random>

#include "support/catch.h"
#include "support/errors.h"
#include "support/stream_builder.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

Bytes compressed(ByteView bytes, const StreamCompression& how, unsigned threads, std::size_t cut) {
  MemorySink out;
  CompressingSink sink(out, how, threads);
  for (std::size_t at = 0; at < bytes.size(); at += cut) sink.write(bytes.subspan(at, std::min(cut, bytes.size() - at)));
  sink.finish();
  return out.bytes();
}

/// Half of it noise, half of it text, so that neither is all there is.
Bytes some_bytes(std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(size));
  Bytes out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i / 1000 % 2 == 0 ? random() : 'a' + i % 7);
  return out;
}

}  // namespace

TEST_CASE("what is compressed comes back, whatever its length, its pieces and the threads", "[compress]") {
  constexpr std::size_t kPiece = 1u << 20;
  for (const char* const word : {"gzip", "gzip:1", "zstd", "zstd:19", "none"}) {
    const auto how = StreamCompression::parse(word);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPiece - 1, kPiece, kPiece + 1, 3 * kPiece + 17}) {
      INFO(word << " " << size);
      const Bytes bytes = some_bytes(size);
      const Bytes packed = compressed(bytes, how, 1, 1u << 17);
      CHECK((compressed(bytes, how, 3, 99'999) == packed));
      Compression found{};
      const auto back = open_decompressed(std::make_unique<MemorySource>(packed), "it", Limits(), &found);
      CHECK((read_all(*back, 16 * kPiece, "it") == bytes));
      CHECK((found == how.kind || size < 8));
    }
  }
}

TEST_CASE("other programs read what is compressed", "[compress]") {
  const TempDir directory;
  const Bytes bytes = some_bytes(5'000'000);
  for (const auto& [word, program] : {std::pair("gzip:9", "gzip"), std::pair("zstd:3", "zstd")}) {
    INFO(word);
    CHECK((through(std::string(program) + " -dc", std::string(as_text(compressed(bytes, StreamCompression::parse(word), 2, 70'000)))) ==
           as_text(bytes)));
  }
}

TEST_CASE("kinds and levels that are none are refused", "[compress]") {
  for (const char* const text : {"", "xz", "bzip2", "GZIP", "none:1", "gzip:", "gzip:0", "gzip:13", "gzip:-1", "zstd:20", "zstd:3x"}) {
    INFO(text);
    const auto error = error_of([&] { static_cast<void>(StreamCompression::parse(text)); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
  }
  MemorySink out;
  const auto error = error_of([&] { CompressingSink(out, {Compression::xz, 0}, 1); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::unsupported);
}

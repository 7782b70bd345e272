// SPDX-License-Identifier: Apache-2.0
//
// The processor time that no conversion can do without: bench_floor IMAGE ARCHIVE [BLOB...]
//   compress   the distinct bytes of IMAGE's files, in blocks of 128 KiB, gzip level 6, by as many threads as there are
//   hash       SHA-256 over ARCHIVE (and over each BLOB), and over IMAGE, whose digest all but quiet builds tell
//   inflate    each BLOB, a layer as stored
// Prints seconds of processor time, and their sum over the processors.
#include <cstdio>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/decompress.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/ordered_pipeline.h>
#include <sifkit/core/resources.h>
#include <sifkit/rootfs.h>

#include "squashfs/codec.h"

namespace sifkit {

namespace {

constexpr std::size_t kBlock = 128 * 1024;

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <class Body>
double timed(Body&& body) {
  const double start = thread_seconds();
  body();
  return thread_seconds() - start;
}

double compress_seconds(const char* path) {
  auto root = RootFs::open(path);
  double total = 0;
  const auto make_work = [] {
    const std::shared_ptr<layers::BlockCompressor> codec = layers::make_block_compressor({});
    const auto room = std::make_shared<Bytes>(kBlock);
    return [codec, room](Bytes&& block) { return timed([&] { codec->compress(block, *room); }); };
  };
  OrderedPipeline<Bytes, double> pipeline(available_threads(), 64, make_work, [&](double seconds) { total += seconds; });
  std::set<Digest> seen;
  Bytes fragment;
  for (layers::InodeId id = 0; id < root.tree().inode_count(); ++id) {
    const auto& inode = root.tree().inode(id);
    if (inode.type != layers::EntryType::regular || inode.size == 0) continue;
    MemorySink content;
    root.reader().read(id, content);
    if (!seen.insert(digest_of(content.bytes())).second) continue;
    if (content.bytes().size() < kBlock) {
      if (fragment.size() + content.bytes().size() > kBlock) pipeline.push(std::exchange(fragment, {}));
      fragment.insert(fragment.end(), content.bytes().begin(), content.bytes().end());
      continue;
    }
    for (ByteView rest = content.bytes(); !rest.empty();) {
      const auto piece = rest.first(std::min(rest.size(), kBlock));
      pipeline.push(Bytes(piece.begin(), piece.end()));
      rest = rest.subspan(piece.size());
    }
  }
  if (!fragment.empty()) pipeline.push(std::move(fragment));
  pipeline.finish();
  return total;
}

double hash_seconds(const char* path) {
  FileSource source(std::make_shared<File>(File::open_read(path)));
  Hasher hasher;
  Bytes buffer(1u << 20);
  double total = 0;
  while (const auto got = source.read(buffer)) {
    total += timed([&] { hasher.update(ByteView(buffer).first(got)); });
  }
  return total;
}

double inflate_seconds(const char* path) {
  const auto plain = open_decompressed(std::make_unique<FileSource>(std::make_shared<File>(File::open_read(path))), path, {});
  Bytes buffer(1u << 20);
  return timed([&] {
    while (plain->read(buffer) != 0) {
    }
  });
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fputs("usage: bench_floor IMAGE ARCHIVE [BLOB...]\n", stderr);
    return 2;
  }
  const double compress = compress_seconds(argv[1]);
  double hash = hash_seconds(argv[1]) + hash_seconds(argv[2]);
  double inflate = 0;
  for (int i = 3; i < argc; ++i) {
    hash += hash_seconds(argv[i]);
    inflate += inflate_seconds(argv[i]);
  }
  const double floor = (compress + hash + inflate) / available_threads();
  fmt::print("{{\"compress\": {:.3f}, \"hash\": {:.3f}, \"inflate\": {:.3f}, \"floor\": {:.3f}}}\n", compress, hash, inflate, floor);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "bench_floor: {}\n", error.what());
  return 1;
}

}  // namespace sifkit

int main(int argc, char** argv) { return sifkit::main(argc, argv); }

// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include <sifkit/core/digest.h>
#include <sifkit/inspect/content_digests.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("the digest of a file is that of its bytes, however they are stored", "[inspect]") {
  Pack pack;
  fill(pack);
  pack.finish();
  SquashfsReader reader(pack.region);
  std::vector<InodeId> files;
  for (InodeId id = 0; id < reader.tree().inode_count(); ++id) {
    if (reader.tree().inode(id).type == EntryType::regular) files.push_back(id);
  }
  auto named_twice = files;
  named_twice.insert(named_twice.end(), files.rbegin(), files.rend());
  const auto digests = inspect::content_digests(reader, named_twice);
  CHECK(digests.size() == files.size());
  const auto directory = reader.tree().resolve("dir", true).value();
  for (const auto& [name, text] : pack.files) {
    INFO(name);
    const auto id = reader.tree().inode_of(reader.tree().find(directory, name));
    CHECK(to_hex(digests.at(id)) == digest_of(as_bytes(text)).hex());
  }
}

TEST_CASE("what has no bytes has no digest, and a stop is heard", "[inspect]") {
  Pack pack;
  fill(pack);
  pack.finish();
  SquashfsReader reader(pack.region);
  CHECK(error_of([&] { inspect::content_digests(reader, {Tree::kRoot}); })->kind() == ErrorKind::usage);
  CHECK(inspect::content_digests(reader, {}).empty());
  std::stop_source stop;
  stop.request_stop();
  OperationContext operation;
  operation.stop = stop.get_token();
  const auto file = reader.tree().resolve("dir/large", true).value();
  CHECK(error_of([&] { inspect::content_digests(reader, {file}, operation); })->kind() == ErrorKind::cancelled);
}

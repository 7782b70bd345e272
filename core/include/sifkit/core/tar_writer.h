// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/data_segment.h>
#include <sifkit/core/export.h>
#include <sifkit/core/stream.h>

struct stat;  // of the system, <sys/stat.h>

namespace sifkit {

/// What a member of a tar archive says beside what `stat` says of its file.
struct NewTarMember {
  std::string path;
  std::string link_target;  ///< of a symbolic link
  std::string hard_link;    ///< the path of the member that it is another name of; empty: none
  std::vector<std::pair<std::string, std::string>> xattrs;
  bool sparse = false;                ///< a regular file of which only `segments` are stored (PAX, GNU.sparse 1.0)
  std::vector<DataSegment> segments;  ///< sorted
};

/// Writes a tar archive: ustar, with PAX headers for what that cannot hold, names as bytes. The same calls give the same
/// bytes. libarchive does the work, and is loaded for it: not_found where it is missing. Not thread safe.
class SIFKIT_API TarWriter {
 public:
  /// `sink` outlives the writer.
  explicit TarWriter(Sink& sink);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  // What the sink throws comes out of all three, as does bad_alloc. What libarchive refuses else is an internal error.

  /// Starts a member. Of a regular file that is no hard link, `status.st_size` bytes follow by `write`, holes included.
  void begin(const struct stat& status, const NewTarMember& member);
  void write(ByteView bytes);
  /// Ends the archive.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "3.6.2". Throws not_found where libarchive is not installed.
SIFKIT_API std::string tar_library_version();

}  // namespace sifkit

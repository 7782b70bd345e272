// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/data_segment.h>
#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

namespace sifkit {

enum class TarType : std::uint8_t { regular, hard_link, symlink, char_device, block_device, directory, fifo };

/// One member of a tar archive with its PAX, GNU and ustar extensions applied. Names are bytes, exactly as stored.
struct TarMember {
  std::uint64_t index = 0;          ///< 0 for the first member
  std::uint64_t header_offset = 0;  ///< of the first header block that belongs to it, extensions included
  std::uint64_t data_offset = 0;    ///< of its stored bytes
  TarType type = TarType::regular;
  std::string name;
  std::string link_name;
  std::uint32_t mode = 0;  ///< permission bits and setuid, setgid, sticky
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::int64_t mtime = 0;  ///< whole seconds, rounded down
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t size = 0;         ///< of the file, holes included
  std::uint64_t stored_size = 0;  ///< bytes in the archive
  bool sparse = false;
  std::vector<DataSegment> segments;                        ///< of a sparse file, sorted
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< SCHILY.xattr alone, by name
  bool has_acl = false;  ///< as text, in SCHILY.acl
};

/// Which types of entries are taken.
enum class TarTypes : std::uint8_t {
  layer,  ///< those that container engines take
  any,    ///< and what backups may hold: GNU tar's lists of an incremental dump (D) and volume labels (V), Solaris's X
};

/// Reads tar as strictly as Go's archive/tar (which is what Docker sees): v7, ustar, GNU and PAX headers, GNU and PAX
/// sparse files. Malformed headers, extensions and truncation are errors with the byte offset; what readers disagree
/// about is settled as docs/compatibility.md says and reported to `warnings`. Not thread safe.
class SIFKIT_API TarReader {
 public:
  /// The referents outlive the reader.
  TarReader(Source& source, const Limits& limits, WarningList& warnings, TarTypes types = TarTypes::layer);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  /// The next member; what is left of the one before is passed over (with `Source::skip`). After the end-of-archive
  /// marker nothing is parsed. Returns nothing at the end.
  std::optional<TarMember> next();

  /// The stored bytes of the current member, 0 at their end. For a sparse file these are its segments back to back.
  std::size_t read(std::span<std::byte> into);

  /// The same bytes as `Source::view` gives them.
  ByteView view(std::span<std::byte> scratch);

  /// After the end: whether it came behind a whole member, with no block of zeros, as where an archive was cut there.
  bool end_is_unmarked() const noexcept;

  /// Bytes consumed from the source so far.
  std::uint64_t offset() const noexcept;

  /// Reads and drops everything after the archive's end so that digests over the source see it; warns when that is
  /// more than zeros. A stream may have no end: more than the limit trailing_bytes is limit.
  void drain();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>
#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

inline constexpr std::size_t kTarRecord = 512;

/// The header of a regular file 0644 of root: POSIX ustar. A size that eleven octal digits do not hold is in base 256,
/// as GNU tar and Go write it.
std::array<std::byte, kTarRecord> member_header(const std::string& name, std::uint64_t size);

/// The header of a directory 0755 of root; its name ends with a slash.
std::array<std::byte, kTarRecord> directory_header(const std::string& name);

/// A tar archive of regular files 0644 of root whose names and sizes may be known only when their bytes are written:
/// headers are filled in afterwards. libarchive cannot do that, and a blob is named by its digest. Not thread safe.
class MemberWriter {
 public:
  /// The file is empty and outlives the object.
  explicit MemberWriter(File& file) : file_(file) {}

  /// A member whose name is made of its digest: `prefix`, hex, `suffix`. One that is there already is not stored again.
  std::unique_ptr<BlobWriter> begin(std::string prefix, std::string suffix);
  /// A directory, before anything that is in it: not every reader makes those that are missing.
  void add_directory(const std::string& name);
  /// A whole member.
  void add(const std::string& name, std::string_view bytes);
  void finish();

 private:
  class Member;

  void end_member(std::uint64_t header_at, std::uint64_t size, const std::string& name);

  File& file_;
  std::uint64_t end_ = 0;
  std::set<std::string> names_;
};

}  // namespace sifkit::oci

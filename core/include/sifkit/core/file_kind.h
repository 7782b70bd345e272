// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/export.h>

namespace sifkit {

class File;

/// How something is called that may stand where an image was expected, and what its owner can do about it.
struct KindWords {
  std::string_view name;  ///< with its article: "an ext4 file system"
  std::string_view hint;  ///< empty where there is nothing to say
  ErrorKind error = ErrorKind::unsupported;  ///< malformed for what something has damaged
};

/// What a file is by its first bytes, whether this library reads it or not. Names of formats only: what is in a tar
/// archive is not looked at here (oci/contents.h does).
enum class FileKind : std::uint8_t {
  tar, gzip, zstd, xz, bzip2, sif, squashfs,  // what is read
  empty, zeros, unknown, damaged_tar, utf16,
  // Text.
  html, xml, git_lfs, git_annex, definition, dockerfile, script, docker_manifest, oci_manifest, docker_inspect, json, text,
  // File systems.
  squashfs_old, squashfs_big_endian, squashfs_codec, singularity2, ext2, ext3, ext4, iso9660, udf, xfs, btrfs, erofs,
  cramfs, romfs, f2fs, jfs, reiserfs, ntfs, exfat, fat, hfs, apfs, swap, luks, lvm,
  // Disks.
  qcow, vmdk, vdi, vhd, gpt, mbr,
  // Archives.
  zip, seven_zip, rar, cpio, deb, ar, rpm, cab, wim, xar,
  // Compression that is not read.
  compress, lzip, lzma, lz4, lzop, lrzip, snappy, zlib,
  // Programs and documents.
  appimage, elf, windows_program, mach_o, wasm, pdf, pgp,
};

/// Every kind once, in the order of the enumeration.
SIFKIT_API std::span<const FileKind> file_kinds() noexcept;

SIFKIT_API const KindWords& words_of(FileKind kind) noexcept;

struct FileSniff {
  FileKind kind = FileKind::unknown;
  std::uint64_t offset = 0;  ///< of a squashfs: behind the launch line in front of it
  std::string detail;        ///< for text and what is unknown: how it begins
};

/// As many first bytes as any kind is told by.
inline constexpr std::size_t kSniffedBytes = 128 * 1024;

/// `first` is the file's first kSniffedBytes, or all of it.
SIFKIT_API FileSniff sniff_file(ByteView first);
SIFKIT_API FileSniff sniff_file(const File& file);

/// The error for a thing that is not what was expected: "'x' is an ext4 file system, a SIF image was expected".
/// `name` comes as it is to be shown; `detail` may be empty.
SIFKIT_API Error unexpected_kind(std::string_view name, const KindWords& words, std::string_view detail, std::string_view expected);

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file_kind.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/decompress.h>
#include <sifkit/core/file.h>
#include <sifkit/core/text.h>

#include "tar_header.h"

namespace sifkit {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t at;
  std::string_view bytes;
  FileKind kind;
};

/// Those of file systems come before all others: what lies in front of them (boot code, zeros) may be anything.
constexpr Magic kFileSystems[] = {
    {0, "XFSB"sv, FileKind::xfs},
    {0, "-rom1fs-"sv, FileKind::romfs},
    {0, "\x45\x3d\xcd\x28"sv, FileKind::cramfs},
    {0, "\x28\xcd\x3d\x45"sv, FileKind::cramfs},
    {512, "\x45\x3d\xcd\x28"sv, FileKind::cramfs},
    {0, "LUKS\xba\xbe"sv, FileKind::luks},
    {32, "NXSB"sv, FileKind::apfs},
    {512, "LABELONE"sv, FileKind::lvm},
    {1024, "\x10\x20\xf5\xf2"sv, FileKind::f2fs},
    {1024, "\xe2\xe1\xf5\xe0"sv, FileKind::erofs},
    {1024, "H+\0\4"sv, FileKind::hfs},
    {1024, "HX\0\5"sv, FileKind::hfs},
    {4086, "SWAPSPACE2"sv, FileKind::swap},
    {0x8000, "JFS1"sv, FileKind::jfs},
    {0x8001, "CD001"sv, FileKind::iso9660},
    {0x8001, "BEA01"sv, FileKind::udf},
    {0x10040, "_BHRfS_M"sv, FileKind::btrfs},
    {0x10034, "ReIsErFs"sv, FileKind::reiserfs},
    {0x10034, "ReIsEr2Fs"sv, FileKind::reiserfs},
    {3, "NTFS    "sv, FileKind::ntfs},
    {3, "EXFAT   "sv, FileKind::exfat},
};

constexpr Magic kOthers[] = {
    {0, "QFI\xfb"sv, FileKind::qcow},
    {0, "KDMV"sv, FileKind::vmdk},
    {0, "# Disk DescriptorFile"sv, FileKind::vmdk},
    {0x40, "\x7f\x10\xda\xbe"sv, FileKind::vdi},
    {0, "vhdxfile"sv, FileKind::vhd},
    {0, "conectix"sv, FileKind::vhd},
    {512, "EFI PART"sv, FileKind::gpt},
    {4096, "EFI PART"sv, FileKind::gpt},
    {0, "PK\3\4"sv, FileKind::zip},
    {0, "PK\5\6"sv, FileKind::zip},
    {0, "7z\xbc\xaf\x27\x1c"sv, FileKind::seven_zip},
    {0, "Rar!\x1a\7"sv, FileKind::rar},
    {0, "070701"sv, FileKind::cpio},
    {0, "070702"sv, FileKind::cpio},
    {0, "070707"sv, FileKind::cpio},
    {0, "\xc7\x71"sv, FileKind::cpio},
    {0, "\x71\xc7"sv, FileKind::cpio},
    {0, "!<arch>\ndebian"sv, FileKind::deb},
    {0, "!<arch>\n"sv, FileKind::ar},
    {0, "\xed\xab\xee\xdb"sv, FileKind::rpm},
    {0, "MSCF\0\0\0\0"sv, FileKind::cab},
    {0, "MSWIM\0\0\0"sv, FileKind::wim},
    {0, "xar!"sv, FileKind::xar},
    {0, "\x1f\x9d"sv, FileKind::compress},
    {0, "LZIP\1"sv, FileKind::lzip},
    {0, "\x04\x22\x4d\x18"sv, FileKind::lz4},
    {0, "\x02\x21\x4c\x18"sv, FileKind::lz4},
    {0, "\x89LZO\0\r\n\x1a\n"sv, FileKind::lzop},
    {0, "LRZI\0"sv, FileKind::lrzip},
    {0, "\xff\6\0\0sNaPpY"sv, FileKind::snappy},
    {8, "AI\1"sv, FileKind::appimage},
    {8, "AI\2"sv, FileKind::appimage},
    {0, "\x7f" "ELF"sv, FileKind::elf},
    {0, "\xcf\xfa\xed\xfe"sv, FileKind::mach_o},
    {0, "\xce\xfa\xed\xfe"sv, FileKind::mach_o},
    {0, "\0asm"sv, FileKind::wasm},
    {0, "%PDF-"sv, FileKind::pdf},
    {0, "-----BEGIN PGP "sv, FileKind::pgp},
};

std::string_view part(ByteView first, std::size_t at, std::size_t size) {
  return as_text(first).substr(std::min(at, first.size()), size);
}

template <std::size_t N>
std::optional<FileKind> by_magic(ByteView first, const Magic (&magics)[N]) {
  for (const auto& magic : magics) {
    if (part(first, magic.at, magic.bytes.size()) == magic.bytes) return magic.kind;
  }
  return std::nullopt;
}

/// The kind of tar header that the first block is, if it is one.
std::optional<FileKind> as_tar(ByteView first) {
  if (first.size() < kTarBlock || all_zero(first.first(kTarBlock))) return std::nullopt;
  TarHeader header;
  std::memcpy(header.block.data(), first.data(), kTarBlock);
  if (header.checksum_matches()) return FileKind::tar;
  if (part(first, 257, 5) == "ustar") return FileKind::damaged_tar;
  return std::nullopt;
}

/// ext4 has a feature that ext3 has not, ext3 a journal (Linux, Documentation/filesystems/ext4).
std::optional<FileKind> as_ext(ByteView first) {
  static constexpr std::size_t kSuperblock = 1024;
  static constexpr std::uint32_t kJournal = 0x4;
  static constexpr std::uint32_t kExt3Incompatible = 0x2 | 0x4 | 0x10;  // file types, recovery, meta block groups
  static constexpr std::uint32_t kExt3ReadOnly = 0x1 | 0x2 | 0x4;       // sparse superblocks, large files, B-trees
  if (first.size() < kSuperblock + 0x68 || part(first, kSuperblock + 0x38, 2) != "\x53\xef") return std::nullopt;
  const auto features = [&](std::size_t at) { return load_le<std::uint32_t>(first.data() + kSuperblock + at); };
  if ((features(0x60) & ~kExt3Incompatible) != 0 || (features(0x64) & ~kExt3ReadOnly) != 0) return FileKind::ext4;
  return (features(0x5c) & kJournal) != 0 ? FileKind::ext3 : FileKind::ext2;
}

constexpr std::size_t kSquashfsCodec = 20;

std::optional<FileKind> as_squashfs(ByteView first) {
  static constexpr std::size_t kVersion = 28;
  const auto magic = part(first, 0, 4);
  if (magic == "sqsh" || magic == "qshs") return FileKind::squashfs_big_endian;
  if (magic == "shsq") return FileKind::squashfs_old;
  if (magic != "hsqs") return std::nullopt;
  if (first.size() < kVersion + 2) return FileKind::squashfs;  // cut: its reader says so
  if (load_le<std::uint16_t>(first.data() + kVersion) < 4) return FileKind::squashfs_old;
  const auto codec = load_le<std::uint16_t>(first.data() + kSquashfsCodec);
  const bool is_read = codec == 1 || (codec >= 4 && codec <= 6);  // gzip; xz, lz4, zstd
  return is_read ? FileKind::squashfs : FileKind::squashfs_codec;
}

/// The name of a compression that is not read.
std::string codec_name(ByteView squashfs) {
  const auto codec = load_le<std::uint16_t>(squashfs.data() + kSquashfsCodec);
  return codec == 2 ? "lzma" : codec == 3 ? "lzo" : fmt::format("number {}", codec);
}

/// The length of a first line that makes a program of an image: Singularity 2 put one in front of its images.
std::size_t launch_line(ByteView first) {
  static constexpr std::size_t kMaxLaunchLine = 256;
  const auto text = part(first, 0, kMaxLaunchLine);
  const auto end = text.find('\n');
  if (!text.starts_with("#!") || end == std::string_view::npos || text.substr(0, end).find("singularity") == std::string_view::npos) return 0;
  return end + 1;
}

/// A SIF image's first 41 bytes, or what a cut has left of them: from 20 on no other file begins so.
bool is_sif(ByteView first) {
  static constexpr std::string_view kStart = "#!/usr/bin/env run-singularity\n\0SIF_MAGIC"sv;
  static constexpr std::size_t kLeast = 20;
  static constexpr std::size_t kMagicAt = 32;
  if (part(first, kMagicAt, kStart.size() - kMagicAt) == kStart.substr(kMagicAt)) return true;
  return first.size() >= kLeast && first.size() < kStart.size() && kStart.starts_with(as_text(first));
}

bool has_partitions(ByteView first) {
  static constexpr std::size_t kTable = 446;
  static constexpr std::size_t kEntry = 16;
  if (part(first, 510, 2) != "\x55\xaa") return false;
  bool any = false;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto* entry = first.data() + kTable + i * kEntry;
    const auto status = std::to_integer<unsigned>(entry[0]);
    if (status != 0 && status != 0x80) return false;
    any = any || (entry[4] != std::byte{0} && load_le<std::uint32_t>(entry + 12) != 0);
  }
  return any;
}

bool is_fat(ByteView first) {
  return part(first, 510, 2) == "\x55\xaa" && (part(first, 54, 3) == "FAT" || part(first, 82, 5) == "FAT32");
}

/// The old header has no magic: properties of lc 3, lp 0, pb 2, a dictionary of 2^n or 2^n + 2^(n-1), a size (lzma-alone).
bool is_lzma(ByteView first) {
  if (first.size() < 13 || first[0] != std::byte{0x5d}) return false;
  const auto dictionary = load_le<std::uint32_t>(first.data() + 1);
  const auto size = load_le<std::uint64_t>(first.data() + 5);
  const bool plausible = std::has_single_bit(dictionary) || (dictionary % 3 == 0 && std::has_single_bit(dictionary / 3));
  return dictionary >= 4096 && plausible && (size == ~std::uint64_t{0} || size < (1ull << 40));
}

/// RFC 1950: a method of deflate with a window of 32 KiB, the two bytes a multiple of 31.
bool is_zlib(ByteView first) {
  return first.size() > 6 && first[0] == std::byte{0x78} &&
         (first[1] == std::byte{0x01} || first[1] == std::byte{0x5e} || first[1] == std::byte{0x9c} || first[1] == std::byte{0xda});
}

bool is_windows_program(ByteView first) {
  if (part(first, 0, 2) != "MZ" || first.size() < 64) return false;
  const auto at = load_le<std::uint32_t>(first.data() + 60);
  return part(first, at, 4) == "PE\0\0"sv;
}

bool is_utf16(ByteView first) {
  const auto mark = part(first, 0, 2);
  if (mark == "\xff\xfe" || mark == "\xfe\xff") return true;
  // Without its mark: letters of ASCII, every other byte a NUL.
  static constexpr std::size_t kLooked = 64;
  if (first.size() < 4) return false;
  const auto looked = std::min(first.size(), kLooked) / 2 * 2;
  for (const std::size_t high : {std::size_t{1}, std::size_t{0}}) {
    bool all = true;
    for (std::size_t i = 0; i < looked; i += 2) {
      const auto letter = std::to_integer<unsigned char>(first[i + 1 - high]);
      all = all && first[i + high] == std::byte{0} && ((letter >= 0x20 && letter < 0x7f) || letter == '\n' || letter == '\r' || letter == '\t');
    }
    if (all) return true;
  }
  return false;
}

/// The length of the UTF-8 sequence at `at` that is whole and well formed, or 0. The end of `text` may cut the last one.
std::size_t sequence(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t size = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  for (std::size_t i = 1; i < size; ++i) {
    if (at + i == text.size()) return i;
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0u) != 0x80) return 0;
  }
  return size;
}

bool is_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b) || c == 0x7f) return false;
    const auto size = sequence(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

std::string_view without_blanks(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n\f");
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

/// The first line that is neither empty nor a comment.
std::string_view first_statement(std::string_view text) {
  for (text = without_blanks(text); text.starts_with('#'); text = without_blanks(text)) {
    text.remove_prefix(std::min(text.size(), text.find('\n')));
  }
  return text.substr(0, text.find_first_of("\r\n"));
}

FileKind json_kind(std::string_view text) {
  const auto holds = [&](std::string_view member) { return text.find(member) != std::string_view::npos; };
  if (holds("\"Config\"") && holds("\"RepoTags\"") && holds("\"Layers\"") && !holds("\"RootFS\"")) return FileKind::docker_manifest;
  if (holds("\"schemaVersion\"")) return FileKind::oci_manifest;
  if (holds("\"Id\"") && (holds("\"RootFS\"") || holds("\"RepoTags\"") || holds("\"HostConfig\""))) return FileKind::docker_inspect;
  return FileKind::json;
}

FileKind text_kind(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.starts_with("version https://git-lfs.github.com/spec/")) return FileKind::git_lfs;
  if (text.starts_with("/annex/objects/")) return FileKind::git_annex;
  const bool script = text.starts_with("#!");
  text = without_blanks(text);
  const auto start = lower_case(text.substr(0, 64));
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) return FileKind::html;
  if (start.starts_with("<?xml")) return lower_case(text.substr(0, 1024)).find("<html") != std::string::npos ? FileKind::html : FileKind::xml;
  if (start.starts_with('{') || start.starts_with('[')) return json_kind(text);
  if (script) return FileKind::script;
  const auto statement = lower_case(first_statement(text));
  if (statement.starts_with("bootstrap:") || statement.starts_with("bootstrap :")) return FileKind::definition;
  if (statement.starts_with("from ") || statement.starts_with("arg ")) return FileKind::dockerfile;
  return FileKind::text;
}

std::optional<FileKind> of_compression(ByteView first) {
  switch (sniff_compression(first)) {
    case Compression::gzip: return FileKind::gzip;
    case Compression::zstd: return FileKind::zstd;
    case Compression::xz: return FileKind::xz;
    case Compression::bzip2: return FileKind::bzip2;
    case Compression::none: break;
  }
  return std::nullopt;
}

std::string beginning(std::string_view text) {
  static constexpr std::size_t kShown = 60;
  text = without_blanks(text);
  return "it begins with " + in_quotes(text.substr(0, std::min(text.find_first_of("\r\n"), kShown)));
}

std::string hex_beginning(ByteView first) {
  static constexpr std::size_t kShown = 8;
  std::string out = "it begins with the bytes";
  for (const auto byte : first.first(std::min(first.size(), kShown))) out += fmt::format(" {:02x}", std::to_integer<unsigned>(byte));
  return out;
}

FileKind kind_of(ByteView first) {
  if (first.empty()) return FileKind::empty;
  // First what no chance can bring about: a checksum.
  if (const auto tar = as_tar(first)) return *tar;
  if (is_sif(first)) return FileKind::sif;
  if (const auto squashfs = as_squashfs(first)) return *squashfs;
  if (const auto kind = of_compression(first)) return *kind;
  if (const auto kind = by_magic(first, kFileSystems)) return *kind;
  if (const auto ext = as_ext(first)) return *ext;
  if (const auto kind = by_magic(first, kOthers)) return *kind;
  if (is_fat(first)) return FileKind::fat;
  if (has_partitions(first)) return FileKind::mbr;
  if (is_windows_program(first)) return FileKind::windows_program;
  if (all_zero(first)) return FileKind::zeros;
  if (is_utf16(first)) return FileKind::utf16;
  if (is_text(as_text(first))) return text_kind(as_text(first));
  if (is_lzma(first)) return FileKind::lzma;
  if (is_zlib(first)) return FileKind::zlib;
  return FileKind::unknown;
}

}  // namespace

FileSniff sniff_file(ByteView first) {
  first = first.first(std::min(first.size(), kSniffedBytes));
  if (const auto line = launch_line(first); line != 0 && !is_sif(first)) {
    const auto behind = first.subspan(line);
    if (as_ext(behind)) return {FileKind::singularity2, line, {}};
    if (const auto squashfs = as_squashfs(behind)) return {*squashfs, line, *squashfs == FileKind::squashfs_codec ? codec_name(behind) : std::string()};
  }
  FileSniff out{kind_of(first), 0, {}};
  if (out.kind == FileKind::text || out.kind == FileKind::script || out.kind == FileKind::json) out.detail = beginning(as_text(first));
  if (out.kind == FileKind::squashfs_codec) out.detail = codec_name(first);
  if (out.kind == FileKind::unknown) out.detail = hex_beginning(first);
  return out;
}

FileSniff sniff_file(const File& file) {
  Bytes first(kSniffedBytes);
  first.resize(file.read_at(0, first));
  return sniff_file(ByteView(first));
}

}  // namespace sifkit

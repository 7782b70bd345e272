// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file_kind.h>

#include <array>

#include <fmt/format.h>

#include "damaged.h"

namespace sifkit {

namespace {

struct Row {
  FileKind kind;
  KindWords words;
};

constexpr std::string_view kMount = "mount it and give the directory: dir:MOUNTPOINT";
constexpr std::string_view kUnpack = "unpack it and give what is in it";
constexpr std::string_view kUnpackTree = "unpack it and give the directory: dir:DIRECTORY";
constexpr std::string_view kUnsquash = "unpack it with unsquashfs and give the directory: dir:squashfs-root";
constexpr std::string_view kDisk = "attach it, mount its file system and give the directory: dir:MOUNTPOINT";
constexpr std::string_view kDecompress = "decompress it with its own program first";
constexpr std::string_view kAgain = "did the program that made it fail?";
constexpr std::string_view kDownload = "a server sent this page in place of the file: it says why";
constexpr std::string_view kSave = "the image itself comes from 'docker save -o FILE NAME'";
constexpr auto kMalformed = ErrorKind::malformed;

// docs/formats.md has the same table with what each kind is told by; a test compares them.
constexpr Row kRows[] = {
    {FileKind::tar, {"a tar archive", ""}},
    {FileKind::gzip, {"gzip data", ""}},
    {FileKind::zstd, {"zstd data", ""}},
    {FileKind::xz, {"xz data", ""}},
    {FileKind::bzip2, {"bzip2 data", ""}},
    {FileKind::sif, {"a SIF image", ""}},
    {FileKind::squashfs, {"a squashfs image", ""}},
    {FileKind::empty, {"empty", kAgain, kMalformed}},
    {FileKind::zeros, {"nothing but zeros", "an empty tar archive, or a file that was never written: make it again", kMalformed}},
    {FileKind::unknown, {"of no known kind", "", kMalformed}},
    {FileKind::damaged_tar, {"a damaged tar archive: the checksum of its first header does not match", kCopyAgain, kMalformed}},
    {FileKind::utf16, {"text in UTF-16, as PowerShell's '>' writes it", "no program can undo this: let the other program write the file, as 'docker save -o FILE NAME' does", kMalformed}},
    {FileKind::html, {"an HTML page", kDownload}},
    {FileKind::xml, {"an XML document", kDownload}},
    {FileKind::git_lfs, {"a Git LFS pointer", "'git lfs pull' fetches the file that it stands for"}},
    {FileKind::git_annex, {"a git-annex pointer", "'git annex get' fetches the file that it stands for"}},
    {FileKind::definition, {"a definition file", "'apptainer build' makes an image of it; images are converted here, not built from recipes"}},
    {FileKind::dockerfile, {"a Dockerfile", "'docker build' makes an image of it; images are converted here, not built from recipes"}},
    {FileKind::script, {"a script", ""}},
    {FileKind::docker_manifest, {"a docker archive's manifest.json without the archive", "give the archive, or the directory that it was unpacked to"}},
    {FileKind::oci_manifest, {"an image's manifest or index without the image", "'skopeo copy docker://NAME oci-archive:FILE' fetches the image with it"}},
    {FileKind::docker_inspect, {"what 'docker inspect' prints", kSave}},
    {FileKind::json, {"a JSON document", ""}},
    {FileKind::text, {"text", ""}},
    {FileKind::squashfs_old, {"a squashfs image of a version before 4.0", kUnsquash}},
    {FileKind::squashfs_big_endian, {"a big-endian squashfs image", kUnsquash}},
    {FileKind::squashfs_codec, {"a squashfs image with a compression that is not read", kUnsquash}},
    {FileKind::singularity2, {"an image of Singularity 2, an ext file system behind a launch line", "'apptainer build NEW.sif FILE' converts it where images of ext3 may be mounted"}},
    {FileKind::ext2, {"an ext2 file system", kMount}},
    {FileKind::ext3, {"an ext3 file system", kMount}},
    {FileKind::ext4, {"an ext4 file system", kMount}},
    {FileKind::iso9660, {"an ISO 9660 image", kMount}},
    {FileKind::udf, {"a UDF image", kMount}},
    {FileKind::xfs, {"an XFS file system", kMount}},
    {FileKind::btrfs, {"a Btrfs file system", kMount}},
    {FileKind::erofs, {"an EROFS image", kMount}},
    {FileKind::cramfs, {"a cramfs image", kMount}},
    {FileKind::romfs, {"a romfs image", kMount}},
    {FileKind::f2fs, {"an F2FS file system", kMount}},
    {FileKind::jfs, {"a JFS file system", kMount}},
    {FileKind::reiserfs, {"a ReiserFS file system", kMount}},
    {FileKind::ntfs, {"an NTFS file system", kMount}},
    {FileKind::exfat, {"an exFAT file system", kMount}},
    {FileKind::fat, {"a FAT file system", kMount}},
    {FileKind::hfs, {"an HFS+ file system", kMount}},
    {FileKind::apfs, {"an APFS file system", kMount}},
    {FileKind::swap, {"swap space", ""}},
    {FileKind::luks, {"a volume encrypted with LUKS", kDisk}},
    {FileKind::lvm, {"an LVM physical volume", kDisk}},
    {FileKind::qcow, {"a QCOW disk image", kDisk}},
    {FileKind::vmdk, {"a VMDK disk image", kDisk}},
    {FileKind::vdi, {"a VDI disk image", kDisk}},
    {FileKind::vhd, {"a VHD disk image", kDisk}},
    {FileKind::gpt, {"a disk image with a GPT partition table", kDisk}},
    {FileKind::mbr, {"a disk image with an MBR partition table", kDisk}},
    {FileKind::zip, {"a zip archive", kUnpack}},
    {FileKind::seven_zip, {"a 7z archive", kUnpack}},
    {FileKind::rar, {"a RAR archive", kUnpack}},
    {FileKind::cpio, {"a cpio archive", kUnpackTree}},
    {FileKind::deb, {"a Debian package", ""}},
    {FileKind::ar, {"an ar archive", ""}},
    {FileKind::rpm, {"an RPM package", ""}},
    {FileKind::cab, {"a cabinet archive", kUnpack}},
    {FileKind::wim, {"a WIM image", kUnpack}},
    {FileKind::xar, {"a xar archive", kUnpack}},
    {FileKind::compress, {"data of compress (.Z)", kDecompress}},
    {FileKind::lzip, {"lzip data", kDecompress}},
    {FileKind::lzma, {"LZMA data without an xz container", kDecompress}},
    {FileKind::lz4, {"lz4 data", kDecompress}},
    {FileKind::lzop, {"lzop data", kDecompress}},
    {FileKind::lrzip, {"lrzip data", kDecompress}},
    {FileKind::snappy, {"Snappy data", kDecompress}},
    {FileKind::zlib, {"a zlib stream", kDecompress}},
    {FileKind::appimage, {"an AppImage", "let it unpack itself: 'FILE --appimage-extract', then dir:squashfs-root"}},
    {FileKind::elf, {"a program or library (ELF)", "to make an image of it, put it into a directory: dir:DIRECTORY"}},
    {FileKind::windows_program, {"a program of Windows", ""}},
    {FileKind::mach_o, {"a program of macOS", ""}},
    {FileKind::wasm, {"a WebAssembly module", ""}},
    {FileKind::pdf, {"a PDF document", ""}},
    {FileKind::pgp, {"a PGP message or key", "'gpg --decrypt' gives what is in a message"}},
};

constexpr auto kFactsOfKinds = [] {
  std::array<FileKind, std::size(kRows)> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = kRows[i].kind;
  return out;
}();
static_assert([] {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].kind != static_cast<FileKind>(i)) return false;
  }
  return kRows[std::size(kRows) - 1].kind == FileKind::pgp;
}());

}  // namespace

std::span<const FileKind> file_kinds() noexcept { return kFactsOfKinds; }

const KindWords& words_of(FileKind kind) noexcept { return kRows[static_cast<std::size_t>(kind)].words; }

Error unexpected_kind(std::string_view name, const KindWords& words, std::string_view detail, std::string_view expected) {
  std::string message = fmt::format("{} is {}", name, words.name);
  if (!detail.empty()) message += fmt::format(" ({})", detail);
  if (!expected.empty()) message += fmt::format(", {} was expected", expected);
  return {words.error, std::move(message), std::string(words.hint)};
}

}  // namespace sifkit

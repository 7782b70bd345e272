// SPDX-License-Identifier: Apache-2.0
//
// What a source is: the tables of docs/formats.md, row by row, with an example each, by file, redirected standard input,
// pipe, compressed file and directory.
#include <functional>
#include <map>
#include <set>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/standard_input.h"
#include "support/tar_builder.h"

#include <sifkit/core/file.h>
#include <sifkit/core/file_kind.h>
#include <sifkit/oci/contents.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/sif/image_writer.h>

using namespace sifkit;
using namespace sifkit::testing;
using namespace std::string_literals;
using oci::ContentsKind;

namespace {

struct Row {
  std::vector<std::string> cells;
};

/// The rows of the table behind a heading.
std::vector<Row> table_behind(const std::string& heading) {
  const std::string text = read_file(std::string(SIFKIT_SOURCE_DIR) + "/docs/formats.md");
  const auto start = text.find("\n" + heading + "\n");
  REQUIRE(start != std::string::npos);
  std::vector<Row> rows;
  std::istringstream lines(text.substr(start + 1));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.starts_with('#')) {
    if (!line.starts_with("| ")) continue;
    Row row;
    for (std::size_t at = 2; at < line.size();) {
      const auto end = line.find(" |", at);
      REQUIRE(end != std::string::npos);
      row.cells.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    rows.push_back(std::move(row));
  }
  REQUIRE(rows.size() > 2);
  rows.erase(rows.begin(), rows.begin() + 2);  // the heading and the line below it
  return rows;
}

/// `bytes` at a place of something that is nothing else.
std::string at(std::size_t place, const std::string& bytes, std::size_t size = 200'000) {
  std::string out(size, '\0');
  out.replace(place, bytes.size(), bytes);
  return out;
}

std::string le16(unsigned value) { return {static_cast<char>(value & 0xff), static_cast<char>(value >> 8)}; }
std::string le32(std::uint32_t value) { return le16(value & 0xffff) + le16(value >> 16); }

std::string squashfs(unsigned version, unsigned codec, const std::string& magic = "hsqs") {
  std::string out = at(0, magic, 4096);
  out.replace(20, 2, le16(codec));
  out.replace(28, 2, le16(version));
  return out;
}

std::string ext(std::uint32_t compatible, std::uint32_t incompatible, std::uint32_t read_only) {
  std::string out = at(1024 + 0x38, "\x53\xef");
  out.replace(1024 + 0x5c, 12, le32(compatible) + le32(incompatible) + le32(read_only));
  return out;
}

std::string utf16(const std::string& text) {
  std::string out = "\xff\xfe";
  for (const char c : text) out += c + "\0"s;
  return out;
}

std::string damaged_tar() {
  std::string out = TarBuilder().file("etc/x", "y").bytes();
  out[0] ^= 1;
  return out;
}

std::string mbr() {
  std::string out = at(510, "\x55\xaa");
  out.replace(446, 16, "\x80\1\1\0\x83\1\1\1"s + le32(2048) + le32(1000));
  return out;
}

std::string windows_program() {
  std::string out = at(0, "MZ", 1000);
  out.replace(60, 4, le32(128));
  out.replace(128, 4, "PE\0\0"s);
  return out;
}

/// An example of every kind that is not read.
const std::map<FileKind, std::string>& examples() {
  static const std::map<FileKind, std::string> all{
      {FileKind::empty, ""},
      {FileKind::zeros, std::string(300'000, '\0')},
      {FileKind::unknown, "\xde\xad\xbe\xef" + std::string(5000, '\x81')},
      {FileKind::damaged_tar, damaged_tar()},
      {FileKind::utf16, utf16("etc/x\r\nustar and so on")},
      {FileKind::html, "\n<!DOCTYPE html>\n<html><body>404</body></html>\n"},
      {FileKind::xml, "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>\n"},
      {FileKind::git_lfs, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n"},
      {FileKind::git_annex, "/annex/objects/SHA256E-s5--00.tar\n"},
      {FileKind::definition, "# my image\n\nBootStrap: docker\nFrom: debian\n"},
      {FileKind::dockerfile, "# syntax=docker/dockerfile:1\nFROM debian\nRUN true\n"},
      {FileKind::script, "#!/bin/sh\necho hello\n"},
      {FileKind::docker_manifest, R"([{"Config":"a.json","RepoTags":["a:1"],"Layers":["l.tar"]}])"},
      {FileKind::oci_manifest, R"({"schemaVersion":2,"manifests":[]})"},
      {FileKind::docker_inspect, R"([{"Id":"sha256:00","RepoTags":["a:1"],"RootFS":{"Layers":[]}}])"},
      {FileKind::json, R"({"a":1})"},
      {FileKind::text, "Dear all,\nsee the file beside this one.\n"},
      {FileKind::squashfs_old, squashfs(3, 1)},
      {FileKind::squashfs_big_endian, squashfs(4, 1, "sqsh")},
      {FileKind::squashfs_codec, squashfs(4, 3)},
      {FileKind::singularity2, std::string(sif::kLaunchScript) + ext(4, 2, 1)},
      {FileKind::ext2, ext(0, 2, 1)},
      {FileKind::ext3, ext(4, 2, 1)},
      {FileKind::ext4, ext(4, 2 | 0x40, 1)},
      {FileKind::iso9660, at(0x8000, "\1CD001\1")},
      {FileKind::udf, at(0x8000, "\0BEA01\1"s)},
      {FileKind::xfs, at(0, "XFSB")},
      {FileKind::btrfs, at(0x10040, "_BHRfS_M")},
      {FileKind::erofs, at(1024, "\xe2\xe1\xf5\xe0")},
      {FileKind::cramfs, at(0, "\x45\x3d\xcd\x28")},
      {FileKind::romfs, at(0, "-rom1fs-")},
      {FileKind::f2fs, at(1024, "\x10\x20\xf5\xf2")},
      {FileKind::jfs, at(0x8000, "JFS1")},
      {FileKind::reiserfs, at(0x10034, "ReIsEr2Fs")},
      {FileKind::ntfs, at(3, "NTFS    ")},
      {FileKind::exfat, at(3, "EXFAT   ")},
      {FileKind::fat, at(54, "FAT16   ") .replace(510, 2, "\x55\xaa")},
      {FileKind::hfs, at(1024, "H+\0\4"s)},
      {FileKind::apfs, at(32, "NXSB")},
      {FileKind::swap, at(4086, "SWAPSPACE2")},
      {FileKind::luks, at(0, "LUKS\xba\xbe")},
      {FileKind::lvm, at(512, "LABELONE")},
      {FileKind::qcow, at(0, "QFI\xfb")},
      {FileKind::vmdk, at(0, "KDMV")},
      {FileKind::vdi, at(0, "<<< Oracle VM VirtualBox Disk Image >>>\n").replace(0x40, 4, "\x7f\x10\xda\xbe")},
      {FileKind::vhd, at(0, "conectix")},
      {FileKind::gpt, mbr().replace(512, 8, "EFI PART")},
      {FileKind::mbr, mbr()},
      {FileKind::zip, at(0, "PK\3\4", 5000)},
      {FileKind::seven_zip, at(0, "7z\xbc\xaf\x27\x1c", 5000)},
      {FileKind::rar, at(0, "Rar!\x1a\7\1", 5000)},
      {FileKind::cpio, at(0, "070701", 5000)},
      {FileKind::deb, "!<arch>\ndebian-binary   0 0 0 100644 4 `\n2.0\n"},
      {FileKind::ar, "!<arch>\nx.o/ 0 0 0 100644 4 `\n1234"},
      {FileKind::rpm, at(0, "\xed\xab\xee\xdb\3", 5000)},
      {FileKind::cab, at(0, "MSCF\0\0\0\0\1"s, 5000)},
      {FileKind::wim, at(0, "MSWIM\0\0\0"s, 5000)},
      {FileKind::xar, at(0, "xar!", 5000)},
      {FileKind::compress, "\x1f\x9d\x90" + std::string(3000, '\x83')},
      {FileKind::lzip, "LZIP\1\x0c" + std::string(3000, '\x83')},
      {FileKind::lzma, "\x5d" + le32(1u << 23) + std::string(8, '\xff') + std::string(3000, '\x83')},
      {FileKind::lz4, "\x04\x22\x4d\x18" + std::string(3000, '\x83')},
      {FileKind::lzop, "\x89LZO\0\r\n\x1a\n"s + std::string(3000, '\x83')},
      {FileKind::lrzip, "LRZI\0\6"s + std::string(3000, '\x83')},
      {FileKind::snappy, "\xff\6\0\0sNaPpY"s + std::string(3000, '\x83')},
      {FileKind::zlib, "\x78\x9c" + std::string(3000, '\x83')},
      {FileKind::appimage, at(0, "\x7f" "ELF\2\1\1\0AI\2"s, 5000)},
      {FileKind::elf, at(0, "\x7f" "ELF\2\1\1", 5000)},
      {FileKind::windows_program, windows_program()},
      {FileKind::mach_o, at(0, "\xcf\xfa\xed\xfe", 5000)},
      {FileKind::wasm, at(0, "\0asm\1"s, 5000)},
      {FileKind::pdf, "%PDF-1.7\n\x81\x82\x83" + std::string(3000, '\x83')},
      {FileKind::pgp, "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"},
  };
  return all;
}

const std::set<FileKind> kRead{FileKind::tar, FileKind::gzip, FileKind::zstd, FileKind::xz, FileKind::bzip2, FileKind::sif, FileKind::squashfs};

std::string hint_line(std::string_view hint) { return "\n  hint: " + std::string(hint) + "\n"; }

std::string hex(char c) { return std::string(64, c); }

/// Of a kind by what is in it.
struct Contents {
  Members members;
  std::string inner;  ///< what the hint names
};

const std::map<ContentsKind, std::vector<Contents>>& contents() {
  TestImage image = small_image();
  image.architecture = oci::Platform::host().architecture;
  const Members docker = docker_24(image);
  Members cut = docker;
  std::erase_if(cut, [](const Member& member) { return member.name == "manifest.json" || member.name == "repositories"; });
  Members cut_layout = oci_layout(image);
  std::erase_if(cut_layout, [](const Member& member) { return member.name == "index.json"; });
  Members blobs_only = cut_layout;
  std::erase_if(blobs_only, [](const Member& member) { return member.name == "oci-layout"; });
  Members root{{"./bin", "", '5'}, {"./bin/tool", "x"}, {"./etc", "", '5'}, {"./etc/passwd", "root:x:0:0::/:\n"}};
  Members root_with_manifest = root;
  root_with_manifest.insert(root_with_manifest.begin(), {"manifest.json", R"({"name":"a web application"})"});
  Members mixed = docker;
  mixed.push_back({"usr", "", '5'});
  mixed.push_back({"usr/x", "y"});
  Members wrapped_root;
  for (auto member : root) {
    member.name = "rootfs/" + member.name.substr(2);
    wrapped_root.push_back(member);
  }
  Members deep;
  for (auto member : docker) {
    member.name = "a/b/" + member.name;
    deep.push_back(member);
  }
  Members beside = wrapped_root;
  beside.push_back({"config.json", R"({"ociVersion":"1.0.2","root":{"path":"rootfs"}})"});
  Members two_images = docker_24(image, '\0', "a/");
  for (const auto& member : docker_24(image, '\0', "b/")) two_images.push_back(member);
  static const std::map<ContentsKind, std::vector<Contents>> all{
      {ContentsKind::docker_archive, {{docker, ""}, {podman_save(image), ""}, {crane_save(image), ""}, {docker_25(image), ""}}},
      {ContentsKind::oci_layout, {{oci_layout(image), ""}}},
      {ContentsKind::skopeo_dir, {{oci_layout(image, {.flat = true}), ""}}},
      {ContentsKind::rootfs, {{root, ""}, {root_with_manifest, ""}}},
      {ContentsKind::old_docker,
       {{{{hex('a') + "/VERSION", "1.0"}, {hex('a') + "/json", "{}"}, {hex('a') + "/layer.tar", image.layers[0]}, {"repositories", "{}"}}, ""}}},
      {ContentsKind::cut, {{cut, ""}, {cut_layout, ""}, {{{"index.json", R"({"schemaVersion":2,"manifests":[]})"}}, ""}, {blobs_only, ""}, {{{hex('b') + ".tar", image.layers[0]}}, ""}}},
      {ContentsKind::wrapped, {{docker_24(image, '\0', "image/"), "image"}, {wrapped_root, "rootfs"}, {deep, "a/b"}}},
      {ContentsKind::beside, {{beside, "rootfs"}, {two_images, "a"}}},
      {ContentsKind::packed, {{{{"app.tar", as_tar(docker)}}, "app.tar"}, {{{"sub/app.tar.gz", through("gzip -c", as_tar(docker))}, {"._x", "y"}}, "sub/app.tar.gz"},
                              {{{"app.tar", as_tar(docker)}, {"app.tar.sha256", "00  app.tar\n"}}, "app.tar"}, {{{"disk.img", ext(4, 2, 1)}}, "disk.img"}}},
      {ContentsKind::mixed, {{mixed, ""}}},
      {ContentsKind::other, {{{{"manifest.json", R"({"name":"page"})"}, {"index.json", "{}"}, {"index.html", "<html>"}}, ""}, {{{"src/a.c", "int x;"}, {"README", "x"}, {"home/y", "z"}}, ""}}},
      {ContentsKind::nothing, {{{{"var", "", '5'}, {"var/log", "", '5'}}, ""}}},
  };
  return all;
}

}  // namespace

TEST_CASE("every kind of file is told, and the table in the documents says so", "[cli][kinds]") {
  std::map<std::string, Row> rows;
  for (auto& row : table_behind("### By first bytes")) CHECK(rows.emplace(row.cells.at(0), row).second);
  CHECK(rows.size() == file_kinds().size());
  TempDir directory;
  const std::string file = (directory / "x").string();
  const std::string out = (directory / "out.sif").string();
  for (const auto kind : file_kinds()) {
    const auto& words = words_of(kind);
    INFO(words.name);
    const auto row = rows.find(std::string(words.name));
    REQUIRE(row != rows.end());
    CHECK(!row->second.cells.at(1).empty());
    if (kRead.contains(kind)) {
      CHECK(row->second.cells.at(2) == "read");
      continue;
    }
    CHECK(row->second.cells.at(2) == (words.hint.empty() ? "refused" : "refused: " + std::string(words.hint)));
    const std::string& bytes = examples().at(kind);
    write_file(file, bytes);
    const std::string is = " is " + std::string(words.name);
    const auto refused = [&](const CliResult& result, const std::string& said) {
      CHECK(result.code == exit_code(words.error));
      CHECK_THAT(result.err, ContainsSubstring(said));
      if (!words.hint.empty()) CHECK_THAT(result.err, ContainsSubstring(hint_line(words.hint)));
      CHECK(!std::filesystem::exists(out));
    };
    refused(run_cli({"build", out, file}), in_quotes(file) + is);
    refused(from_redirect(file, {"build", out, "-"}), "standard input" + is);
    refused(from_pipe(bytes, {"build", out, "-"}), "standard input" + is);
    for (const char* transport : {"docker-archive:", "oci-archive:", "oci:", "tar:", "sif:", "squashfs:"}) {
      INFO(transport);
      const auto result = run_cli({"build", out, transport + file});
      CHECK(result.code == exit_code(words.error));
      CHECK_THAT(result.err, ContainsSubstring(in_quotes(file) + is));
    }
    refused(run_cli({"images", file}), in_quotes(file) + is);
    refused(run_cli({"inspect", file}), in_quotes(file) + is);
    refused(run_cli({"ls", file}), in_quotes(file) + is);
    refused(run_cli({"cat", file, "/x"}), in_quotes(file) + is);
    for (const auto& verb : std::vector<std::vector<std::string>>{
             {"sif", "list", file}, {"sif", "header", file}, {"sif", "del", "1", file}, {"verify", file}})
      refused(run_cli(verb), "error: " + in_quotes(file) + is);
    write_file(file + ".gz", through("gzip -c", bytes));
    refused(run_cli({"build", out, file + ".gz"}), kind == FileKind::empty
                                                       ? in_quotes(file + ".gz") + " is gzip data with nothing in it"
                                                       : "what is in " + in_quotes(file + ".gz") + " (gzip)" + is);
  }
}

TEST_CASE("every kind of archive and directory is told, and the table in the documents says so", "[cli][kinds]") {
  std::map<std::string, Row> rows;
  for (auto& row : table_behind("### By names")) CHECK(rows.emplace(row.cells.at(0), row).second);
  CHECK(rows.size() == oci::contents_kinds().size());
  TempDir directory;
  const std::string file = (directory / "x").string();
  const std::string out = (directory / "out.sif").string();
  for (const auto kind : oci::contents_kinds()) {
    const auto& words = oci::words_of(kind, false);
    const auto& of_directory = oci::words_of(kind, true);
    INFO(words.name);
    const auto row = rows.find(std::string(words.name));
    REQUIRE(row != rows.end());
    CHECK(row->second.cells.at(1) == of_directory.name);
    CHECK(!row->second.cells.at(2).empty());
    const bool read = kind <= ContentsKind::rootfs;
    CHECK(row->second.cells.at(3) == (read ? "read" : "refused: " + std::string(words.hint)));
    for (const auto& example : contents().at(kind)) {
      INFO(example.members[0].name);
      const auto check = [&](const CliResult& result, const KindWords& expected, bool unpacked) {
        if (read) {
          CHECK(result.code == 0);
          CHECK_THAT(run_cli({"ls", out, "/bin"}).out, ContainsSubstring("tool"));
          std::filesystem::remove(out);
          return;
        }
        CHECK(result.code == exit_code(expected.error));
        CHECK_THAT(result.err, ContainsSubstring(" is " + std::string(expected.name)));
        oci::ContentsVerdict verdict{kind, "", example.inner};
        CHECK_THAT(result.err, ContainsSubstring(hint_line(verdict.hint(unpacked))));
        CHECK(!std::filesystem::exists(out));
      };
      // Short, and with more in front of what tells than is looked at before a stream is read.
      for (const std::size_t before : {std::size_t{0}, std::size_t{3} << 20}) {
        Members members = example.members;
        if (before != 0) {
          if (kind == ContentsKind::packed || kind == ContentsKind::wrapped || kind == ContentsKind::nothing) continue;
          members.insert(members.begin(), {"data", std::string(before, 'd')});
        }
        const std::string bytes = as_tar(members);
        write_file(file, bytes);
        check(run_cli({"build", "-q", out, file}), words, false);
        check(from_redirect(file, {"build", "-q", out, "-"}), words, false);
        check(from_pipe(bytes, {"build", "-q", out, "-"}), words, false);
        const std::string packed = through("gzip -1 -c", bytes);
        write_file(file + ".gz", packed);
        check(run_cli({"build", "-q", out, file + ".gz"}), words, false);
        check(from_pipe(packed, {"build", "-q", out, "-"}), words, false);
      }
      if (std::any_of(example.members.begin(), example.members.end(), [](const Member& member) { return !member.link.empty(); })) continue;
      for (const auto& member : example.members) {
        if (member.type == '5') std::filesystem::create_directories(directory / "d" / member.name);
      }
      as_directory(example.members, directory / "d");
      check(run_cli({"build", "-q", out, (directory / "d").string()}), of_directory, true);
      std::filesystem::remove_all(directory / "d");
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
//
// Layers as streams: what a tar archive and its compression may look like, and what becomes of each.
#include "support/layer_cases.h"
#include "support/stream_builder.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

using Pax = std::vector<std::pair<std::string, std::string>>;

const std::string kZeros(512, '\0');

std::string one_file() { return TarBuilder().file("a", "1").bytes(); }

std::string octal(std::uint64_t value) { return fmt::format("{:011o}", value); }

/// A sparse file of GNU's old format: the map's fields, then the stored bytes.
std::string gnu_sparse(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& map, std::uint64_t size, const std::string& stored,
                       const std::string& more_map = {}) {
  TarEntry entry{.name = "s", .type = 'S', .data = more_map + stored, .fields = {{257, std::string(kGnuMagic)}, {124, octal(stored.size())}, {483, size < 1u << 30 ? octal(size) : base256(static_cast<std::int64_t>(size), 12)}}};
  // GNU keeps the map where ustar has the rest of its prefix.
  for (std::size_t i = 0; i < map.size() && i < 4; ++i) {
    entry.fields.emplace_back(386 + i * 24, octal(map[i].first) + '\0');
    entry.fields.emplace_back(398 + i * 24, octal(map[i].second) + '\0');
  }
  if (!more_map.empty()) entry.fields.emplace_back(482, "\1");
  return TarBuilder().add(entry).file("z", "after").bytes();
}

std::string pax_sparse(const Pax& records, const std::string& data) {
  return TarBuilder().add({.name = "s", .data = data, .pax = records}).file("z", "after").bytes();
}

std::string map_block(std::string text) {
  text.resize((text.size() + 511) / 512 * 512);
  return text;
}

}  // namespace

TEST_CASE("the stream of a tar archive: every case", "[layers][cases][tar]") {
  const std::string whole = TarBuilder().file("a", std::string(700, 'x')).without_end();
  const auto header = [](std::size_t at, const std::string& bytes) { return TarBuilder().add({.name = "a", .data = "1", .fields = {{at, bytes}}}).bytes(); };
  const auto pax = [](const std::string& text) { return TarBuilder().extension('x', text).file("a", "1").bytes(); };
  std::string signed_sum = TarBuilder::header({.name = "\xff\xfe", .data = "1"});
  {
    int sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : static_cast<signed char>(signed_sum[i]);
    std::memcpy(signed_sum.data() + 148, fmt::format("{:06o}\0 ", sum).data(), 7);
  }
  const std::string inner = TarBuilder().file("hidden", std::string(512, 'h')).without_end();
  std::string bad_sum = one_file();
  bad_sum[0] = 'b';
  check({
      {"st01", "nothing at all", {""}, ""},
      {"st02", "two blocks of zeros", {kZeros + kZeros}, ""},
      {"st03", "no blocks of zeros at the end", {TarBuilder().file("a", "1").without_end()}, "a:1"},
      {"st04", "one block of zeros at the end", {TarBuilder().file("a", "1").without_end() + kZeros}, "a:1"},
      {"st05", "one block of zeros inside", {TarBuilder().file("a", "1").raw(kZeros).file("b", "2").bytes()}, "!malformed a single block of zeros inside the archive"},
      {"st06", "two archives, one after the other", {one_file() + TarBuilder().file("b", "2").bytes()}, "a:1", {"tar-end"}},
      {"st07", "zeros after the end", {one_file() + std::string(20000, '\0')}, "a:1"},
      {"st07b", "text after the end", {one_file() + "trailing"}, "a:1", {"tar-end"}},
      {"st08", "cut inside a header", {whole.substr(0, 300)}, "!malformed ends inside a header (300 of 512 bytes)"},
      {"st09", "cut inside data", {whole.substr(0, 1000)}, "!malformed the archive ends"},
      {"st10", "cut in the padding", {whole.substr(0, 512 + 700)}, printable("a:" + std::string(700, 'x'), 400), {"tar-end"}},
      {"st11", "wrong checksum", {bad_sum}, "!malformed this is no tar archive"},
      {"st11b", "wrong checksum of the second header", {TarBuilder().file("a", "1").raw(bad_sum).bytes()}, "!malformed tar offset 1024: expected a header, its checksum does not match"},
      {"st12", "checksum of signed bytes", {signed_sum + map_block("1") + kZeros + kZeros}, "\\xff\\xfe:1"},
      {"st13", "size in base-256", {header(124, base256(1, 12))}, "a:1"},
      {"st14", "negative size in base-256", {header(124, base256(-1, 12))}, "!malformed size is negative (-1)"},
      {"st14b", "negative size by PAX", {pax(TarBuilder::record("size", "-1"))}, "!malformed PAX size -1 is negative"},
      {"st15", "size over 64 bits", {header(124, "\xc0" + std::string(11, '\0'))}, "!malformed size does not fit 64 bits"},
      {"st15b", "size over any file's", {header(124, base256(std::int64_t{1} << 60, 12))}, "!limit the limit for a file is"},
      {"st16", "PAX size larger than the header's", {TarBuilder().extension('x', TarBuilder::record("size", "1024")).add({.name = "a", .data = inner, .fields = {{124, octal(0)}}}).file("tail", "t").bytes()}, printable("a:" + inner, 400) + "; tail:t"},
      {"st17", "PAX size smaller than the header's", {TarBuilder().extension('x', TarBuilder::record("size", "1")).raw(TarBuilder::header({.name = "a", .data = std::string(512, 'x')})).raw(map_block("1")).file("tail", "t").bytes()}, "a:1; tail:t"},
      {"st18", "PAX record cut", {pax("20 path=abc")}, "!malformed PAX extension: broken record at byte 0"},
      {"st18b", "second PAX record cut", {pax(TarBuilder::record("path", "b") + "30 mtime=1")}, "!malformed PAX extension: broken record at byte 9"},
      {"st19", "PAX record without a line feed", {pax("10 path=abcd")}, "!malformed broken record"},
      {"st20", "PAX record of length 0", {pax("0 path=a\n")}, "!malformed broken record"},
      {"st20b", "PAX record with leading zeros", {pax("010 path=a\n")}, "!malformed broken record"},
      {"st20c", "PAX record with a sign", {pax("+9 path=a\n")}, "!malformed broken record"},
      {"st20d", "PAX record with a length of many digits", {pax("99999999999999999999 path=a\n")}, "!malformed broken record"},
      {"st20e", "PAX record without '='", {pax("8 pathx\n")}, "!malformed broken record"},
      {"st20f", "PAX record without a key", {pax("6 =abc\n"  )}, "!malformed broken record"},
      {"st20g", "empty PAX extension", {pax("")}, "a:1"},
      {"st20h", "PAX records that say nothing", {pax(TarBuilder::record("path", "") + TarBuilder::record("size", "") + TarBuilder::record("mtime", ""))}, "a:1"},
      {"st21", "an extension with nothing after it", {TarBuilder().file("a", "1").extension('x', TarBuilder::record("path", "b")).bytes()}, "!malformed the archive ends after an extension header"},
      {"st21b", "a GNU name with nothing after it", {TarBuilder().gnu_text('L', "b").without_end()}, "!malformed the archive ends after an extension header"},
      {"st21c", "a global extension between an extension and its member", {TarBuilder().extension('x', TarBuilder::record("path", "b")).extension('g', TarBuilder::record("path", "c")).file("a", "1").bytes()}, "!malformed a global PAX header between"},
      {"st21d", "two extensions for one member: the second counts", {TarBuilder().extension('x', TarBuilder::record("path", "b")).extension('x', TarBuilder::record("mtime", "5")).file("a", "1").bytes()}, "a:1 @5"},
      {"st22", "no magic, bytes where ustar has its prefix", {TarBuilder().add({.name = "a", .data = "1", .fields = {{257, std::string(8, '\0')}, {345, "prefix"}}}).bytes()}, "a:1"},
      {"st23", "star's archives keep times behind a short prefix", {TarBuilder().add({.name = "a", .data = "1", .fields = {{345, "p"}, {476, octal(5)}, {508, std::string("tar\0", 4)}}}).bytes()}, "p/ @7; p/a:1"},
      {"st24", "numbers padded with spaces", {TarBuilder().add({.name = "a", .data = "1", .fields = {{100, "   644 "}, {108, "    17 "}, {116, std::string("21\0    ", 7)}, {124, "         1 "}, {136, "          7"}}}).bytes()}, "a:1 15:17 @7"},
      {"st24b", "empty number fields are 0", {TarBuilder().add({.name = "a", .fields = {{100, std::string(8, '\0')}, {108, "        "}, {136, std::string(12, '\0')}}}).bytes()}, "a: 0"},
      {"st24c", "a number field with other characters", {header(108, "00x0000")}, "!malformed uid: expected an octal number, found '00x0000'"},
      {"st24d", "a number field with a sign", {header(136, "-0000000005")}, "!malformed : expected an octal number, found '-0000000005'"},
      {"st25", "names of Go's old writer: GNU's magic with ustar's prefix", {TarBuilder().add({.name = "x.3pm", .data = "1", .fields = {{108, base256(3000000, 8)}, {257, std::string(kGnuMagic)}, {345, "root/made/1.2"}}}).bytes()}, "root/ @7; root/made/ @7; root/made/1.2/ @7; root/made/1.2/x.3pm:1 3000000:0"},
      {"st25b", "GNU's times where ustar has its prefix", {TarBuilder().add({.name = "a", .data = "1", .fields = {{257, std::string(kGnuMagic)}, {345, octal(5)}, {357, octal(6)}}}).bytes()}, "a:1"},
      {"st26", "an extension larger than its limit", {pax(TarBuilder::record("comment", std::string(2u << 20, 'x')))}, "!limit a PAX extension of 2097"},
      {"st26b", "a GNU name larger than its limit", {TarBuilder().gnu_text('L', std::string(2u << 20, 'x')).file("a", "1").bytes()}, "!limit a GNU long name of 2097"},
      {"st27", "not a tar archive", {std::string(2000, 'x')}, "!malformed this is no tar archive"},
  });
}

TEST_CASE("types of entries: every case", "[layers][cases][tar]") {
  const auto of_type = [](char type, const std::string& data = "") { return TarBuilder().add({.name = "f", .type = type, .data = data}).file("a", "1").bytes(); };
  check({
      {"ty01", "unknown", {of_type('Z')}, "!unsupported 'f': expected an entry of type 0 to 7 or S, found type 'Z'"},
      {"ty02", "unknown with data", {of_type('Z', "data")}, "!unsupported found type 'Z'"},
      {"ty03", "multi-volume", {of_type('M')}, "!unsupported found type 'M'"},
      {"ty04", "GNU's list of a directory", {of_type('D', "Yf")}, "!unsupported found type 'D'"},
      {"ty05", "contiguous", {of_type('7', "c")}, "a:1; f:c"},
      {"ty06", "regular of old", {of_type('\0', "o")}, "a:1; f:o"},
      {"ty07", "volume label", {of_type('V')}, "!unsupported found type 'V'"},
      {"ty08", "socket", {of_type('s')}, "!unsupported found type 's'"},
      {"ty09", "a type that is no letter", {of_type('\x1b')}, "!unsupported found type '\\x1b'"},
      {"ty09b", "Solaris's extended header", {of_type('X', TarBuilder::record("path", "b"))}, "!unsupported found type 'X'"},
      {"ty10", "FIFO with data", {of_type('6', std::string(600, 'x'))}, "!malformed after an entry that cannot have data"},
      {"ty10b", "directory with data", {of_type('5', std::string(600, 'x'))}, "!malformed after an entry that cannot have data"},
      {"ty10c", "device with data", {of_type('3', std::string(600, 'x'))}, "!malformed after an entry that cannot have data"},
      {"ty11", "FIFO whose header states a size and that has no data", {TarBuilder().add({.name = "f", .type = '6', .fields = {{124, octal(600)}}}).file("a", "1").bytes()}, "a:1; f |"},
  });
}

TEST_CASE("sparse files: every case", "[layers][cases][sparse]") {
  const std::string zeros2(2, '\0');
  const auto shown = [](const std::string& bytes) { return printable("s:" + bytes, 400) + "; z:after"; };
  const Pax major{{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "s"}};
  const auto version1 = [&](const std::string& size, const std::string& data) {
    Pax records = major;
    records.emplace_back("GNU.sparse.realsize", size);
    return pax_sparse(records, data);
  };
  std::string extended(512, '\0');
  for (std::size_t i = 0; i < 2; ++i) {
    std::memcpy(extended.data() + i * 24, octal(10 + i * 2).data(), 11);
    std::memcpy(extended.data() + i * 24 + 12, octal(1).data(), 11);
  }
  check({
      {"sp01", "GNU's old format", {gnu_sparse({{2, 3}, {7, 1}}, 10, "abcd")}, shown(zeros2 + "abc" + zeros2 + "d" + zeros2), {"tar-sparse"}},
      {"sp01b", "GNU's old format with a longer map", {gnu_sparse({{0, 1}, {2, 1}, {4, 1}, {6, 1}}, 14, "abcdef", extended)}, shown(std::string("a\0b\0c\0d\0\0\0e\0f\0", 14)), {"tar-sparse"}},
      {"sp02", "GNU's old format, a hole alone", {gnu_sparse({{16, 0}}, 16, "")}, shown(std::string(16, '\0')), {"tar-sparse"}},
      {"sp03", "GNU's old format, segments that overlap", {gnu_sparse({{0, 3}, {2, 1}}, 10, "abcd")}, "!malformed sparse segment at 2 of 1 bytes overlaps another"},
      {"sp04", "GNU's old format, a segment beyond the file's end", {gnu_sparse({{8, 4}}, 10, "abcd")}, "!malformed ends past the file's 10 bytes"},
      {"sp04b", "GNU's old format, less in segments than there is", {gnu_sparse({{0, 0}}, 10, "abcd")}, "!malformed sparse segments hold 0 bytes, the archive stores 4"},
      {"sp05", "PAX 0.0", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.numblocks", "2"}, {"GNU.sparse.offset", "1"}, {"GNU.sparse.numbytes", "2"}, {"GNU.sparse.offset", "4"}, {"GNU.sparse.numbytes", "1"}}, "abc")}, shown(std::string("\0ab\0c\0", 6))},
      {"sp06", "PAX 0.1", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.numblocks", "2"}, {"GNU.sparse.map", "1,2,4,1"}, {"GNU.sparse.name", "s"}}, "abc")}, shown(std::string("\0ab\0c\0", 6))},
      {"sp07", "PAX 1.0", {version1("6", map_block("2\n1\n2\n4\n1\n") + "abc")}, shown(std::string("\0ab\0c\0", 6))},
      {"sp07b", "PAX 1.0 without segments", {version1("4", map_block("0\n"))}, shown(std::string(4, '\0'))},
      {"sp08", "PAX 1.0, a count that no memory holds", {version1("6", map_block("99999999999\n"))}, "!limit 99999999999 sparse segments, the limit is 1048576"},
      {"sp08b", "PAX 1.0, more segments stated than there are", {version1("6", map_block("1000\n1\n2\n") + "abc")}, "!malformed sparse map: a line that is no number"},
      {"sp08c", "PAX 1.0, a line without an end", {version1("6", std::string(512, '1') + "abc")}, "!malformed sparse map: a line that is no number"},
      {"sp08d", "PAX 1.0, no number", {version1("6", map_block("two\n") + "abc")}, "!malformed sparse map: expected a decimal number, found 'two'"},
      {"sp08e", "PAX 1.0, a negative offset", {version1("6", map_block("1\n-1\n3\n") + "abc")}, "!malformed sparse map: expected a decimal number, found '-1'"},
      {"sp08f", "PAX 1.0, the map is cut", {version1("6", map_block("1\n1\n3\n").substr(0, 100))}, "!malformed sparse map: longer than the member"},
      {"sp09", "PAX 0.1, segments out of order", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.map", "4,1,1,2"}}, "abc")}, "!malformed overlaps another"},
      {"sp09b", "PAX 0.0, two offsets in a row", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.offset", "1"}, {"GNU.sparse.offset", "2"}}, "abc")}, "!malformed broken record"},
      {"sp09c", "PAX 0.1, the number of segments is another", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.numblocks", "3"}, {"GNU.sparse.map", "1,2,4,1"}}, "abc")}, "!malformed the number of segments is not the stated one"},
      {"sp09d", "PAX 0.1, less data than segments", {pax_sparse({{"GNU.sparse.size", "6"}, {"GNU.sparse.map", "1,2,4,1"}}, "ab")}, "!malformed sparse segments hold 3 bytes, the archive stores 2"},
      {"sp09e", "PAX 0.1, a segment whose end is no 64-bit number", {pax_sparse({{"GNU.sparse.size", "9"}, {"GNU.sparse.map", "1,9223372036854775807"}}, "abc")}, "!malformed ends past the file's 9 bytes"},
      {"sp09f", "PAX 0.1 without a size", {pax_sparse({{"GNU.sparse.map", "0,3"}}, "abc")}, "!malformed a sparse file without its real size"},
      {"sp09g", "PAX 0.1 on a link", {TarBuilder().add({.name = "s", .type = '2', .link = "t", .pax = {{"GNU.sparse.size", "3"}, {"GNU.sparse.map", "0,3"}}}).bytes()}, "!malformed a sparse map on no regular file"},
      {"sp10", "GNU's old format, a hole of an exbibyte", {gnu_sparse({}, std::uint64_t{1} << 60, "")}, "!limit 1152921504606846976 bytes, the limit for a file is"},
      {"sp11", "PAX 0.1, larger than any file may be", {pax_sparse({{"GNU.sparse.size", "1152921504606846976"}, {"GNU.sparse.map", "0,3"}}, "abc")}, "!limit 1152921504606846976 bytes, the limit for a file is"},
  });
}

TEST_CASE("compressed layers: every case", "[layers][cases][compression]") {
  const std::string tar = TarBuilder().file("a", std::string(300, 'x') + "end").bytes();
  const std::string good = "a:" + std::string(300, 'x') + "end";
  const auto gzip = [&](GzipMember member) {
    member.text = tar;
    return member.bytes();
  };
  const auto changed = [](std::string bytes, std::size_t from_end, char flip = 1) {
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ flip);
    return bytes;
  };
  const std::string whole = gzip({});
  const std::string extras = little_endian(4, 2) + "EXTR" + std::string("name\0comment\0", 13);
  const std::string crc16 = little_endian(crc32(std::string("\x1f\x8b\x08\x1e\0\0\0\0\0\3", 10) + extras) & 0xffff, 2);
  // Fixed Huffman codes: the literal 'x' and a match of 3 bytes; the distance is that of the code 00001, which is 2.
  const std::string too_far("\xab\x00\x22\x00", 4);
  std::string many;
  for (int i = 0; i < 20000; ++i) many += GzipMember{}.bytes();
  const std::string zstd = zstd_frame(tar);
  const std::string checked = through("zstd -q -c", tar);
  std::vector<LayerCase> cases{
      {"lc01", "gzip", {whole}, good},
      {"lc01b", "gzip by a program", {through("gzip -9 -c", tar)}, good},
      {"lc02", "gzip, wrong CRC-32", {gzip({.crc_xor = 1})}, "!integrity checksum or length at the end of a member does not match its data"},
      {"lc03", "gzip, wrong length", {gzip({.size_xor = 1})}, "!integrity checksum or length at the end of a member does not match its data"},
      {"lc04", "gzip, zeros after it", {whole + std::string(5000, '\0')}, good},
      {"lc05", "gzip, text after it", {whole + "text"}, "!malformed bytes after the last member that are not zeros"},
      {"lc05b", "gzip, a member after zeros", {whole + std::string(8, '\0') + whole}, "!malformed bytes after the last member that are not zeros"},
      {"lc06", "gzip, two members", {GzipMember{.text = tar.substr(0, 1000)}.bytes() + GzipMember{.text = tar.substr(1000)}.bytes()}, good},
      {"lc07", "gzip, twenty thousand empty members", {many + whole}, good},
      {"lc08", "gzip, every optional field", {gzip({.flags = 0x1e, .extras = extras + crc16})}, good},
      {"lc09", "gzip, wrong checksum of the header", {gzip({.flags = 0x1e, .extras = extras + "xx"})}, "!integrity checksum of a member header does not match"},
      {"lc10", "gzip, another method", {gzip({.method = 7})}, "!unsupported compression method 7, expected 8"},
      {"lc11", "gzip, reserved flags", {gzip({.flags = 0x20})}, "!malformed reserved flags 0x20 are set"},
      {"lc12", "gzip, a distance that reaches before the start", {gzip({.deflate = too_far})}, "!malformed invalid deflate data"},
      {"lc12b", "gzip, a distance that reaches into the member before", {GzipMember{.text = "text of the first"}.bytes() + gzip({.deflate = too_far})}, "!malformed invalid deflate data"},
      {"lc13", "gzip, a block type that is none", {gzip({.deflate = "\x07"})}, "!malformed invalid deflate data"},
      {"lc14", "gzip, cut in the trailer", {whole.substr(0, whole.size() - 3)}, "!malformed ends inside a member"},
      {"lc14b", "gzip, cut in the header", {whole.substr(0, 7)}, "!malformed ends inside a member header"},
      {"lc14c", "gzip, a name without an end", {std::string("\x1f\x8b\x08\x08\0\0\0\0\0\3", 10) + std::string(300000, 'n')}, "!malformed ends inside a member header"},
      {"lc20", "zstd", {zstd}, good},
      {"lc20b", "zstd by a program", {checked}, good},
      {"lc21", "zstd, wrong checksum", {changed(checked, 1)}, "!integrity the checksum of a frame does not match its data"},
      {"lc22", "zstd, skippable frames around it", {zstd_skippable("first") + zstd + zstd_skippable("", 15)}, good},
      {"lc23", "zstd, two frames", {zstd_frame(tar.substr(0, 1000)) + zstd_frame(tar.substr(1000))}, good},
      {"lc24", "zstd, a window over the limit", {zstd_frame(tar, 0, (30 - 10) << 3)}, "!limit a frame needs a window larger than the limit of 134217728 bytes"},
      {"lc25", "zstd, a dictionary", {zstd_frame(tar, 12345)}, "!unsupported a frame needs a dictionary"},
      {"lc26", "zstd, cut", {zstd.substr(0, zstd.size() - 5)}, "!malformed ends inside a frame"},
      {"lc27", "zstd, text after it", {zstd + "text"}, "!malformed bytes after the last frame that are no frame"},
      {"lc28", "zstd, skippable frames alone", {zstd_skippable("only")}, ""},
      {"lc28b", "zstd, a skippable frame that is longer than the layer", {little_endian(0x184d2a51u, 4) + little_endian(1000, 4) + "x"}, "!malformed ends inside a frame"},
      {"lc30", "xz", {through("xz -c", tar)}, good},
      {"lc30b", "xz, two streams with padding between", {through("xz -c", tar.substr(0, 1000)) + std::string(8, '\0') + through("xz -c", tar.substr(1000))}, good},
      {"lc30c", "xz, its check is wrong", {changed(through("xz -c", tar), 40)}, "!malformed damaged data"},
      {"lc30d", "xz, a dictionary over the limit", {through("xz -c --lzma2=dict=512MiB", tar)}, "!limit needs a dictionary larger than the limit of 134217728 bytes"},
      {"lc30e", "xz, cut", {through("xz -c", tar).substr(0, 100)}, "!malformed ends inside a stream"},
      {"lc31", "bzip2", {through("bzip2 -c", tar)}, good},
      {"lc31b", "bzip2, two streams", {through("bzip2 -c", tar.substr(0, 1000)) + through("bzip2 -c", tar.substr(1000))}, good},
      {"lc31c", "bzip2, its check is wrong", {changed(through("bzip2 -c", tar), 2)}, "!malformed damaged data"},
      {"lc32", "gzip inside gzip", {GzipMember{.text = whole}.bytes()}, "!malformed this is no tar archive but gzip data"},
      {"lc33", "a zip archive", {"PK\3\4" + std::string(600, '\0')}, "!malformed this is no tar archive but a zip archive"},
      {"lc33d", "lz4, which no layer is compressed by", {"\x04\x22\x4d\x18" + std::string(600, '\x83')}, "!malformed this is no tar archive but lz4 data"},
      {"lc33e", "a page of a server that is shorter than a header", {"<!DOCTYPE html>\n<html>404</html>\n"}, "!malformed this is no tar archive but an HTML page"},
      {"lc33b", "lzma of old", {through("xz --format=lzma -c", tar)}, "!malformed "},
      {"lc34", "one byte", {"\x1f"}, "!malformed ends inside a header (1 of 512 bytes)"},
      {"lc34b", "two bytes of gzip", {"\x1f\x8b"}, "!malformed ends inside a member header"},
      {"lc35", "no bytes", {""}, ""},
      {"lc36", "gzip of nothing", {GzipMember{}.bytes()}, ""},
      {"lc37", "an archive that ends in the first member, data in the second", {gzip({}) + GzipMember{.text = TarBuilder().file("b", "2").bytes()}.bytes()}, good, {"tar-end"}},
      {"lc38", "the last member is damaged after the archive's end", {gzip({}) + GzipMember{.text = "more", .crc_xor = 1}.bytes()}, "!integrity checksum or length"},
  };
  check(cases);
}

TEST_CASE("a layer that grows out of all proportion is stopped", "[layers][hostile]") {
  Limits limits;
  limits.expansion_ratio = 100;
  const std::string bomb = through("gzip -9 -c", TarBuilder().file("f", std::string(100'000'000, 'A')).bytes());
  const auto error = error_of([&] { flatten({bomb}, {}, limits); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(std::string(error->what()), ContainsSubstring("expand to") && ContainsSubstring("the limit is 100 times as much"));
  CHECK_THAT(error->hint().text(), ContainsSubstring("raise the limit expansion_ratio"));
  // Zeros are an empty archive; what follows its end is read all the same, for its digest.
  const std::string zeros = through("head -c 100000000 /dev/zero | zstd -q -c", "");
  REQUIRE(100'000'000 / zeros.size() > Limits{}.expansion_ratio);
  CHECK_FALSE(error_of([&] { flatten({zeros}, {}, limits); }));
  limits.stream_bytes = 50'000'000;
  const auto total = error_of([&] { flatten({zeros}, {}, limits); });
  REQUIRE(total);
  CHECK_THAT(std::string(total->what()), ContainsSubstring("more than 50000000 bytes uncompressed"));
  CHECK_THAT(total->hint().text(), ContainsSubstring("raise the limit stream_bytes"));
}

TEST_CASE("a diff_id that is the digest of compressed bytes is wrong", "[layers][hostile]") {
  const std::string tar = one_file();
  const auto read = [](const std::string& bytes) {
    WarningList warnings;
    const auto digest = digest_of(as_bytes(bytes));
    LayerReader reader({.source = std::make_unique<MemorySource>(as_bytes(bytes)), .name = "layer 1 of 1", .digest = digest, .diff_id = digest}, {}, {}, warnings);
    while (reader.next()) {
    }
  };
  CHECK_FALSE(error_of([&] { read(tar); }));
  const auto packed = through("gzip -nc", tar);
  const auto error = error_of([&] { read(packed); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::integrity);
  CHECK_THAT(std::string(error->what()), ContainsSubstring(fmt::format("diff_id: expected {}, found {}", digest_of(as_bytes(packed)).text(), digest_of(as_bytes(tar)).text())));
}

TEST_CASE("a media type that content contradicts is a warning", "[layers]") {
  const std::string tar = one_file();
  const auto warnings_of = [&](const std::string& bytes, const std::string& type) {
    WarningList warnings;
    LayerReader reader({.source = std::make_unique<MemorySource>(as_bytes(bytes)), .name = "layer 1 of 1", .media_type = type}, {}, {}, warnings);
    while (reader.next()) {
    }
    return warnings.count("media-type");
  };
  CHECK(warnings_of(tar, "application/vnd.oci.image.layer.v1.tar") == 0);
  CHECK(warnings_of(tar, "") == 0);
  CHECK(warnings_of(tar, "application/vnd.oci.image.layer.v1.tar+gzip") == 1);
  CHECK(warnings_of(through("xz -c", tar), "application/vnd.oci.image.layer.v1.tar+gzip") == 1);
  CHECK(warnings_of(through("gzip -c", tar), "application/vnd.docker.image.rootfs.diff.tar.gzip") == 0);
  CHECK(warnings_of(through("gzip -c", tar), "application/vnd.oci.image.layer.v1.tar+zstd") == 1);
}

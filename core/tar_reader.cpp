// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/tar_reader.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file_kind.h>

#include "damaged.h"
#include "tar_header.h"
#include "tar_sparse.h"

namespace sifkit {

namespace {

// Where PAX records hold attributes in libarchive's base64, and what follows them.
constexpr std::string_view kLibarchiveXattr = "LIBARCHIVE.xattr.";
constexpr std::string_view kAfterLibarchiveXattr = "LIBARCHIVE.xattr/";

std::uint64_t padding_of(std::uint64_t size) { return (kTarBlock - size % kTarBlock) % kTarBlock; }

/// Extensions that were read before the header they belong to.
struct Extensions {
  std::optional<std::string> gnu_name;
  std::optional<std::string> gnu_link;
  std::optional<PaxRecords> pax;
};

/// What GNU tar's incremental dumps say of each directory: its names, each behind a letter for what became of it (GNU tar
/// manual, "Dumpdir"). A root file system needs none of it, but must not lack files that only an earlier dump holds.
class DumpLists {
 public:
  explicit DumpLists(WarningList& warnings) : warnings_(warnings) {}

  /// Counts names of one list, which comes in pieces.
  struct Count {
    std::uint64_t elsewhere = 0;
    bool at_letter = true;

    void add(std::string_view piece) {
      for (const char c : piece) {
        if (at_letter && c == 'N') ++elsewhere;
        at_letter = c == '\0';
      }
    }
  };

  void add(const std::string& directory, std::string_view list) {
    Count count;
    count.add(list);
    end(directory, count);
  }

  void end(const std::string& directory, const Count& count) {
    if (!std::exchange(said_, true)) warnings_.add("tar-incremental", "an incremental dump by GNU tar: what it says of removed and renamed files is not applied");
    if (count.elsewhere != 0) warnings_.add("tar-incremental", fmt::format("{}: {} of its files are in an earlier dump, not in this one", in_quotes(directory), count.elsewhere));
  }

 private:
  WarningList& warnings_;
  bool said_ = false;
};

std::optional<TarType> type_of(char flag) {
  switch (flag) {
    case '0':
    case '\0':
    case '7':  // contiguous: a regular file to everyone
    case 'S': return TarType::regular;
    case '1': return TarType::hard_link;
    case '2': return TarType::symlink;
    case '3': return TarType::char_device;
    case '4': return TarType::block_device;
    case '5': return TarType::directory;
    case '6': return TarType::fifo;
    default: return std::nullopt;
  }
}

}  // namespace

struct TarReader::Impl {
  Source& source;
  const Limits& limits;
  WarningList& warnings;
  TarTypes types;

  std::uint64_t offset = 0;
  std::uint64_t index = 0;
  std::uint64_t left = 0;     ///< stored bytes of the current member
  std::uint64_t padding = 0;  ///< after them
  bool ended = false;
  bool unmarked = false;  ///< it ended where a header or a block of zeros was due
  bool payload_ignored = false;  ///< the last header announced bytes that its type cannot have
  DumpLists dump_lists{warnings};
  const SparseMaps sparse{limits, [this](TarHeader& block) { return read_block(block); }};

  [[noreturn]] void fail(ErrorKind kind, std::uint64_t at, std::string_view why) const {
    throw Error(kind, fmt::format("tar offset {}: {}", at, why));
  }

  /// What is cut short, or changed by who copied it.
  [[noreturn]] void fail_damaged(std::uint64_t at, std::string_view why) const {
    throw Error(ErrorKind::malformed, fmt::format("tar offset {}: {}", at, why), std::string(kCopyAgain));
  }

  [[noreturn]] static void fail_limit(std::uint64_t at, std::string_view why, std::uint64_t Limits::* limit) {
    throw_over_limit(fmt::format("tar offset {}: {}", at, why), limit);
  }

  /// What begins as something else is not damaged: to copy it again does not help.
  static void refuse_other_kind(ByteView start) {
    const auto kind = sniff_file(start).kind;
    if (kind == FileKind::tar || kind == FileKind::damaged_tar || kind == FileKind::unknown || kind == FileKind::zeros) return;
    throw Error(ErrorKind::malformed, fmt::format("tar offset 0: this is no tar archive but {}", words_of(kind).name));
  }

  std::size_t take(std::span<std::byte> into) {
    const auto got = read_full(source, into);
    offset += got;
    return got;
  }

  /// False at a clean end of the stream.
  bool read_block(TarHeader& header) {
    const auto at = offset;
    const auto got = take(std::as_writable_bytes(std::span(header.block)));
    if (got != 0 && got != kTarBlock) {
      if (at == 0) refuse_other_kind(std::as_bytes(std::span(header.block)).first(got));
      fail_damaged(at, fmt::format("the archive ends inside a header ({} of 512 bytes)", got));
    }
    return got != 0;
  }

  /// Passes over what is left of the current member. False when the archive ends in the padding after it.
  bool finish_member() {
    if (left != 0) {
      const auto skipped = source.skip(left);
      offset += skipped;
      if (skipped != left) {
        fail_damaged(offset, fmt::format("the archive ends {} bytes before the end of a member", left - skipped));
      }
      left = 0;
    }
    if (padding == 0) return true;
    const auto skipped = source.skip(padding);
    offset += skipped;
    const bool whole = skipped == padding;
    padding = 0;
    if (!whole) warnings.add("tar-end", fmt::format("tar offset {}: the archive ends in the padding after a member", offset));
    return whole;
  }

  std::string read_extension(std::uint64_t size, std::string_view what) {
    const auto at = offset;
    if (size > limits.tar_extension_bytes) {
      fail_limit(at, fmt::format("{} of {} bytes, the limit is {}", what, size, limits.tar_extension_bytes), &Limits::tar_extension_bytes);
    }
    std::string text(static_cast<std::size_t>(size + padding_of(size)), '\0');
    const auto got = take(std::as_writable_bytes(std::span(text)));
    if (got < text.size()) fail_damaged(at, fmt::format("the archive ends inside {}", what));
    text.resize(static_cast<std::size_t>(size));
    return text;
  }

  std::string read_gnu_text(std::uint64_t size, std::string_view what) {
    std::string text = read_extension(size, what);
    text.resize(std::min(text.size(), text.find('\0')));
    return text;
  }

  TarMember parse_member(const TarHeader& header, TarType type, const Extensions& extensions, std::uint64_t start) {
    TarMember member;
    member.index = index++;
    member.header_offset = start;
    member.type = type;
    member.name = header.name();
    member.link_name = header.link_name();
    member.mode = static_cast<std::uint32_t>(header.number(100, 8, "mode") & 07777);
    std::int64_t uid = header.number(108, 8, "uid");
    std::int64_t gid = header.number(116, 8, "gid");
    member.stored_size = header.size_number(124, 12, "size");
    member.mtime = header.number(136, 12, "mtime");
    const bool device = type == TarType::char_device || type == TarType::block_device;
    if (device && header.format() != TarFormat::v7) {
      const auto major = header.size_number(329, 8, "device major");
      const auto minor = header.size_number(337, 8, "device minor");
      if (major > 0xfff || minor > 0xfffff) {
        fail(ErrorKind::unsupported, start, fmt::format("device number {}:{} does not fit 12 and 20 bits", major, minor));
      }
      member.device_major = static_cast<std::uint32_t>(major);
      member.device_minor = static_cast<std::uint32_t>(minor);
    }
    if (extensions.pax) {
      const auto& pax = *extensions.pax;
      if (const auto path = pax.find("path")) member.name = *path;
      if (const auto path = pax.find("linkpath")) member.link_name = *path;
      if (const auto size = pax.number("size")) {
        if (*size < 0) fail(ErrorKind::malformed, start, fmt::format("PAX size {} is negative", *size));
        member.stored_size = static_cast<std::uint64_t>(*size);
      }
      uid = pax.number("uid").value_or(uid);
      gid = pax.number("gid").value_or(gid);
      member.mtime = pax.seconds("mtime").value_or(member.mtime);
      for (const auto* unused : {"atime", "ctime"}) pax.seconds(unused);
      member.xattrs = pax.xattrs;
      member.has_acl = pax.has_acl();
      if (pax.xattrs.empty() && pax.values.lower_bound(kLibarchiveXattr) != pax.values.lower_bound(kAfterLibarchiveXattr)) {
        warnings.add("xattr-dropped", fmt::format("tar offset {}: {} has attributes in libarchive's form alone, which container engines do not read",
                                                  start, in_quotes(member.name)));
      }
    }
    if (uid < 0 || gid < 0) fail(ErrorKind::malformed, start, fmt::format("owner {}:{} is negative", uid, gid));
    member.uid = static_cast<std::uint64_t>(uid);
    member.gid = static_cast<std::uint64_t>(gid);
    if (extensions.gnu_name) {
      if (extensions.pax && extensions.pax->find("path")) {
        warnings.add("tar-names", fmt::format("tar offset {}: a GNU and a PAX long name; the GNU one {} counts", start,
                                              in_quotes(*extensions.gnu_name)));
      }
      member.name = *extensions.gnu_name;
    }
    if (extensions.gnu_link) member.link_name = *extensions.gnu_link;
    // Archives from before POSIX have no type for directories.
    if (member.name.ends_with('/') && type == TarType::regular) {
      if (header.type() == '\0') {
        member.type = TarType::directory;
      } else {
        warnings.add("tar-names", fmt::format("tar offset {}: {} ends in a slash and is a regular file all the same", start, in_quotes(member.name)));
      }
    }

    if (header.type() == 'D') {
      read_dump_list(member);
    } else if (types == TarTypes::any && extensions.pax) {
      if (const auto list = extensions.pax->find("GNU.dumpdir")) dump_lists.add(member.name, *list);
    }
    payload_ignored = member.type != TarType::regular && member.stored_size != 0;
    if (member.type != TarType::regular) member.stored_size = 0;
    member.size = member.stored_size;
    padding = padding_of(member.stored_size);
    if (header.type() == 'S') {
      if (header.format() != TarFormat::gnu) fail(ErrorKind::malformed, start, "an old GNU sparse file without GNU's magic");
      sparse.read_gnu(header, member);
      warnings.add("tar-sparse", fmt::format("tar offset {}: {} is a sparse file of GNU's old format, which Docker refuses", start, in_quotes(member.name)));
    } else if (extensions.pax) {
      sparse.read_pax(*extensions.pax, member);
    }
    if (member.size > limits.file_bytes) {
      fail_limit(start, fmt::format("{}: {} bytes, the limit for a file is {}", in_quotes(member.name), member.size, limits.file_bytes),
                 &Limits::file_bytes);
    }
    if (member.sparse) SparseMaps::check(member);
    member.data_offset = offset;
    left = member.stored_size;
    return member;
  }

  /// Passes over the list of names that follows a directory of an incremental dump.
  void read_dump_list(TarMember& member) {
    std::array<char, 4096> piece;
    DumpLists::Count count;
    for (left = member.stored_size; left != 0;) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
      const auto got = passed(source.read(std::as_writable_bytes(std::span(piece)).first(want)));
      count.add({piece.data(), got});
    }
    dump_lists.end(member.name, count);
    padding = padding_of(member.stored_size);
    member.stored_size = 0;
    finish_member();
  }

  std::optional<TarMember> next() {
    if (ended) return std::nullopt;
    if (!finish_member()) {
      ended = true;
      return std::nullopt;
    }
    Extensions extensions;
    std::uint64_t start = offset;
    TarHeader header;
    for (;;) {
      const auto at = offset;
      const bool pending = extensions.gnu_name || extensions.gnu_link || extensions.pax;
      if (!read_block(header) || header.is_zero()) {
        if (pending) fail_damaged(at, "the archive ends after an extension header");
        check_end(at);
        return std::nullopt;
      }
      if (!header.checksum_matches()) {
        if (at == 0) refuse_other_kind(std::as_bytes(std::span(header.block)));
        fail_damaged(at,
                     payload_ignored ? "expected a header after an entry that cannot have data, found something else"
                     : at == 0       ? "this is no tar archive: the checksum of the first header does not match"
                                     : "expected a header, its checksum does not match");
      }
      const char flag = header.type();
      const auto size = [&] { return header.size_number(124, 12, "size of an extension"); };
      if (flag == 'x' || (flag == 'X' && types == TarTypes::any)) {
        extensions.pax = in_context([&] { return fmt::format("tar offset {}", at); },
                                    [&] { return parse_pax(read_extension(size(), "a PAX extension"), limits); });
      } else if (flag == 'g') {
        // Readers disagree on whether what came before still counts for the next member.
        if (pending) fail(ErrorKind::malformed, at, "a global PAX header between an extension and its member");
        parse_pax(read_extension(size(), "a global PAX extension"), limits);
        warnings.add("tar-global-header", fmt::format("tar offset {}: a global PAX header is not applied", at));
        start = offset;
      } else if (flag == 'L') {
        extensions.gnu_name = read_gnu_text(size(), "a GNU long name");
      } else if (flag == 'K') {
        extensions.gnu_link = read_gnu_text(size(), "a GNU long link name");
      } else if (flag == 'V' && types == TarTypes::any) {
        left = size();
        padding = padding_of(left);
        finish_member();
        extensions = {};
        start = offset;
      } else if (const auto type = flag == 'D' && types == TarTypes::any ? TarType::directory : type_of(flag)) {
        return in_context([&] { return fmt::format("tar member {}", in_quotes(header.name())); },
                          [&] { return parse_member(header, *type, extensions, start); });
      } else {
        fail(ErrorKind::unsupported, at, fmt::format("{}: expected an entry of type 0 to 7 or S, found type {}", in_quotes(header.name()),
                                                    in_quotes(std::string(1, flag))));
      }
    }
  }

  /// Counts bytes of the current member.
  std::size_t passed(std::size_t got) {
    if (got == 0) fail_damaged(offset, fmt::format("the archive ends {} bytes before the end of a member", left));
    offset += got;
    left -= got;
    return got;
  }

  /// After the first block of zeros, or the end of the stream without one.
  void check_end(std::uint64_t at) {
    ended = true;
    if (offset == at) {
      unmarked = at != 0;
      return;
    }
    TarHeader second;
    if (!read_block(second) || second.is_zero()) return;
    fail(ErrorKind::malformed, at, "a single block of zeros inside the archive");
  }
};

TarReader::TarReader(Source& source, const Limits& limits, WarningList& warnings, TarTypes types)
    : impl_(new Impl{source, limits, warnings, types}) {}

TarReader::~TarReader() = default;

std::optional<TarMember> TarReader::next() { return impl_->next(); }

std::size_t TarReader::read(std::span<std::byte> into) {
  auto& state = *impl_;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(state.left, into.size()));
  return count == 0 ? 0 : state.passed(state.source.read(into.first(count)));
}

ByteView TarReader::view(std::span<std::byte> scratch) {
  auto& state = *impl_;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(state.left, scratch.size()));
  if (count == 0) return {};
  const auto bytes = state.source.view(scratch.first(count));
  state.passed(bytes.size());
  return bytes;
}

bool TarReader::end_is_unmarked() const noexcept { return impl_->unmarked; }

std::uint64_t TarReader::offset() const noexcept { return impl_->offset; }

void TarReader::drain() {
  auto& state = *impl_;
  std::array<std::byte, 64 * 1024> buffer;
  bool only_zeros = true;
  const auto at = state.offset;
  for (std::size_t got; (got = state.take(buffer)) != 0;) {
    if (state.offset - at > state.limits.trailing_bytes) {
      state.fail_limit(at, fmt::format("more than {} bytes after the end of the archive", state.limits.trailing_bytes), &Limits::trailing_bytes);
    }
    only_zeros = only_zeros && std::all_of(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got),
                                           [](std::byte b) { return b == std::byte{0}; });
  }
  if (!only_zeros) {
    state.warnings.add("tar-end", fmt::format("tar offset {}: data after the end of the archive is not read", at));
  }
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "zip_reader.h"

#include <cerrno>
#include <memory>
#include <new>

#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/libarchive.h>

namespace sifkit::sbom {

namespace {

SIFKIT_ON_DEMAND(libarchive, archive_entry_filetype);
SIFKIT_ON_DEMAND(libarchive, archive_entry_pathname);
SIFKIT_ON_DEMAND(libarchive, archive_errno);
SIFKIT_ON_DEMAND(libarchive, archive_error_string);
SIFKIT_ON_DEMAND(libarchive, archive_read_data);
SIFKIT_ON_DEMAND(libarchive, archive_read_free);
SIFKIT_ON_DEMAND(libarchive, archive_read_new);
SIFKIT_ON_DEMAND(libarchive, archive_read_next_header);
SIFKIT_ON_DEMAND(libarchive, archive_read_open_memory);
SIFKIT_ON_DEMAND(libarchive, archive_read_support_format_zip_seekable);

constexpr std::size_t kMaxMembers = 1u << 20;

struct FreeReader {
  void operator()(archive* reader) const noexcept { archive_read_free(reader); }
};

[[noreturn]] void fail(archive* reader) {
  if (archive_errno(reader) == ENOMEM) throw std::bad_alloc();
  const char* const reason = archive_error_string(reader);
  throw Error(ErrorKind::malformed,
              fmt::format("expected a zip archive: {}", printable(reason == nullptr ? "damaged" : reason)));
}

}  // namespace

void for_each_zip_member(ByteView bytes, const std::function<void(const ZipMember&)>& visit) {
  // An archive of no members is its end record alone, which libarchive takes for no archive.
  if (as_text(bytes).starts_with("PK\5\6")) return;
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  if (!reader) throw std::bad_alloc();
  if (archive_read_support_format_zip_seekable(reader.get()) < ARCHIVE_WARN) fail(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) < ARCHIVE_WARN) fail(reader.get());
  archive_entry* entry = nullptr;
  for (std::size_t members = 0;; ++members) {
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return;
    if (result < ARCHIVE_WARN) fail(reader.get());
    if (members == kMaxMembers)
      throw Error(ErrorKind::limit, fmt::format("more than {} members in an archive", kMaxMembers));
    const char* const name = archive_entry_pathname(entry);
    if (name == nullptr || archive_entry_filetype(entry) != S_IFREG) continue;
    visit({name, [&](std::uint64_t limit) {
             Bytes out;
             std::byte buffer[16384];
             for (;;) {
               const auto count = archive_read_data(reader.get(), buffer, sizeof(buffer));
               if (count < 0) fail(reader.get());
               if (count == 0) return out;
               if (out.size() + static_cast<std::size_t>(count) > limit) {
                 throw Error(ErrorKind::limit, fmt::format("{} in it has more than {} bytes", in_quotes(name), limit));
               }
               out.insert(out.end(), buffer, buffer + count);
             }
           }});
  }
}

}  // namespace sifkit::sbom

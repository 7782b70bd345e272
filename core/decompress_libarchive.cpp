// SPDX-License-Identifier: Apache-2.0
#include <exception>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "decompressors.h"

namespace sifkit {

namespace {

struct FreeReader {
  void operator()(archive* reader) const noexcept { archive_read_free(reader); }
};

/// xz and bzip2 streams. The filter is set, not guessed, so nothing is ever decompressed twice; libarchive's limit on
/// an xz dictionary (1 GiB, touched only as far as data fills it) holds.
class LibarchiveSource final : public Source {
 public:
  LibarchiveSource(std::unique_ptr<Source> source, std::string what, Compression compression)
      : input_(std::move(source)), what_(std::move(what)), compression_(compression), reader_(archive_read_new()) {
    if (!reader_) throw std::bad_alloc();
    check(archive_read_support_format_raw(reader_.get()));
    check(archive_read_support_format_empty(reader_.get()));
    check(archive_read_append_filter(reader_.get(),
                                     compression == Compression::xz ? ARCHIVE_FILTER_XZ : ARCHIVE_FILTER_BZIP2));
  }

  std::size_t read(std::span<std::byte> into) override {
    if (!open_) {
      // Not in the constructor: opening reads.
      check(archive_read_open(reader_.get(), this, nullptr, &LibarchiveSource::give, nullptr));
      open_ = true;
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(reader_.get(), &entry);
      if (result == ARCHIVE_EOF) {
        ended_ = true;
        check_consumed();
      } else {
        check(result);
      }
    }
    if (ended_) return 0;
    const auto got = archive_read_data(reader_.get(), into.data(), into.size());
    if (got < 0) check(static_cast<int>(got));
    if (got == 0) {
      ended_ = true;
      check_consumed();
    }
    return static_cast<std::size_t>(got);
  }

 private:
  static la_ssize_t give(archive* reader, void* self, const void** buffer) noexcept {
    auto& source = *static_cast<LibarchiveSource*>(self);
    try {
      source.input_.consume(source.given_);
      source.given_ = 0;
      const auto view = source.input_.view();
      *buffer = view.data();
      source.given_ = view.size();
      return static_cast<la_ssize_t>(view.size());
    } catch (...) {
      source.failure_ = std::current_exception();
      archive_set_error(reader, -1, "reading failed");
      return -1;
    }
  }

  void check(int result) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (result == ARCHIVE_OK) return;
    const char* text = archive_error_string(reader_.get());
    fail(text == nullptr ? "not decodable" : text);
  }

  [[noreturn]] void fail(std::string_view why) const {
    throw Error(ErrorKind::malformed, fmt::format("{}: {} data before offset {}: {}", what_, to_string(compression_),
                                                  input_.offset() + given_, why));
  }

  /// libarchive stops in silence at bytes that start no further bzip2 stream.
  void check_consumed() {
    const auto used = static_cast<std::uint64_t>(archive_filter_bytes(reader_.get(), -1));
    if (used != input_.offset() + given_) fail("bytes after the last stream");
    input_.consume(given_);
    given_ = 0;
    if (!input_.view().empty()) fail("bytes after the last stream");
  }

  CompressedInput input_;
  std::string what_;
  Compression compression_;
  std::size_t given_ = 0;
  std::exception_ptr failure_;
  bool open_ = false;
  bool ended_ = false;
  std::unique_ptr<archive, FreeReader> reader_;
};

}  // namespace

std::unique_ptr<Source> open_with_libarchive(std::unique_ptr<Source> source, std::string what, Compression compression) {
  return std::make_unique<LibarchiveSource>(std::move(source), std::move(what), compression);
}

}  // namespace sifkit

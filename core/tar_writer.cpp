// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/tar_writer.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string_view>

#include <locale.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/libarchive.h>
#include <sifkit/core/readable.h>

namespace sifkit {

namespace {

SIFKIT_ON_DEMAND(libarchive, archive_entry_copy_hardlink);
SIFKIT_ON_DEMAND(libarchive, archive_entry_copy_pathname);
SIFKIT_ON_DEMAND(libarchive, archive_entry_copy_stat);
SIFKIT_ON_DEMAND(libarchive, archive_entry_copy_symlink);
SIFKIT_ON_DEMAND(libarchive, archive_entry_free);
SIFKIT_ON_DEMAND(libarchive, archive_entry_new);
SIFKIT_ON_DEMAND(libarchive, archive_entry_sparse_add_entry);
SIFKIT_ON_DEMAND(libarchive, archive_entry_unset_atime);
SIFKIT_ON_DEMAND(libarchive, archive_entry_unset_ctime);
SIFKIT_ON_DEMAND(libarchive, archive_entry_unset_size);
SIFKIT_ON_DEMAND(libarchive, archive_entry_xattr_add_entry);
SIFKIT_ON_DEMAND(libarchive, archive_errno);
SIFKIT_ON_DEMAND(libarchive, archive_error_string);
SIFKIT_ON_DEMAND(libarchive, archive_version_string);
SIFKIT_ON_DEMAND(libarchive, archive_write_close);
SIFKIT_ON_DEMAND(libarchive, archive_write_data);
SIFKIT_ON_DEMAND(libarchive, archive_write_free);
SIFKIT_ON_DEMAND(libarchive, archive_write_header);
SIFKIT_ON_DEMAND(libarchive, archive_write_new);
SIFKIT_ON_DEMAND(libarchive, archive_write_open);
SIFKIT_ON_DEMAND(libarchive, archive_write_set_bytes_per_block);
SIFKIT_ON_DEMAND(libarchive, archive_write_set_format_pax_restricted);

struct FreeWriter {
  void operator()(archive* writer) const noexcept { archive_write_free(writer); }
};
struct FreeEntry {
  void operator()(archive_entry* entry) const noexcept { archive_entry_free(entry); }
};

/// While it lives, names are taken for UTF-8 on this thread, whatever the program's locale. libarchive asks for that, and
/// marks (hdrcharset) only the members whose names are none; a mark on all would make tar(1) complain of each.
class NamesAreUtf8 {
 public:
  NamesAreUtf8() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {
    if (locale_ == nullptr && errno != ENOMEM) locale_ = ::newlocale(LC_CTYPE_MASK, "C", nullptr);
    if (locale_ == nullptr) throw std::bad_alloc();
    previous_ = ::uselocale(locale_);
  }
  ~NamesAreUtf8() {
    ::uselocale(previous_);
    ::freelocale(locale_);
  }
  NamesAreUtf8(const NamesAreUtf8&) = delete;
  NamesAreUtf8& operator=(const NamesAreUtf8&) = delete;

 private:
  locale_t locale_;
  locale_t previous_ = nullptr;
};

constexpr std::size_t kShortName = 100;

}  // namespace

struct TarWriter::Impl {
  Sink& sink;
  std::exception_ptr failure;                   ///< of the sink, which libarchive calls
  std::unique_ptr<archive, FreeWriter> writer;  // last: it may write once more when it goes

  explicit Impl(Sink& to) : sink(to), writer(archive_write_new()) {
    if (!writer) throw std::bad_alloc();
    check(archive_write_set_format_pax_restricted(writer.get()));
    check(archive_write_set_bytes_per_block(writer.get(), 0));
    check(archive_write_open(writer.get(), this, nullptr, &Impl::take, nullptr));
  }

  static la_ssize_t take(archive*, void* self, const void* bytes, std::size_t size) noexcept {
    auto& impl = *static_cast<Impl*>(self);
    try {
      impl.sink.write({static_cast<const std::byte*>(bytes), size});
      return static_cast<la_ssize_t>(size);
    } catch (...) {
      impl.failure = std::current_exception();
      return -1;
    }
  }

  void check(la_ssize_t result) const {
    if (failure) std::rethrow_exception(failure);
    if (result >= ARCHIVE_WARN) return;
    if (archive_errno(writer.get()) == ENOMEM) throw std::bad_alloc();
    throw Error(ErrorKind::internal, fmt::format("libarchive: {}", archive_error_string(writer.get())));
  }
};

TarWriter::TarWriter(Sink& sink) : impl_(std::make_unique<Impl>(sink)) {}

TarWriter::~TarWriter() = default;

void TarWriter::begin(const struct stat& status, const NewTarMember& member) {
  const std::unique_ptr<archive_entry, FreeEntry> entry(archive_entry_new());
  if (!entry) throw std::bad_alloc();
  archive_entry_copy_stat(entry.get(), &status);
  archive_entry_copy_pathname(entry.get(), member.path.c_str());
  archive_entry_unset_atime(entry.get());
  archive_entry_unset_ctime(entry.get());
  if (!member.link_target.empty()) archive_entry_copy_symlink(entry.get(), member.link_target.c_str());
  if (!member.hard_link.empty()) archive_entry_copy_hardlink(entry.get(), member.hard_link.c_str());
  if (!S_ISREG(status.st_mode) || !member.hard_link.empty()) archive_entry_unset_size(entry.get());
  // libarchive cuts the name of a sparse file where it is long and no UTF-8.
  if (member.sparse && (member.path.size() <= kShortName || is_utf8(member.path))) {
    // Without any segment the whole file is a hole, which libarchive must be told, too.
    if (member.segments.empty()) archive_entry_sparse_add_entry(entry.get(), 0, 0);
    for (const auto& segment : member.segments) {
      archive_entry_sparse_add_entry(entry.get(), static_cast<la_int64_t>(segment.offset),
                                     static_cast<la_int64_t>(segment.length));
    }
  }
  for (const auto& [name, value] : member.xattrs)
    archive_entry_xattr_add_entry(entry.get(), name.c_str(), value.data(), value.size());
  const NamesAreUtf8 locale;
  impl_->check(archive_write_header(impl_->writer.get(), entry.get()));
}

void TarWriter::write(ByteView bytes) {
  impl_->check(archive_write_data(impl_->writer.get(), bytes.data(), bytes.size()));
}

void TarWriter::finish() { impl_->check(archive_write_close(impl_->writer.get())); }

std::string tar_library_version() {
  static constexpr std::string_view kName = "libarchive ";
  std::string_view text = archive_version_string();
  if (text.starts_with(kName)) text.remove_prefix(kName.size());
  return std::string(text);
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/core/unique_fd.h>

struct stat;

namespace sifkit {

/// The names in an open directory, in the order of their bytes, without "." and "..". Throws io; the error says `what`.
SIFKIT_API std::vector<std::string> names_in(int directory, std::string_view what);

/// An open file with a name for errors. All transfers loop over EINTR and short counts. `read_at` and `write_at` may be
/// called from several threads.
class SIFKIT_API File {
 public:
  File() = default;
  File(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  /// O_CLOEXEC; never blocks on a FIFO without a writer.
  static File open_read(const std::filesystem::path& path);
  static File open_read_write(const std::filesystem::path& path);

  /// The same open file under another name for errors.
  File renamed(std::string name) const;

  int fd() const noexcept { return fd_.get(); }
  const std::string& name() const noexcept { return name_; }
  std::uint64_t size() const;
  bool is_regular() const;

  /// Fewer bytes than asked for only at the end of the file.
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) const;
  /// As `read_at`, but the end of the file inside the range is ErrorKind::malformed.
  void read_exact_at(std::uint64_t offset, std::span<std::byte> into, std::string_view what) const;
  void write_at(std::uint64_t offset, ByteView bytes) const;
  void truncate(std::uint64_t size) const;
  void sync() const;
  /// For a file that takes another one's place. Who is not root may not give a file away, and keeps it.
  void take_owner_and_mode(const File& old) const;
  /// Lets the system begin to bring a range to the disk, where it can, so that `sync` has less to wait for.
  void start_sync(std::uint64_t offset, std::uint64_t size) const noexcept;
  /// Takes the file for this open file alone, among programs that ask (flock); false while another one has it. It is
  /// given back by `unlock` or when the file is closed. File systems that know no locks grant it.
  bool try_lock() const;
  void unlock() const noexcept;

 private:
  UniqueFd fd_;
  std::string name_;
};

/// Copies [from_offset, from_offset + size) inside the kernel, without reading holes, which the target must have there
/// already, but for what is behind its end. Advances the progress; throws io when the source ends early.
SIFKIT_API void copy_range(const File& from, std::uint64_t from_offset, const File& to, std::uint64_t to_offset,
                           std::uint64_t size, const OperationContext& operation);

/// Reads [offset, offset + size) of a file; `skip` costs nothing. The file outlives it or is shared.
class SIFKIT_API FileSource : public Source {
 public:
  explicit FileSource(std::shared_ptr<const File> file);
  FileSource(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size);
  std::size_t read(std::span<std::byte> into) override;
  std::uint64_t skip(std::uint64_t count) override;

 private:
  std::shared_ptr<const File> file_;
  std::uint64_t offset_;
  std::uint64_t left_;
};

/// Reads a descriptor that cannot seek (pipe, terminal, socket) up to its end.
class SIFKIT_API StreamSource : public Source {
 public:
  /// A named pipe has no end before its first writer: the first read waits for that.
  explicit StreamSource(File file) : file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> into) override;

 private:
  File file_;
  bool started_ = false;
};

/// The mode (stat(2)) of what `path` names, if bytes can be read from it up to an end: throws usage for a device that is no
/// terminal and for a socket. Nothing is opened.
SIFKIT_API unsigned expect_readable(const std::filesystem::path& path);

/// What `path` names, from its start; a pipe, such as a shell's <(COMMAND), can be read once. Throws as expect_readable and
/// File::open_read.
SIFKIT_API std::unique_ptr<Source> open_source(const std::filesystem::path& path);

/// A random-access window that a container format hands to the writer of what is inside. Offsets start at 0 and know
/// nothing of the file around it; offsets and sizes are bytes. Throws as File does. Implementations are not thread safe.
class SIFKIT_API Region {
 public:
  virtual ~Region() = default;
  virtual void write_at(std::uint64_t offset, ByteView bytes) = 0;
  /// Fewer bytes than asked for only at the end.
  virtual std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  virtual std::uint64_t size() = 0;
  virtual void truncate(std::uint64_t size) = 0;
};

/// A window on a file from `base` to its end, of which no more than `max_size` bytes are read. What is written goes on to
/// the disk while more is made.
class SIFKIT_API FileRegion : public Region {
 public:
  FileRegion(const File& file, std::uint64_t base, std::uint64_t max_size = ~std::uint64_t{0}) : file_(file), base_(base), max_size_(max_size) {}
  void write_at(std::uint64_t offset, ByteView bytes) override;
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override;
  std::uint64_t size() override;
  void truncate(std::uint64_t size) override;

 private:
  const File& file_;
  std::uint64_t base_;
  std::uint64_t max_size_;
  std::uint64_t sync_started_ = 0;  ///< of what was written in order
};

enum class Overwrite : bool { no, yes };
/// Whether a finished file is brought to the disk before it gets its name.
enum class Durable : bool { no, yes };

/// A file that appears under its name whole or not at all.
/// It is written without a name where the file system can (O_TMPFILE), else under a hidden name beside the target.
/// `commit` syncs it, unless a file that a crash has spoilt does no harm, and puts it in place in one step; without it the
/// destructor leaves nothing behind and an existing target as it was. A target that is not a regular file is refused.
class SIFKIT_API AtomicFile {
 public:
  /// Throws exists when the target is there and `overwrite` is no. The mode is `mode` less the umask. Errors call the
  /// target `shown`, by default its path.
  AtomicFile(std::filesystem::path target, Overwrite overwrite, unsigned mode = 0666, std::string shown = {});
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  File& file() noexcept;
  const std::filesystem::path& target() const noexcept;
  /// Gives the target another name in its directory, before `commit`.
  void rename(const std::string& name);
  void commit(Durable durable = Durable::yes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An unnamed, already unlinked scratch file in `directory`, mode 0600.
SIFKIT_API File open_scratch_file(const std::filesystem::path& directory);

/// Where scratch files go: SIFKIT_TMPDIR, APPTAINER_TMPDIR, SINGULARITY_TMPDIR, TMPDIR, else /tmp.
SIFKIT_API std::filesystem::path scratch_directory();

/// Makes the hint of an error from a scratch file say how to put those elsewhere, unless it knows better what to do.
SIFKIT_API void set_scratch_hint(Error& error);

/// Runs `body`, which works on scratch files.
void with_scratch_hint(auto&& body) {
  try {
    body();
  } catch (Error& error) {
    set_scratch_hint(error);
    throw;
  }
}

/// Whether two looks were at one file, whatever its names.
SIFKIT_API bool is_same_file(const struct stat& one, const struct stat& other) noexcept;

/// The directory that the last name of a path is in.
SIFKIT_API std::filesystem::path directory_of(const std::filesystem::path& path);

/// A hidden name for what is to become `target`, another one at each call, short enough for every file system.
SIFKIT_API std::string hidden_name_for(const std::filesystem::path& target);

/// Renames in an open directory (or AT_FDCWD) as renameat(2), but to no name that is taken (EEXIST).
SIFKIT_API int rename_to_free_name(int directory, const char* from, const char* to) noexcept;

/// Throws io when an open directory has another path than `path` by now: what is made in it must not appear elsewhere.
SIFKIT_API void expect_output_directory(int fd, const std::filesystem::path& path);

/// Brings the names in an open directory to the disk, where the file system knows how to. `path` is for the error.
SIFKIT_API void sync_directory(int fd, const std::filesystem::path& path);

}  // namespace sifkit

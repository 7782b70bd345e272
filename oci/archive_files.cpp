// SPDX-License-Identifier: Apache-2.0
#include "archive_files.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/compress.h>
#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/tar_reader.h>

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kSmallMember = 1u << 20;  ///< kept in memory, while all of them are below
constexpr std::uint64_t kSmallMembers = 64u << 20;

class FirstBytes : public Source {
 public:
  FirstBytes(std::unique_ptr<Source> source, std::uint64_t size, std::string what)
      : source_(std::move(source)), left_(size), what_(std::move(what)) {}

  std::size_t read(std::span<std::byte> into) override {
    if (left_ == 0) return 0;
    const auto got = source_->read(into.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()))));
    if (got == 0) throw Error(ErrorKind::malformed, fmt::format("{}: ends {} bytes too early", what_, left_));
    left_ -= got;
    return got;
  }

 private:
  std::unique_ptr<Source> source_;
  std::uint64_t left_;
  std::string what_;
};

/// A buffer that lives as long as somebody reads it.
class SharedMemory : public Source {
 public:
  explicit SharedMemory(std::shared_ptr<const Bytes> bytes) : bytes_(std::move(bytes)), source_(*bytes_) {}
  std::size_t read(std::span<std::byte> into) override { return source_.read(into); }
  std::uint64_t skip(std::uint64_t count) override { return source_.skip(count); }

 private:
  std::shared_ptr<const Bytes> bytes_;
  MemorySource source_;
};

/// The current member, whose first bytes may be looked at before.
class MemberSource : public Source {
 public:
  explicit MemberSource(TarReader& reader) : reader_(reader) {}

  ByteView head() {
    while (size_ < head_.size()) {
      const auto got = reader_.read(std::span(head_).subspan(size_));
      if (got == 0) break;
      size_ += got;
    }
    return ByteView(head_).first(size_);
  }

  std::size_t read(std::span<std::byte> into) override {
    if (used_ == size_) return reader_.read(into);
    const auto count = std::min(into.size(), size_ - used_);
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(used_), count, into.begin());
    used_ += count;
    return count;
  }

 private:
  TarReader& reader_;
  std::array<std::byte, ContentsSurvey::kHeadBytes> head_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

class ScratchSink : public Sink {
 public:
  ScratchSink(const File& file, std::uint64_t at) : file_(file), at_(at) {}
  void write(ByteView bytes) override {
    with_scratch_hint([&] { file_.write_at(at_, bytes); });
    at_ += bytes.size();
  }
  std::uint64_t end() const noexcept { return at_; }

 private:
  const File& file_;
  std::uint64_t at_;
};

/// Keeps small regular members while there is room for them.
class SmallMembers {
 public:
  std::shared_ptr<const Bytes> take(const TarMember& member, Source& source) {
    if (member.type != TarType::regular || member.sparse || member.stored_size > kSmallMember) return nullptr;
    if (member.stored_size > kSmallMembers - used_) return nullptr;
    used_ += member.stored_size;
    return std::make_shared<const Bytes>(read_all(source, kSmallMember, "archive member"));
  }

 private:
  std::uint64_t used_ = 0;
};

[[noreturn]] void absent(const std::string& archive, std::string_view name) {
  throw Error(ErrorKind::not_found, fmt::format("{}: member {} is not in the archive", in_quotes(archive), in_quotes(name)));
}

}  // namespace

std::unique_ptr<Source> first_bytes(std::unique_ptr<Source> source, std::uint64_t size, std::string what) {
  return std::make_unique<FirstBytes>(std::move(source), size, std::move(what));
}

CompressedFiles::CompressedFiles(std::shared_ptr<const File> file, bool guessed, const Limits& limits,
                                 const OperationContext& operation, WarningList& warnings,
                                 std::filesystem::path scratch)
    : file_(std::move(file)),
      limits_(limits),
      operation_{operation.logger, &no_progress(), operation.stop},
      members_(guessed),
      scratch_(std::move(scratch)) {
  in_file(file_->name(), [&] {
    const auto source = open_decompressed(std::make_unique<FileSource>(file_), "archive", limits_);
    TarReader reader(*source, limits_, warnings, TarTypes::any);
    SmallMembers small;
    while (const auto member = reader.next()) {
      operation.check();
      MemberSource data(reader);
      members_.add(*member, member->data_offset, limits_, [&] { return data.head(); });
      if (auto bytes = small.take(*member, data)) kept_.emplace(member->data_offset, std::move(bytes));
    }
    size_ = reader.offset();
    reader.drain();
  });
}

CompressedFiles::~CompressedFiles() = default;

bool CompressedFiles::is_spooled(std::uint64_t place) {
  if (spooled_) return true;
  passed_ += place;
  if (scratch_.empty() || passed_ <= kMaxPasses * size_) return false;
  kept_.clear();  // the documents are not in memory twice
  try {
    const auto source = open_decompressed(std::make_unique<FileSource>(file_), "archive", limits_);
    WarningList told_already;
    spooled_ = std::make_unique<StreamedFiles>(*source, file_->name(), scratch_, limits_, operation_, told_already);
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    scratch_.clear();  // there is no room: it takes its time, then
    return false;
  }
}

std::optional<std::uint64_t> CompressedFiles::find(std::string_view name) {
  const auto* member = members_.find(name, file_->name(), limits_);
  if (member == nullptr) return std::nullopt;
  return member->size;
}

std::unique_ptr<Source> CompressedFiles::open(std::string_view name) {
  const auto* member = members_.find(name, file_->name(), limits_);
  if (member == nullptr) absent(file_->name(), name);
  if (const auto kept = kept_.find(member->place); kept != kept_.end()) return std::make_unique<SharedMemory>(kept->second);
  const auto expect_same = [&](bool same) {
    if (same) return;
    throw Error(ErrorKind::malformed,
                fmt::format("{}: the archive has changed while it was read", in_quotes(file_->name())));
  };
  if (is_spooled(member->place)) {
    expect_same(spooled_->find(name) == member->size);
    return spooled_->open(name);
  }
  auto source = open_decompressed(std::make_unique<FileSource>(file_), "archive", limits_);
  expect_same(source->skip(member->place) == member->place);
  return first_bytes(std::move(source), member->size, std::string(name));
}

StreamedFiles::StreamedFiles(Source& source, std::string name, const std::filesystem::path& scratch, const Limits& limits,
                             const OperationContext& operation, WarningList& warnings)
    : name_(std::move(name)), limits_(limits) {
  in_file(name_, [&] {
    operation.progress->stage("reading", 0);
    TarReader reader(source, limits_, warnings, TarTypes::any);
    SmallMembers small;
    std::uint64_t end = 0;
    std::array<std::byte, 64 * 1024> buffer;
    while (const auto member = reader.next()) {
      operation.check();
      MemberSource data(reader);
      members_.add(*member, stored_.size(), limits_, [&] { return data.head(); });
      Stored& stored = stored_.emplace_back();
      if (member->type != TarType::regular || member->sparse) continue;
      stored.memory = small.take(*member, data);
      if (stored.memory) continue;
      if (!scratch_) scratch_ = std::make_shared<File>(open_scratch_file(scratch));
      ScratchSink sink(*scratch_, end);
      CompressingSink packer(sink, {Compression::zstd, 1}, 0);
      stored.offset = end;
      bool first = true;
      for (std::size_t got; (got = data.read(buffer)) != 0; first = false) {
        operation.check();
        operation.progress->advance(got);
        const auto bytes = ByteView(buffer).first(got);
        // What is compressed already would only cost time.
        if (first) stored.packed = sniff_compression(bytes) == Compression::none;
        (stored.packed ? static_cast<Sink&>(packer) : sink).write(bytes);
      }
      if (stored.packed) packer.finish();
      end = sink.end();
      stored.length = end - stored.offset;
    }
    reader.drain();
  });
}

const StreamedFiles::Stored& StreamedFiles::stored(std::string_view name, const MemberTable::Member** found) const {
  const auto* member = members_.find(name, name_, limits_);
  if (member == nullptr) absent(name_, name);
  *found = member;
  return stored_.at(static_cast<std::size_t>(member->place));
}

std::optional<std::uint64_t> StreamedFiles::find(std::string_view name) {
  const auto* member = members_.find(name, name_, limits_);
  if (member == nullptr) return std::nullopt;
  return member->size;
}

std::unique_ptr<Source> StreamedFiles::open(std::string_view name) {
  const MemberTable::Member* member = nullptr;
  const Stored& here = stored(name, &member);
  if (here.memory) return std::make_unique<SharedMemory>(here.memory);
  std::unique_ptr<Source> source = std::make_unique<FileSource>(scratch_, here.offset, here.length);
  if (!here.packed) return source;
  return open_decompressed(std::move(source), "scratch file", limits_);
}

}  // namespace sifkit::oci

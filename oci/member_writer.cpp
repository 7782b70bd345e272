// SPDX-License-Identifier: Apache-2.0
#include "member_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

namespace {

constexpr std::size_t kRecord = kTarRecord;
constexpr std::uint64_t kMaxOctal = (std::uint64_t{1} << 33) - 1;  ///< eleven digits
constexpr char kRegular = '0';
constexpr char kDirectory = '5';

std::array<std::byte, kTarRecord> header_of(const std::string& name, std::uint64_t size, char type,
                                            std::string_view mode) {
  static constexpr std::size_t kName = 100;
  static constexpr std::size_t kSizeAt = 124;
  static constexpr std::size_t kChecksumAt = 148;
  std::array<std::byte, kRecord> header{};
  SIFKIT_CHECK(name.size() < kName);
  const auto put = [&](std::size_t at, std::string_view text) { std::memcpy(header.data() + at, text.data(), text.size()); };
  put(0, name);
  put(100, mode);
  put(108, "0000000");
  put(116, "0000000");
  if (size <= kMaxOctal) {
    put(kSizeAt, fmt::format("{:011o}", size));
  } else {
    header[kSizeAt] = std::byte{0x80};
    for (std::size_t i = 0; i < sizeof size; ++i) header[kSizeAt + 11 - i] = std::byte(size >> (8 * i) & 0xff);
  }
  put(136, "00000000000");
  put(kChecksumAt, "        ");
  put(156, std::string_view(&type, 1));
  put(257, std::string_view("ustar\0" "00", 8));
  unsigned sum = 0;
  for (const auto byte : header) sum += std::to_integer<unsigned>(byte);
  put(kChecksumAt, fmt::format("{:06o}", sum));
  header[kChecksumAt + 6] = std::byte{0};
  return header;
}

}  // namespace

std::array<std::byte, kTarRecord> member_header(const std::string& name, std::uint64_t size) {
  return header_of(name, size, kRegular, "0000644");
}

std::array<std::byte, kTarRecord> directory_header(const std::string& name) {
  return header_of(name, 0, kDirectory, "0000755");
}

class MemberWriter::Member : public BlobWriter {
 public:
  Member(MemberWriter& archive, std::string prefix, std::string suffix)
      : archive_(archive), prefix_(std::move(prefix)), suffix_(std::move(suffix)), start_(archive.end_) {}

  void write(ByteView bytes) override {
    hasher_.update(bytes);
    archive_.file_.write_at(start_ + kRecord + size_, bytes);
    size_ += bytes.size();
  }

  StoredBlob finish() override {
    StoredBlob blob{hasher_.finish(), size_};
    archive_.end_member(start_, size_, prefix_ + blob.digest.hex() + suffix_);
    return blob;
  }

 private:
  MemberWriter& archive_;
  std::string prefix_;
  std::string suffix_;
  std::uint64_t start_;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

std::unique_ptr<BlobWriter> MemberWriter::begin(std::string prefix, std::string suffix) {
  return std::make_unique<Member>(*this, std::move(prefix), std::move(suffix));
}

void MemberWriter::end_member(std::uint64_t header_at, std::uint64_t size, const std::string& name) {
  // The bytes of one that is there already are written over by the next, or cut off.
  if (!names_.insert(name).second) return;
  file_.write_at(header_at, member_header(name, size));
  end_ = header_at + kRecord + size;
  static constexpr std::array<std::byte, kRecord> kZeros{};
  if (const auto over = end_ % kRecord; over != 0) {
    file_.write_at(end_, ByteView(kZeros).first(kRecord - over));
    end_ += kRecord - over;
  }
}

void MemberWriter::add_directory(const std::string& name) {
  file_.write_at(end_, directory_header(name));
  end_ += kRecord;
}

void MemberWriter::add(const std::string& name, std::string_view bytes) {
  file_.write_at(end_ + kRecord, as_bytes(bytes));
  end_member(end_, bytes.size(), name);
}

void MemberWriter::finish() {
  static constexpr std::array<std::byte, 2 * kRecord> kEnd{};
  file_.write_at(end_, kEnd);
  end_ += kEnd.size();
  file_.truncate(end_);
}

}  // namespace sifkit::oci

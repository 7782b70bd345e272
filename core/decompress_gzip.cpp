// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <sifkit/core/error.h>

#include "damaged.h"
#include "decompressors.h"

namespace sifkit {

namespace {

/// RFC 1952, any number of members, by ISA-L. The member headers are read here: the library would pass over reserved
/// flags and says nothing of where it stopped.
class GzipSource final : public Source {
 public:
  GzipSource(std::unique_ptr<Source> source, std::string what)
      : input_(std::move(source)), what_(std::move(what)), state_(std::make_unique<inflate_state>()) {}

  std::size_t read(std::span<std::byte> into) override {
    while (!ended_) {
      if (!in_member_ && !start_member()) {
        ended_ = true;
        break;
      }
      if (const auto made = inflate(into); made != 0) return made;
    }
    return 0;
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, std::string_view why) const {
    throw Error(kind, fmt::format("{}: gzip data at offset {}: {}", what_, input_.offset(), why), damage_hint(kind));
  }

  unsigned next_byte() {
    const auto view = input_.view();
    if (view.empty()) fail(ErrorKind::malformed, "ends inside a member header");
    const auto byte = std::to_integer<unsigned>(view[0]);
    input_.consume(1);
    const auto raw = static_cast<unsigned char>(byte);
    header_crc_ = crc32_gzip_refl(header_crc_, &raw, 1);
    return byte;
  }

  void skip_text() {
    while (next_byte() != 0) {
    }
  }

  /// False at the end of the stream. Zero bytes after a member are padding (tape blocks); anything else is refused.
  bool start_member() {
    bool padded = false;
    for (;;) {
      const auto view = input_.view();
      if (view.empty()) return false;
      const auto zeros = first_member_
                             ? 0
                             : std::find_if(view.begin(), view.end(), [](std::byte b) { return b != std::byte{0}; }) -
                                   view.begin();
      if (zeros == 0) break;
      padded = true;
      input_.consume(static_cast<std::size_t>(zeros));
    }
    header_crc_ = 0;
    if (padded || next_byte() != 0x1f || next_byte() != 0x8b) {
      fail(ErrorKind::malformed, "bytes after the last member that are not zeros");
    }
    if (const auto method = next_byte(); method != 8) {
      fail(ErrorKind::unsupported, fmt::format("compression method {}, expected 8 (deflate)", method));
    }
    const auto flags = next_byte();
    if ((flags & 0xe0u) != 0) fail(ErrorKind::malformed, fmt::format("reserved flags {:#04x} are set", flags));
    for (int i = 0; i < 6; ++i) next_byte();  // time, extra flags, system
    if ((flags & 4u) != 0) {
      auto extra = next_byte();
      extra |= next_byte() << 8;
      while (extra-- > 0) next_byte();
    }
    if ((flags & 8u) != 0) skip_text();
    if ((flags & 16u) != 0) skip_text();
    if ((flags & 2u) != 0) {
      const auto expected = header_crc_ & 0xffffu;
      auto stored = next_byte();
      stored |= next_byte() << 8;
      if (stored != expected) fail(ErrorKind::integrity, "the checksum of a member header does not match");
    }
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP_NO_HDR_VER;
    in_member_ = true;
    first_member_ = false;
    return true;
  }

  std::size_t inflate(std::span<std::byte> into) {
    const auto room = static_cast<std::uint32_t>(
        std::min<std::size_t>(into.size(), std::numeric_limits<std::uint32_t>::max() / 2));
    state_->next_out = reinterpret_cast<std::uint8_t*>(into.data());
    state_->avail_out = room;
    while (state_->avail_out == room) {
      const auto view = input_.view();
      // The library only reads the input; its interface is not const.
      state_->next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(view.data()));
      state_->avail_in = static_cast<std::uint32_t>(view.size());
      const auto result = isal_inflate(state_.get());
      input_.consume(view.size() - state_->avail_in);
      if (result < 0) {
        if (result == ISAL_INCORRECT_CHECKSUM) {
          fail(ErrorKind::integrity, "checksum or length at the end of a member does not match its data");
        }
        fail(ErrorKind::malformed, fmt::format("invalid deflate data (code {})", result));
      }
      if (state_->block_state == ISAL_BLOCK_FINISH) {
        in_member_ = false;
        break;
      }
      if (view.empty() && state_->avail_out == room) fail(ErrorKind::malformed, "ends inside a member");
    }
    return room - state_->avail_out;
  }

  CompressedInput input_;
  std::string what_;
  std::unique_ptr<inflate_state> state_;
  std::uint32_t header_crc_ = 0;
  bool first_member_ = true;
  bool in_member_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Source> open_gzip(std::unique_ptr<Source> source, std::string what) {
  return std::make_unique<GzipSource>(std::move(source), std::move(what));
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sifkit/layers/content.h>
#include <sifkit/layers/packed_blocks.h>
#include <sifkit/layers/tree.h>
#include <sifkit/runtime_check.h>

namespace sifkit {

/// Passes contents on and remembers which of them are programs: for which machine, and what they ask for to be run.
class ProgramProbe : public layers::ForwardingSink {
 public:
  explicit ProgramProbe(layers::ContentSink& sink) : ForwardingSink(sink) {}

  void begin(std::uint64_t size) override;
  void append(ByteView bytes) override;
  void append_zeros(std::uint64_t count) override;
  layers::ContentId end() override;
  layers::ContentId take(const layers::PackedBlocks& base, layers::InodeId file) override;

  /// What /bin/sh is made for, else the first program: the files of a directory, sorted, come before those further below.
  /// "" where there is none.
  std::string_view architecture(const layers::Tree& tree) const;

  /// Nothing where there were too many programs to remember this one.
  std::optional<Program> program(layers::ContentId content) const;

 private:
  struct Seen {
    std::string_view architecture;
    std::uint32_t line = 0;  ///< in lines_
    bool script = false;
  };

  std::string_view architecture_of(const layers::Tree& tree, layers::InodeId inode) const;
  std::uint32_t number_of(const std::optional<std::string>& line) const;
  /// What a content is, if it is a program that is remembered. A file of the base is looked at now.
  const Seen* find(std::uint32_t content) const;
  void remember(std::uint32_t content, std::span<const std::byte> start) const;

  static constexpr std::size_t kStart = 4096;         ///< bytes of a file that are looked at
  static constexpr std::size_t kPrograms = 1u << 20;  ///< files that are remembered
  static constexpr std::size_t kLines = 1u << 16;     ///< different lines of them
  static constexpr std::uint32_t kUnknownLine = 0xffffffffu;

  std::array<std::byte, kStart> start_{};
  std::size_t seen_ = 0;
  const layers::PackedBlocks* base_ = nullptr;
  mutable std::optional<layers::FileStarts> base_starts_;  ///< of `base_`, once they are asked for
  // What is known grows when it is asked for.
  mutable std::unordered_map<std::uint32_t, layers::InodeId> in_base_;  ///< not looked at yet
  mutable bool all_remembered_ = true;
  mutable std::unordered_map<std::uint32_t, Seen> programs_;
  mutable std::unordered_map<std::string, std::uint32_t> line_numbers_;
  mutable std::vector<std::string_view> lines_;  ///< keys of line_numbers_
};

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// The GOARCH word for an ELF header, or nothing ("").
std::string_view elf_architecture(ByteView header) noexcept;

/// Passes contents on and remembers which of them are programs, and for which machine.
class ElfProbe : public layers::ContentSink {
 public:
  explicit ElfProbe(layers::ContentSink& sink) : sink_(sink) {}

  void begin(std::uint64_t size) override;
  void append(ByteView bytes) override;
  void append_zeros(std::uint64_t count) override;
  layers::ContentId end() override;

  /// What /bin/sh is made for, else the first program in the order of paths; "" where there is none.
  std::string_view architecture(const layers::Tree& tree) const;

 private:
  std::string_view of(const layers::Tree& tree, layers::InodeId inode) const;

  static constexpr std::size_t kHeader = 20;

  layers::ContentSink& sink_;
  std::array<std::byte, kHeader> header_{};
  std::size_t seen_ = 0;
  std::unordered_map<std::uint32_t, std::string_view> machines_;
};

}  // namespace sifkit

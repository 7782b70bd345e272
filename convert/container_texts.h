// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sifkit/layers/content.h>

namespace sifkit {

/// Keeps the contents of the few files that say what a container is while all contents go into a sink, which gives
/// nothing back.
class ContainerTexts {
 public:
  /// Keeps `limit` bytes in all.
  explicit ContainerTexts(std::uint64_t limit) : left_(limit) {}

  /// Keeps what goes through it into `sink`, which outlives it.
  class Keeper : public layers::ForwardingSink {
   public:
    Keeper(ContainerTexts& texts, layers::ContentSink& sink) : ForwardingSink(sink), texts_(texts), sink_(sink) {}
    /// Where the contents of the file go: through this object if it says something of a container, else past it. The path
    /// is relative and clean.
    layers::ContentSink& for_path(std::string_view path);

    void begin(std::uint64_t size) override;
    void append(ByteView bytes) override;
    void append_zeros(std::uint64_t count) override;
    layers::ContentId end() override;

   private:
    ContainerTexts& texts_;
    layers::ContentSink& sink_;
    bool kept_ = false;
    std::string text_;
  };

  /// Throws unsupported for what was not kept: too much of it, or under a path of another kind.
  std::string text(layers::ContentId content) const;

 private:
  std::uint64_t left_;
  std::unordered_map<std::uint32_t, std::string> texts_;
};

}  // namespace sifkit

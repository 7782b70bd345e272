// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sifkit/core/report.h>
#include <sifkit/core/tar_reader.h>

namespace sifkit::oci {

/// Members of an archive by their clean names. What is odd is refused only when it is asked for: an archive may hold
/// anything beside what an image needs. Not thread safe.
class MemberTable {
 public:
  struct Member {
    TarType type = TarType::regular;
    bool plain = true;          ///< false: a sparse file or one with a name that is there twice
    bool twice = false;
    std::uint64_t place = 0;    ///< the owner's word for where the bytes are
    std::uint64_t size = 0;
    std::string link;  ///< target of a link, as stored
  };

  /// `place` is what the owner wants to find again.
  void add(const TarMember& member, std::uint64_t place, const Limits& limits);

  /// The regular member that a name leads to, links followed; nothing where it is absent.
  const Member* find(std::string_view name, const std::string& archive, const Limits& limits) const;

  std::size_t size() const noexcept { return members_.size(); }

 private:
  std::unordered_map<std::string, Member> members_;
  std::uint64_t count_ = 0;
  std::uint64_t name_bytes_ = 0;
};

}  // namespace sifkit::oci

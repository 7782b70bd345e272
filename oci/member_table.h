// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sifkit/core/limits.h>
#include <sifkit/core/tar_reader.h>
#include <sifkit/oci/contents.h>

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

  /// With `guessed` set nobody has said that these are images, and the members of a root file system, which may be more
  /// than an archive of images can have, are surveyed but not kept.
  explicit MemberTable(bool guessed = false) : guessed_(guessed) {}

  /// `place` is what the owner wants to find again. `head` gives the first bytes of the member, if they are wanted.
  template <class Head>
  void add(const TarMember& member, std::uint64_t place, const Limits& limits, Head&& head) {
    const auto type = member.type == TarType::regular     ? ContentsSurvey::Type::regular
                      : member.type == TarType::directory ? ContentsSurvey::Type::directory
                                                          : ContentsSurvey::Type::other;
    const bool executable = (member.mode & 0111u) != 0;
    const bool wanted = !member.sparse && survey_.wants_head(member.name, type, executable);
    survey_.add(member.name, type, executable, wanted ? head() : ByteView());
    keep(member, place, limits);
  }

  /// What the names say, kept or not.
  const ContentsSurvey& survey() const noexcept { return survey_; }

  /// The regular member that a name leads to, links followed; nothing where it is absent.
  const Member* find(std::string_view name, const std::string& archive, const Limits& limits) const;

 private:
  void keep(const TarMember& member, std::uint64_t place, const Limits& limits);

  bool guessed_;
  ContentsSurvey survey_;
  std::unordered_map<std::string, Member> members_;
  std::uint64_t count_ = 0;
  std::uint64_t name_bytes_ = 0;
};

}  // namespace sifkit::oci

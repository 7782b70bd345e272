// SPDX-License-Identifier: Apache-2.0
#include "member_table.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "file_set.h"

namespace sifkit::oci {

namespace {

/// Names of all members together: an archive within `archive_members` cannot fill the memory with long ones.
constexpr std::uint64_t kMaxAllNamesBytes = 256u << 20;

std::string_view type_word(TarType type) {
  switch (type) {
    case TarType::directory: return "a directory";
    case TarType::char_device:
    case TarType::block_device: return "a device";
    case TarType::fifo: return "a FIFO";
    default: return "not a regular file";
  }
}

}  // namespace

void MemberTable::keep(const TarMember& member, std::uint64_t place, const Limits& limits) {
  if (guessed_ && survey_.has_root()) {
    members_.clear();
    return;
  }
  if (++count_ > limits.archive_members) {
    throw_over_limit(fmt::format("the archive has more than {} members", limits.archive_members), &Limits::archive_members);
  }
  auto name = clean_member_name(member.name);
  if (!name || name->size() > limits.path_bytes) return;  // no document can name it
  name_bytes_ += name->size() + member.link_name.size();
  if (name_bytes_ > kMaxAllNamesBytes) {
    throw Error(ErrorKind::limit, fmt::format("the archive's names take more than {} bytes", kMaxAllNamesBytes));
  }
  Member entry;
  entry.type = member.type;
  entry.plain = !member.sparse;
  entry.place = place;
  entry.size = member.stored_size;
  if (member.type == TarType::hard_link || member.type == TarType::symlink) entry.link = member.link_name;
  const auto [found, fresh] = members_.try_emplace(std::move(*name), std::move(entry));
  if (!fresh) found->second.twice = true;
}

const MemberTable::Member* MemberTable::find(std::string_view name, const std::string& archive,
                                             const Limits& limits) const {
  const auto fail = [&](std::string why) {
    throw Error(ErrorKind::malformed, fmt::format("{}: member {} {}", in_quotes(archive), in_quotes(name), why));
  };
  const auto link_at = [&](const std::string& at) -> std::optional<std::string> {
    const auto found = members_.find(at);
    if (found == members_.end() || found->second.type != TarType::symlink || found->second.twice) return std::nullopt;
    return found->second.link;
  };
  std::string at(name);
  for (unsigned links = 0;; ++links) {
    const auto followed = follow_links(at, limits, link_at);
    links += followed.links;
    if (followed.end == Followed::End::outside) fail("is a link that leaves the archive");
    if (followed.end == Followed::End::too_long) fail("is a link whose target is too long");
    if (followed.end == Followed::End::circle || links > limits.symlink_hops) fail("is a link that leads in a circle");
    const auto found = members_.find(followed.name);
    if (found == members_.end()) {
      if (links != 0) fail(fmt::format("is a link to {}, which is not in the archive", in_quotes(followed.name)));
      return nullptr;
    }
    const Member& member = found->second;
    if (member.twice)
      fail(links == 0 ? "is there twice" : fmt::format("leads to {}, which is there twice", in_quotes(followed.name)));
    if (member.type == TarType::regular) {
      if (!member.plain) fail("is a sparse file");
      return &member;
    }
    if (member.type != TarType::hard_link) {
      fail(fmt::format("is {}, a regular file was expected", type_word(member.type)));
    }
    // A hard link's target counts from the archive's root.
    const auto target = clean_member_name(member.link);
    if (!target) fail("is a link that leaves the archive");
    at = *target;
  }
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/accounts.h>

#include <string_view>

#include <sifkit/core/text.h>

namespace sifkit::inspect {

using namespace layers;

namespace {

constexpr std::uint64_t kMaxBytes = 16u << 20;

}  // namespace

Accounts read_accounts(FileSystem& files, bool users) {
  Accounts out;
  const auto inode = files.find(users ? "etc/passwd" : "etc/group", true);
  if (!inode || files.known().inode(*inode).type != EntryType::regular) return out;
  const std::string text = files.text(*inode, kMaxBytes);
  for (std::string_view rest = text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    // "name:password:id:..."
    const auto name_end = line.find(':');
    if (name_end == std::string_view::npos || name_end == 0) continue;
    const auto id_start = line.find(':', name_end + 1);
    if (id_start == std::string_view::npos) continue;
    const auto id = whole_number<std::uint32_t>(line.substr(id_start + 1, line.find(':', id_start + 1) - id_start - 1));
    if (!id) continue;
    const std::string name(line.substr(0, name_end));
    out.ids.try_emplace(name, *id);
    out.names.try_emplace(*id, name);
  }
  return out;
}

OwnerNames read_owner_names(FileSystem& files) { return {read_accounts(files, true), read_accounts(files, false)}; }

}  // namespace sifkit::inspect

// SPDX-License-Identifier: Apache-2.0
#include "file_text.h"

#include <fmt/format.h>

#include "terminal_filter.h"

namespace sifkit::cli {

using namespace layers;

std::string mode_text(const Inode& inode) {
  static constexpr std::string_view kTypes = "-dlcbps";
  std::string out(1, kTypes[static_cast<std::size_t>(inode.type)]);
  const auto mode = inode.metadata.mode;
  for (unsigned shift = 6;; shift -= 3) {
    const auto bits = mode >> shift & 7u;
    const bool special = (mode & (04000u >> ((6 - shift) / 3))) != 0;
    out += (bits & 4u) != 0 ? 'r' : '-';
    out += (bits & 2u) != 0 ? 'w' : '-';
    const bool executable = (bits & 1u) != 0;
    const char mark = shift == 0 ? 't' : 's';
    out += special ? (executable ? mark : static_cast<char>(mark - 'a' + 'A')) : executable ? 'x' : '-';
    if (shift == 0) return out;
  }
}

char attribute_mark(const Tree& tree, const Inode& inode) {
  const auto& xattrs = tree.xattrs(inode.metadata.xattrs);
  if (xattrs.empty()) return ' ';
  const bool lists = std::any_of(xattrs.begin(), xattrs.end(),
                                 [](const auto& xattr) { return xattr.first.starts_with("system.posix_acl_"); });
  return lists ? '+' : '@';
}

std::string account_name(const inspect::Accounts& accounts, std::uint32_t id) {
  const auto found = accounts.names.find(id);
  return found == accounts.names.end() ? std::to_string(id) : printable(found->second);
}

std::string device_text(const Inode& inode) { return fmt::format("{}, {}", device_major(inode.data), device_minor(inode.data)); }

std::string short_size(std::uint64_t size) {
  static constexpr std::string_view kUnits = "KMGTPE";
  if (size < 1024) return fmt::format("{}", size);
  std::size_t unit = 0;
  std::uint64_t tenths = (size * 10 + 1023) / 1024;  // ls rounds up
  if (size > ~std::uint64_t{0} / 16) tenths = size / 1024 * 10;
  while ((tenths + 9) / 10 >= 1024 && unit + 1 < kUnits.size()) {
    tenths = (tenths + 1023) / 1024;
    ++unit;
  }
  return tenths < 100 ? fmt::format("{}.{}{}", tenths / 10, tenths % 10, kUnits[unit])
                      : fmt::format("{}{}", (tenths + 9) / 10, kUnits[unit]);
}

std::string shown(std::string_view name, const Session& session) {
  return session.io.out_is_terminal ? single_line(name) : std::string(name);
}

}  // namespace sifkit::cli

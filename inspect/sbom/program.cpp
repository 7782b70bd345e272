// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <zlib.h>

#include <sifkit/core/elf_file.h>
#include <sifkit/core/error.h>

#include "catalogers.h"
#include "fields.h"
#include "lenient_json.h"

namespace sifkit::sbom {

namespace {

constexpr std::string_view kGoMagic = "\xff Go buildinf:";
constexpr std::size_t kGoHeader = 32;
constexpr std::size_t kMarks = 16;           ///< around the list of modules
constexpr std::size_t kMaxAudit = 8u << 20;  ///< cargo-auditable's list, inflated

struct Module {
  std::string path;
  std::string version;
};

/// A number of Go's variable length in front of a text; takes both off.
std::optional<std::string_view> take_counted(ByteView& bytes) {
  std::uint64_t length = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = std::to_integer<std::uint64_t>(bytes[0]);
    bytes = bytes.subspan(1);
    length |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      if (length > bytes.size()) return std::nullopt;
      const auto text = as_text(bytes.first(static_cast<std::size_t>(length)));
      bytes = bytes.subspan(static_cast<std::size_t>(length));
      return text;
    }
  }
  return std::nullopt;
}

struct BuildInfo {
  std::string_view go;
  std::string_view modules;
};

/// The two texts where Go before 1.18 has pointers to them.
std::optional<BuildInfo> old_build_info(const ElfFile& elf, ByteView header) {
  const auto width = std::to_integer<unsigned>(header[14]);
  const bool big = (std::to_integer<unsigned>(header[15]) & 1u) != 0;
  if ((width != 4 && width != 8) || header.size() < 16 + 2 * width) return std::nullopt;
  const auto number = [&](ByteView at) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value = value << 8 | std::to_integer<std::uint64_t>(at[big ? i : width - 1 - i]);
    return value;
  };
  const auto text = [&](std::uint64_t pointer) -> std::string_view {
    const auto string = elf.at_address(pointer, 2 * width);
    if (string.size() < 2 * width) return {};
    const auto length = number(string.subspan(width));
    const auto bytes = elf.at_address(number(string), length);
    return bytes.size() < length ? std::string_view() : as_text(bytes);
  };
  return BuildInfo{text(number(header.subspan(16))), text(number(header.subspan(16 + width)))};
}

std::optional<BuildInfo> build_info(const ElfFile& elf) {
  auto section = elf.section(".go.buildinfo");
  // Without a table of sections Go itself looks there.
  if (section.empty() && !elf.has_sections()) section = elf.writable_data();
  const auto text = as_text(section);
  for (std::size_t at = 0; (at = text.find(kGoMagic, at)) != std::string_view::npos; ++at) {
    if (at % 16 != 0 || section.size() - at < kGoHeader) continue;
    const auto header = section.subspan(at);
    if ((std::to_integer<unsigned>(header[15]) & 2u) == 0) return old_build_info(elf, header);
    auto rest = header.subspan(kGoHeader);
    const auto go = take_counted(rest);
    const auto modules = go ? take_counted(rest) : std::nullopt;
    if (!modules) throw Error(ErrorKind::malformed, "Go build information is cut short");
    return BuildInfo{*go, *modules};
  }
  return std::nullopt;
}

void add_module(const Module& module, std::string_view go, Findings& out) {
  Found found{.purl = {"golang", {}, module.path, module.version, {}}};
  found.name = module.path;
  if (const auto slash = module.path.rfind('/'); slash != std::string::npos) {
    found.purl.space = module.path.substr(0, slash);
    found.purl.name = module.path.substr(slash + 1);
  }
  found.properties = {{"go:toolchain", std::string(go)}};
  out.add(std::move(found));
}

/// The version that a program was given when it was linked: "v1.2.3" of -X main.version=1.2.3. Of variables in other
/// modules than the program's own they say that of the other.
std::string version_of_flags(std::string_view flags, std::string_view module) {
  static constexpr std::string_view kNames[] = {"version", "Version", "gitVersion", "GitVersion", "buildVersion",
                                                "BuildVersion"};
  static constexpr std::string_view kSet = "-X";
  for (std::size_t at = 0; (at = flags.find(kSet, at)) != std::string_view::npos;) {
    const bool starts = at == 0 || std::string_view(" \t'\"=").find(flags[at - 1]) != std::string_view::npos;
    at += kSet.size();
    if (!starts) continue;
    auto rest = flags.substr(at);
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t=\"'"), rest.size()));
    const auto variable = rest.substr(0, rest.find_first_of("= \t\"'"));
    const auto dot = variable.rfind('.');
    if (dot == std::string_view::npos || !rest.substr(variable.size()).starts_with('=')) continue;
    const auto package = variable.substr(0, dot);
    const bool own = package == "main" || package == module ||
                     (package.starts_with(module) && package.substr(module.size()).starts_with('/'));
    if (!own || std::find(std::begin(kNames), std::end(kNames), variable.substr(dot + 1)) == std::end(kNames)) continue;
    auto value = rest.substr(variable.size() + 1);
    value = value.substr(0, value.find_first_of(" '\""));
    const auto digits = value.starts_with('v') ? value.substr(1) : value;
    // As modules are numbered; anything else is no version of one.
    const bool numbered = std::count(digits.begin(), digits.end(), '.') >= 2 && digits[0] >= '0' && digits[0] <= '9' &&
                          digits.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ.+-") == std::string_view::npos;
    if (numbered) return "v" + std::string(digits);
  }
  return {};
}

/// "1.22.3" of "go1.22.3 X:boringcrypto", "1.23-0123abc" of "devel go1.23-0123abc Mon …"; "" of "devel +0123abc".
std::string release_of_go(std::string_view toolchain) {
  if (toolchain.starts_with("devel ")) toolchain.remove_prefix(6);
  if (!toolchain.starts_with("go")) return {};
  toolchain.remove_prefix(2);
  return std::string(toolchain.substr(0, toolchain.find(' ')));
}

void read_go(const ElfFile& elf, Findings& out) {
  const auto info = build_info(elf);
  if (!info || (!info->go.starts_with("go") && !info->go.starts_with("devel"))) return;
  auto text = info->modules;
  if (text.size() >= 2 * kMarks + 1 && text[text.size() - kMarks - 1] == '\n') {
    text = text.substr(kMarks, text.size() - 2 * kMarks);
  } else {
    text = {};
  }
  std::vector<Module> modules;
  bool has_main = false;
  std::string revision;
  std::string flags;
  while (!text.empty()) {
    const auto line = take_line(text);
    std::vector<std::string> columns;
    for (auto rest = line;;) {
      const auto tab = rest.find('\t');
      columns.emplace_back(rest.substr(0, tab));
      if (tab == std::string_view::npos) break;
      rest.remove_prefix(tab + 1);
    }
    const auto version = columns.size() > 2 ? columns[2] : std::string();
    if (columns.size() >= 2 && (columns[0] == "mod" || columns[0] == "dep")) {
      has_main = has_main || columns[0] == "mod";
      modules.push_back({columns[1], version});
    } else if (columns.size() >= 2 && columns[0] == "=>" && !modules.empty()) {
      // A replacement that is a directory has no version, and its path says nothing: the module it stands for does.
      if (!version.empty()) modules.back() = {columns[1], version};
    } else if (columns.size() >= 2 && columns[0] == "build" && columns[1].starts_with("vcs.revision=")) {
      revision = columns[1].substr(columns[1].find('=') + 1);
    } else if (columns.size() >= 2 && columns[0] == "build" && columns[1].starts_with("-ldflags=")) {
      flags = columns[1];
    }
  }
  const auto stated = has_main ? version_of_flags(flags, modules[0].path) : std::string();
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (modules[i].version == "(devel)") {
      modules[i].version = i != 0 || !has_main ? std::string() : stated.empty() ? revision : stated;
    }
    add_module(modules[i], info->go, out);
  }
  add_module({"stdlib", release_of_go(info->go)}, info->go, out);
}

std::string inflated(ByteView bytes) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  std::string out(kMaxAudit, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), kMaxAudit));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  if (result != Z_STREAM_END) {
    throw Error(ErrorKind::malformed,
                fmt::format("the list of cargo-auditable does not unpack to at most {} bytes", kMaxAudit));
  }
  return out;
}

void read_rust(const ElfFile& elf, Findings& out) {
  const auto section = elf.section(".dep-v0");
  if (section.empty()) return;
  const auto document = read_document(inflated(section));
  if (!document.is_object() || !document.contains("packages") || !document["packages"].is_array()) {
    throw Error(ErrorKind::malformed, "the list of cargo-auditable has no packages");
  }
  for (const auto& package : document["packages"]) {
    if (member_text(package, "kind") == "build") continue;  // ran when the program was built, is not in it
    Found found{.purl = {"cargo", {}, member_text(package, "name"), member_text(package, "version"), {}}};
    const auto source = member_text(package, "source");
    if (source != "crates.io" && source != "registry") found.properties = {{"cargo:source", source}};
    out.add(std::move(found));
  }
}

}  // namespace

void read_program(ByteView program, const ElfFile::Fetch& fetch, Findings& out) {
  const auto elf = ElfFile::open(program, fetch);
  if (!elf) return;
  read_go(*elf, out);
  read_rust(*elf, out);
}

}  // namespace sifkit::sbom

// SPDX-License-Identifier: Apache-2.0
#include "registries_conf.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/stream.h>
#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = 1u << 20;
constexpr std::string_view kAnyHost = "*.";

[[noreturn]] void refuse(const std::string& file, std::string_view why) {
  throw Error(ErrorKind::malformed, fmt::format("{}: {}", in_quotes(file), why));
}

toml::table parsed(const fs::path& path) {
  const auto text = read_all(*sifkit::open_source(path), kMaxBytes, path.native());
  try {
    return toml::parse(as_text(text));
  } catch (const toml::parse_error& error) {
    refuse(path.native(), fmt::format("line {}: {}", error.source().begin.line, printable(error.description())));
  }
}

std::string text_of(const toml::table& table, const char* key, const std::string& file) {
  const auto* node = table.get(key);
  if (node == nullptr) return {};
  const auto value = node->value_exact<std::string>();
  if (!value) refuse(file, fmt::format("line {}: {} is no text", node->source().begin.line, key));
  return *value;
}

/// A name's beginning, as other programs read it: slashes behind it count for nothing, and a scheme is refused. One
/// that matched no name would silently block nothing.
std::string place_of(const toml::table& table, const char* key, const std::string& file) {
  auto out = text_of(table, key, file);
  if (out.starts_with("http://") || out.starts_with("https://")) {
    refuse(file, fmt::format("line {}: {}: expected HOST[:PORT][/NAME], found {}",
                             table.get(key)->source().begin.line, key, in_quotes(out)));
  }
  while (out.ends_with('/')) out.pop_back();
  return out;
}

bool flag_of(const toml::table& table, const char* key, const std::string& file) {
  const auto* node = table.get(key);
  if (node == nullptr) return false;
  const auto value = node->value_exact<bool>();
  if (!value) refuse(file, fmt::format("line {}: {} is neither true nor false", node->source().begin.line, key));
  return *value;
}

/// The tables of an array of tables; none where the key is absent.
std::vector<const toml::table*> tables_of(const toml::table& table, const char* key, const std::string& file) {
  std::vector<const toml::table*> out;
  const auto* node = table.get(key);
  if (node == nullptr) return out;
  const auto* list = node->as_array();
  if (list == nullptr) refuse(file, fmt::format("line {}: expected [[{}]]", node->source().begin.line, key));
  for (const auto& entry : *list) {
    if (entry.as_table() == nullptr) refuse(file, fmt::format("line {}: expected [[{}]]", node->source().begin.line, key));
    out.push_back(entry.as_table());
  }
  return out;
}

/// How much of a name a prefix covers: up to an end of one of the name's parts; nothing where it does not match.
std::size_t covered(std::string_view name, std::string_view prefix) {
  if (prefix.starts_with(kAnyHost)) {
    // The port is behind what is covered, as it is behind a host that is written out.
    const auto host = name.substr(0, name.find_first_of("/:"));
    return host.ends_with(prefix.substr(1)) && host.size() > prefix.size() - 1 ? host.size() : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  const bool ends = name.size() == prefix.size() || std::string_view("/:@").find(name[prefix.size()]) != std::string_view::npos;
  return ends ? prefix.size() : 0;
}

/// Whether the first part of a name is a host to everybody who reads it.
bool names_host(std::string_view name) {
  const auto first = name.substr(0, name.find('/'));
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos;
}

fs::path user_directory() {
  const fs::path configuration = environment_variable("XDG_CONFIG_HOME");
  if (configuration.is_absolute()) return configuration / "containers";
  const auto home = home_directory();
  return home.empty() ? fs::path() : home / ".config" / "containers";
}

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".conf") out.push_back(at->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void RegistriesConf::add(const fs::path& path, Logger& logger) {
  const std::string file = path.native();
  const toml::table table = parsed(path);
  if (table.get("registries") != nullptr) {
    logger.write(LogLevel::warning, fmt::format("{} is of version 1, which is not read", in_quotes(file)));
    return;
  }
  for (const auto* entry : tables_of(table, "registry", file)) {
    Registry registry;
    registry.file = file;
    registry.location = place_of(*entry, "location", file);
    auto prefix = place_of(*entry, "prefix", file);
    if (prefix.empty()) prefix = registry.location;
    if (prefix.empty()) refuse(file, fmt::format("line {}: a registry without prefix and location", entry->source().begin.line));
    registry.insecure = flag_of(*entry, "insecure", file);
    registry.blocked = flag_of(*entry, "blocked", file);
    registry.mirrors_by_digest_only = flag_of(*entry, "mirror-by-digest-only", file);
    for (const auto* inner : tables_of(*entry, "mirror", file)) {
      Mirror mirror{place_of(*inner, "location", file), flag_of(*inner, "insecure", file), PullFrom::all};
      if (mirror.location.empty()) refuse(file, fmt::format("line {}: a mirror without location", inner->source().begin.line));
      const auto from = text_of(*inner, "pull-from-mirror", file);
      if (from == "digest-only") {
        mirror.from = PullFrom::digest_only;
      } else if (from == "tag-only") {
        mirror.from = PullFrom::tag_only;
      } else if (!from.empty() && from != "all") {
        refuse(file, fmt::format("pull-from-mirror: expected all, digest-only or tag-only, found {}", in_quotes(from)));
      }
      registry.mirrors.push_back(std::move(mirror));
    }
    registries_.insert_or_assign(std::move(prefix), std::move(registry));
  }
}

RegistriesConf RegistriesConf::load(Logger& logger) {
  RegistriesConf out;
  std::error_code error;
  if (const auto named = environment_variable("CONTAINERS_REGISTRIES_CONF"); !named.empty()) {
    out.add(named, logger);
    return out;
  }
  const auto own = user_directory();
  const bool of_user = !own.empty() && fs::exists(own / "registries.conf", error);
  const fs::path system = "/etc/containers";
  if (!of_user) {
    if (fs::exists(system / "registries.conf", error)) out.add(system / "registries.conf", logger);
    for (const auto& path : files_below(system / "registries.conf.d")) out.add(path, logger);
  } else {
    out.add(own / "registries.conf", logger);
  }
  if (!own.empty()) {
    for (const auto& path : files_below(own / "registries.conf.d")) out.add(path, logger);
  }
  return out;
}

std::vector<RegistryPlace> RegistriesConf::places(const RegistryName& name) const {
  const auto full = name.without_reference();
  const std::pair<const std::string, Registry>* best = nullptr;
  for (const auto& entry : registries_) {
    if (covered(full, entry.first) != 0 && (best == nullptr || entry.first.size() > best->first.size())) best = &entry;
  }
  if (best == nullptr) return {{name}};
  const auto& prefix = best->first;
  const auto& registry = best->second;
  if (registry.blocked)
    throw Error(ErrorKind::denied, fmt::format("registry {} is blocked in {}", in_quotes(prefix), in_quotes(registry.file)));
  const auto rest = full.substr(covered(full, prefix));
  const auto reference = name.text().substr(full.size());
  const auto at = [&](const std::string& location) {
    const auto moved = location + rest;
    // What has one label only is a name in Docker's registry, which belongs to somebody else.
    if (!names_host(moved)) {
      refuse(registry.file, fmt::format("location: expected HOST[:PORT][/NAME], with a port or a dot in HOST or "
                                        "localhost, found {}", in_quotes(location)));
    }
    return RegistryName::parse(moved + reference, location);
  };
  // A registry alone, as one logs in to it, is nowhere else.
  if (name.repository.empty()) return {{name, registry.insecure}};
  std::vector<RegistryPlace> out;
  for (const auto& mirror : registry.mirrors) {
    const bool by_digest = name.digest.has_value();
    if (registry.mirrors_by_digest_only ? !by_digest : mirror.from == (by_digest ? PullFrom::tag_only : PullFrom::digest_only)) continue;
    out.push_back({at(mirror.location), mirror.insecure});
  }
  out.push_back({registry.location.empty() ? name : at(registry.location), registry.insecure});
  return out;
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/option_values.h>
#include <sifkit/oci/cache.h>

#include "commands.h"
#include "numbers.h"
#include "registry_options.h"
#include "table.h"

namespace sifkit::cli {

namespace {

struct CacheCommand {
  std::string max_size;
};

/// The directory, even where nothing is to be kept.
oci::CacheOptions kept_in() {
  auto options = cache_options(false);
  if (options.directory.empty()) throw Error(ErrorKind::usage, "there is no directory for a cache", "SIFKIT_CACHEDIR names one");
  return options;
}

int print_path(const CacheCommand&, Session& session) {
  const auto directory = kept_in().directory;
  if (session.json) {
    session.print_json({{"schema", "sifkit/cache-path/v1"}, {"directory", directory.native()}});
  } else {
    session.io.out << printable(directory.native()) << '\n';
  }
  return 0;
}

int list_cache(const CacheCommand&, Session& session) {
  const auto options = kept_in();
  Json records = Json::array();
  Table table({"KIND", "SIZE", "LAST USED", "DIGEST"});
  std::uint64_t bytes = 0;
  for (const auto& entry : oci::cache_entries(options.directory)) {
    const char* kind = entry.is_image ? "image" : "blob";
    bytes += entry.bytes;
    records.push_back({{"kind", kind}, {"digest", entry.name}, {"bytes", entry.bytes}, {"used", entry.used}});
    table.add({kind, human_bytes(entry.bytes), utc_time(entry.used), entry.name});
  }
  if (session.json) {
    session.print_json({{"schema", "sifkit/cache-list/v1"},
                        {"directory", options.directory.native()},
                        {"bytes", bytes},
                        {"max_bytes", options.max_bytes},
                        {"entries", records}});
  } else if (!records.empty()) {
    session.io.out << table.text(session.io);
    session.io.out << fmt::format("{} {}, {} of {}\n", records.size(), records.size() == 1 ? "entry" : "entries",
                                  human_bytes(bytes), human_bytes(options.max_bytes));
  }
  return 0;
}

int prune(const CacheCommand& arguments, Session& session, bool all) {
  auto options = kept_in();
  if (!arguments.max_size.empty()) {
    const auto size = scaled_number(arguments.max_size);
    if (!size)
      throw Error(ErrorKind::usage, fmt::format("--max-size {}: expected a number, with K, M, G or T behind it", in_quotes(arguments.max_size)));
    options.max_bytes = *size;
  }
  const auto freed = oci::prune_cache(options.directory, all ? 0 : options.max_bytes);
  if (session.json) {
    session.print_json({{"schema", "sifkit/cache-prune/v1"}, {"directory", options.directory.native()}, {"freed_bytes", freed}});
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: {} removed", printable(options.directory.native()), human_bytes(freed)));
  }
  return 0;
}

int prune_to_size(const CacheCommand& arguments, Session& session) { return prune(arguments, session, false); }
int remove_all(const CacheCommand& arguments, Session& session) { return prune(arguments, session, true); }

}  // namespace

void add_cache_command(CLI::App& root, Session& session) {
  CLI::App* family = root.add_subcommand("cache", "What is kept of images that were fetched");
  family->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, int (*run)(const CacheCommand&, Session&)) {
    CLI::App* verb = add_verb(*family, session, name, description);
    const auto arguments = std::make_shared<CacheCommand>();
    set_action(*verb, session, arguments, run);
    return std::pair(verb, arguments);
  };
  add("list", "List what is kept, the first to go in front", list_cache);
  add("path", "Print the directory", print_path);
  add("clean", "Remove everything", remove_all);
  const auto [verb, arguments] = add("prune", "Remove what was used longest ago", prune_to_size);
  verb->add_option("--max-size", arguments->max_size, "How much is left (default: SIFKIT_CACHE_SIZE, else 20G)")
      ->type_name("N[K|M|G|T]");
  add_help_command(*family, session);
}

}  // namespace sifkit::cli

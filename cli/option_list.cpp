// SPDX-License-Identifier: Apache-2.0
#include "option_list.h"

#include "help_formatter.h"

namespace sifkit::cli {

namespace {

OptionInfo info_of(const CLI::Option* option) {
  OptionInfo info;
  info.type = option->get_expected_max() == 0 ? "" : option->get_type_name();
  info.description = option->get_description();
  for (const auto& name : option->get_snames()) info.names.push_back("-" + name);
  for (const auto& name : option->get_lnames()) info.names.push_back("--" + name);
  return info;
}

void add_verbs(const CLI::App& app, const std::vector<std::string>& path, std::vector<VerbInfo>& out) {
  const auto below = listed_verbs(app);
  for (const CLI::App* verb : below) {
    auto longer = path;
    longer.push_back(verb->get_name());
    add_verbs(*verb, longer, out);
  }
  if (!below.empty()) return;
  VerbInfo verb{.path = path, .description = app.get_description(), .arguments = argument_words(&app), .options = options_of(app), .positionals = {}};
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    auto info = info_of(option);
    info.names.clear();
    verb.positionals.push_back(std::move(info));
  }
  out.push_back(std::move(verb));
}

}  // namespace

std::vector<const CLI::App*> listed_verbs(const CLI::App& group) {
  return group.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

bool is_group(const CLI::App& app) { return !listed_verbs(app).empty(); }

std::vector<OptionInfo> options_of(const CLI::App& app) {
  std::vector<OptionInfo> out;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return !o->get_positional() && !o->get_group().empty(); })) out.push_back(info_of(option));
  return out;
}

std::vector<VerbInfo> verbs_of(const CLI::App& root) {
  std::vector<VerbInfo> out;
  add_verbs(root, {}, out);
  return out;
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "option_list.h"

namespace sifkit::cli {

namespace {

void add_verbs(CLI::App& app, const std::vector<std::string>& path, std::vector<VerbInfo>& out) {
  const auto below = app.get_subcommands([](CLI::App*) { return true; });
  if (!below.empty()) {
    for (CLI::App* verb : below) {
      auto longer = path;
      longer.push_back(verb->get_name());
      add_verbs(*verb, longer, out);
    }
    return;
  }
  VerbInfo verb;
  verb.path = path;
  verb.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    OptionInfo info;
    const bool flag = option->get_expected_max() == 0;
    info.type = flag ? "" : option->get_type_name();
    info.description = option->get_description();
    if (option->get_positional()) {
      verb.arguments += (verb.arguments.empty() ? "" : " ") + (option->get_required() ? info.type : "[" + info.type + "]");
      verb.positionals.push_back(info);
      continue;
    }
    for (const auto& name : option->get_snames()) info.names.push_back("-" + name);
    for (const auto& name : option->get_lnames()) info.names.push_back("--" + name);
    verb.options.push_back(info);
  }
  out.push_back(verb);
}

}  // namespace

std::vector<VerbInfo> verbs_of(CLI::App& root) {
  std::vector<VerbInfo> out;
  add_verbs(root, {}, out);
  return out;
}

}  // namespace sifkit::cli

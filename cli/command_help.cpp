// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "commands.h"
#include "help_formatter.h"
#include "usage_error.h"

namespace sifkit::cli {

void add_help_command(CLI::App& group, Session& session) {
  CLI::App* verb = add_verb(group, session, "help", "Print the help of a verb, or this");
  if (group.get_parent() != nullptr) verb->group("");  // one in the list of all verbs is enough
  const auto path = std::make_shared<std::vector<std::string>>();
  verb->add_option("verb", *path, "The verb, for example: sif list")->type_name("VERB");
  verb->callback([path, &group, &session] {
    session.action = [path, &group, &session] {
      const CLI::App* asked = &group;
      for (const auto& word : *path) {
        const auto below = asked->get_subcommands([&](const CLI::App* each) { return each->check_name(word); });
        if (below.empty()) throw no_such_verb(*asked, word);
        asked = below.front();
      }
      const auto text = asked->get_formatter()->make_help(asked, {}, CLI::AppFormatMode::Normal);  // help() is that of the verb that was chosen
      if (session.json) {
        session.print_json({{"schema", "sifkit/help/v1"}, {"command", full_name(asked)}, {"text", text}});
      } else {
        session.io.out << text;
      }
      return 0;
    };
  });
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sifkit/records/version.h>
#include <sifkit/version.h>

#include "commands.h"

namespace sifkit::cli {

void add_version_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "version", "Print the version and those of the libraries in use");
  verb->callback([&session] {
    session.action = [&session] {
      if (session.json) {
        auto record = records::version_record();
        record["libraries"]["CLI11"] = CLI11_VERSION;
        session.print_json(record);
        return 0;
      }
      session.io.out << "sifkit " SIFKIT_VERSION_STRING "\n";
      auto libraries = records::library_versions();
      libraries.emplace_back("CLI11", CLI11_VERSION);
      for (const auto& [name, version] : libraries) session.io.out << fmt::format("  {:<13} {}\n", name, version.value_or("not installed"));
      return 0;
    };
  });
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "container_attributes.h"

#include <optional>
#include <string>
#include <vector>

#include <sifkit/container_tree.h>

#include "container_metadata.h"
#include "runtime_scripts.h"

namespace sifkit {

namespace {

bool shown_environment(std::string_view name) {
  return (name.starts_with("10-docker") && name.ends_with(".sh")) ||
         (name.starts_with("9") && name.ends_with("-environment.sh"));
}

class AttributeReader {
 public:
  AttributeReader(ContainerFiles& files, const Limits& limits, WarningList& warnings)
      : files_(files), limits_(limits), warnings_(warnings) {}

  ContainerAttributes read() {
    ContainerAttributes out;
    read_directory(std::string(kRuntimeDirectory), out);
    out.deffile = text(std::string(kDefinitionPath));
    out.startscript = text(std::string(kStartScriptPath));
    for (const auto& app : names("scif/apps").value_or(Names())) {
      const std::string directory = "scif/apps/" + app + "/scif";
      if (names(directory)) read_directory(directory, out.apps[app]);
    }
    return out;
  }

 private:
  using Names = std::vector<std::string>;

  std::string text(const std::string& path) {
    std::string out;
    read_part(in_quotes("/" + path), warnings_,
              [&] { out = without_final_line_feeds(files_.text(path, limits_.json_bytes).value_or("")); });
    return out;
  }

  std::optional<Names> names(const std::string& path) {
    std::optional<Names> out;
    read_part(in_quotes("/" + path), warnings_, [&] { out = files_.names(path); });
    return out;
  }

  void read_directory(const std::string& directory, AppAttributes& out) {
    out.runscript = text(directory + "/runscript");
    out.test = text(directory + "/test");
    out.helpfile = text(directory + "/runscript.help");
    if (const auto labels = text(directory + "/labels.json"); !labels.empty()) {
      read_part(in_quotes("/" + directory + "/labels.json"), warnings_,
                [&] { out.labels = parse_labels(labels, limits_, warnings_); });
    }
    for (const auto& name : names(directory + "/env").value_or(Names())) {
      if (!shown_environment(name)) continue;
      const std::string path = directory + "/env/" + name;
      out.environment["/" + path] = text(path);
    }
  }

  ContainerFiles& files_;
  const Limits& limits_;
  WarningList& warnings_;
};

}  // namespace

ContainerAttributes read_attributes(ContainerFiles& files, const Limits& limits, WarningList& warnings) {
  return AttributeReader(files, limits, warnings).read();
}

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sifkit::testing {

/// Variables of the environment: as they are told while it lives, and as they were before after it.
class Environment {
 public:
  using Setting = std::pair<const char*, std::optional<std::string>>;

  /// Nothing: not set.
  explicit Environment(const std::vector<Setting>& settings) {
    for (const auto& [name, value] : settings) {
      const char* before = std::getenv(name);
      before_.emplace_back(name, before == nullptr ? std::optional<std::string>() : before);
      set(name, value);
    }
  }
  Environment(const char* name, const std::string& value) : Environment(std::vector<Setting>{{name, value}}) {}
  ~Environment() {
    for (auto at = before_.rbegin(); at != before_.rend(); ++at) set(at->first, at->second);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void set(const char* name, const std::optional<std::string>& value) {
    if (value) {
      ::setenv(name, value->c_str(), 1);
    } else {
      ::unsetenv(name);
    }
  }

  std::vector<Setting> before_;
};

/// Under which the directories of keys, whosever, are those below `home`.
inline std::vector<Environment::Setting> keys_below(const std::string& home) {
  std::vector<Environment::Setting> out{{"HOME", home}};
  for (const char* name : {"SIFKIT_CONFIGDIR", "XDG_CONFIG_HOME", "APPTAINER_CONFIGDIR", "SINGULARITY_CONFIGDIR", "APPTAINER_KEYSDIR", "SINGULARITY_SYPGPDIR"}) out.emplace_back(name, std::nullopt);
  return out;
}

}  // namespace sifkit::testing

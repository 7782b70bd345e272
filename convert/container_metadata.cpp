// SPDX-License-Identifier: Apache-2.0
#include "container_metadata.h"

#include <ctime>

#include <fmt/format.h>

#include <sifkit/core/json.h>
#include <sifkit/version.h>

namespace sifkit {

namespace {

constexpr const char* kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};

std::string without_final_line_feeds(std::string_view text) {
  const auto last = text.find_last_not_of('\n');
  return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

std::string compact_map(const TextMap& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", go_json_string(key), go_json_string(value));
  }
  return "{" + out + "}";
}

}  // namespace

std::string build_date(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{}_{}_{}_{}_{}:{}:{}_UTC", kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                     utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

TextMap container_labels(const oci::ImageConfig& config, std::string_view architecture, std::int64_t seconds,
                         std::string_view bootstrap, std::string_view from) {
  TextMap labels(config.config.labels.begin(), config.config.labels.end());
  labels["org.label-schema.schema-version"] = "1.0";
  labels["org.label-schema.build-date"] = build_date(seconds);
  labels["org.label-schema.build-arch"] = architecture;
  labels["org.label-schema.usage.apptainer.version"] = "sifkit-" SIFKIT_VERSION_STRING;
  labels["org.label-schema.usage.singularity.deffile.bootstrap"] = bootstrap;
  labels["org.label-schema.usage.singularity.deffile.from"] = from;
  return labels;
}

std::string labels_json(const TextMap& labels) {
  std::string out;
  for (const auto& [key, value] : labels) {
    out += fmt::format("{}\t{}: {}", out.empty() ? "" : ",\n", go_json_string(key), go_json_string(value));
  }
  return "{\n" + out + "\n}";
}

std::string definition_text(std::string_view bootstrap, std::string_view from) {
  return fmt::format("bootstrap: {}\nfrom: {}\n\n", bootstrap, from);
}

std::string inspect_metadata_json(const ContainerAttributes& attributes) {
  std::string members;
  const auto add = [&](std::string_view name, const std::string& value) {
    members += fmt::format("{}\"{}\":{}", members.empty() ? "" : ",", name, value);
  };
  const auto add_text = [&](std::string_view name, const std::string& text) {
    const std::string stripped = without_final_line_feeds(text);
    if (!stripped.empty()) add(name, go_json_string(stripped));
  };
  TextMap environment;
  for (const auto& [path, text] : attributes.environment) environment[path] = without_final_line_feeds(text);
  if (!environment.empty()) add("environment", compact_map(environment));
  if (!attributes.labels.empty()) add("labels", compact_map(attributes.labels));
  add_text("runscript", attributes.runscript);
  add_text("test", attributes.test);
  add_text("helpfile", attributes.helpfile);
  add_text("deffile", attributes.deffile);
  add_text("startscript", attributes.startscript);
  return "{\"data\":{\"attributes\":{" + members + "}},\"type\":\"container\"}";
}

}  // namespace sifkit

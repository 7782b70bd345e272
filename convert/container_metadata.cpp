// SPDX-License-Identifier: Apache-2.0
#include "container_metadata.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/version.h>

namespace sifkit {

namespace {

constexpr const char* kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};

std::string compact_map(const TextMap& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", go_json_string(key), go_json_string(value));
  }
  return "{" + out + "}";
}

}  // namespace

std::string without_final_line_feeds(std::string_view text) {
  const auto last = text.find_last_not_of('\n');
  return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string build_date(std::int64_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{}_{}_{}_{}_{}:{}:{}_UTC", kDays[time.weekday], time.day, kMonths[time.month - 1], time.year, time.hour,
                     time.minute, time.second);
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

namespace {

/// Members of a JSON object in the order of calls; empty ones are left out.
class Members {
 public:
  void add(std::string_view name, const std::string& json) {
    text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", name, json);
  }
  void add_text(std::string_view name, const std::string& text) {
    const std::string stripped = without_final_line_feeds(text);
    if (!stripped.empty()) add(name, go_json_string(stripped));
  }
  void add_map(std::string_view name, const TextMap& map) {
    if (!map.empty()) add(name, compact_map(map));
  }
  std::string object() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

TextMap stripped(const TextMap& map) {
  TextMap out;
  for (const auto& [key, text] : map) out[key] = without_final_line_feeds(text);
  return out;
}

std::string app_object(const AppAttributes& app) {
  Members members;
  members.add_map("environment", stripped(app.environment));
  members.add_map("labels", app.labels);
  members.add_text("runscript", app.runscript);
  members.add_text("test", app.test);
  members.add_text("helpfile", app.helpfile);
  return members.object();
}

void left_out(const JsonView& view, std::string_view expected, WarningList& warnings) {
  try {
    view.fail(expected);
  } catch (const Error& error) {
    warnings.add("metadata-left-out", fmt::format("{}; it is left out", error.what()));
  }
}

std::string text_of(const JsonView& view, WarningList& warnings) {
  if (view.value().is_string()) return view.text();
  if (!view.is_null()) left_out(view, "a string", warnings);
  return {};
}

/// A null is the empty text, as Go has it.
TextMap map_of(const JsonView& view, WarningList& warnings) {
  TextMap out;
  if (view.is_null()) return out;
  if (!view.is_object()) {
    left_out(view, "an object", warnings);
    return out;
  }
  for (const auto& [name, value] : view.value().items()) {
    const JsonView member = view[name];
    if (value.is_string() || value.is_null()) {
      out[name] = text_of(member, warnings);
    } else {
      left_out(member, "a string", warnings);
    }
  }
  return out;
}

void read_common(const JsonView& view, AppAttributes& out, WarningList& warnings) {
  out.environment = map_of(view["environment"], warnings);
  out.labels = map_of(view["labels"], warnings);
  out.runscript = text_of(view["runscript"], warnings);
  out.test = text_of(view["test"], warnings);
  out.helpfile = text_of(view["helpfile"], warnings);
}

/// As Go reads JSON: bytes that are no UTF-8 are U+FFFD, and of two members with one name the last one counts.
Json parse_as_go(std::string_view text, std::string_view what, const Limits& limits) {
  const auto watch_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > static_cast<int>(limits.json_depth)) throw Error(ErrorKind::limit, fmt::format("{}: nested deeper than {} levels", what, limits.json_depth));
    return true;
  };
  try {
    return Json::parse(valid_utf8(text), watch_depth);
  } catch (const Json::parse_error& error) {
    throw Error(ErrorKind::malformed, fmt::format("{}: not valid JSON at byte {}", what, error.byte));
  } catch (const Json::exception&) {
    throw Error(ErrorKind::malformed, fmt::format("{}: not valid JSON", what));
  }
}

}  // namespace

std::string inspect_metadata_json(const ContainerAttributes& attributes) {
  Members members;
  if (!attributes.apps.empty()) {
    Members apps;
    for (const auto& [name, app] : attributes.apps) {
      const std::string quoted_name = go_json_string(name);
      apps.add(std::string_view(quoted_name).substr(1, quoted_name.size() - 2), app_object(app));
    }
    members.add("apps", apps.object());
  }
  members.add_map("environment", stripped(attributes.environment));
  members.add_map("labels", attributes.labels);
  members.add_text("runscript", attributes.runscript);
  members.add_text("test", attributes.test);
  members.add_text("helpfile", attributes.helpfile);
  members.add_text("deffile", attributes.deffile);
  members.add_text("startscript", attributes.startscript);
  return "{\"data\":{\"attributes\":" + members.object() + "},\"type\":\"container\"}";
}

ContainerAttributes parse_inspect_metadata(std::string_view json, const Limits& limits, WarningList& warnings) {
  static constexpr std::string_view kWhat = kInspectMetadataName;
  const Json document = parse_as_go(json, kWhat, limits);
  const JsonView top(document, std::string(kWhat) + ": ");
  const auto view = top.require_object()["data"].require_object()["attributes"];
  ContainerAttributes out;
  if (view.is_null()) return out;
  view.require_object();
  read_common(view, out, warnings);
  out.deffile = text_of(view["deffile"], warnings);
  out.startscript = text_of(view["startscript"], warnings);
  const auto apps = view["apps"];
  if (apps.is_null()) return out;
  if (!apps.is_object()) {
    left_out(apps, "an object", warnings);
    return out;
  }
  for (const auto& [name, value] : apps.value().items()) {
    if (value.is_object()) {
      read_common(apps[name], out.apps[name], warnings);
    } else if (!value.is_null()) {
      left_out(apps[name], "an object", warnings);
    }
  }
  return out;
}

TextMap parse_labels(std::string_view json, const Limits& limits, WarningList& warnings) {
  static constexpr std::string_view kWhat = "labels.json";
  const Json document = parse_as_go(json, kWhat, limits);
  return map_of(JsonView(document, std::string(kWhat) + ": "), warnings);
}

}  // namespace sifkit

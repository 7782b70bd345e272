// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/image_config.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit::oci {

namespace {

constexpr std::string_view kArchitectures[] = {"386",    "amd64",    "arm",     "arm64", "loong64", "mips",
                                               "mips64", "mips64le", "mipsle",  "ppc64", "ppc64le", "riscv64",
                                               "s390x",  "wasm",     "sparc64", "armbe", "arm64be"};

/// The kernel keeps ids in 32 bits and reserves the highest value.
constexpr std::uint64_t kMaxId = 0xfffffffe;

void refuse_nul(std::string_view text, const std::string& place) {
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::malformed, fmt::format("{}: {} holds a NUL byte", place, in_quotes(text)));
  }
}

/// Null among texts is the empty text, to Go's decoder and so to every engine.
std::vector<std::string> text_list(const JsonView& list) {
  std::vector<std::string> texts;
  if (list.is_null()) return texts;
  list.require_array();
  for (std::size_t i = 0; i < list.size(); ++i) texts.push_back(list.at(i).text_or(""));
  return texts;
}

std::vector<std::pair<std::string, std::string>> text_map(const JsonView& map) {
  std::vector<std::pair<std::string, std::string>> texts;
  if (map.is_null()) return texts;
  map.require_object();
  for (const auto& item : map.value().items()) texts.emplace_back(item.key(), map[item.key()].text_or(""));
  return texts;
}

std::vector<std::string> argument_list(const JsonView& list) {
  auto texts = text_list(list);
  for (std::size_t i = 0; i < texts.size(); ++i) refuse_nul(texts[i], list.at(i).place());
  return texts;
}

/// A user or group: a name, or a number the kernel can hold. "4294967296" once came out as root.
void check_id(std::string_view id, const std::string& place, std::string_view whole) {
  const auto digits = id.substr(id.starts_with('-') || id.starts_with('+') ? 1 : 0);
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.size() != id.size() || error != std::errc() || value > kMaxId) {
    throw Error(ErrorKind::malformed,
                fmt::format("{}: {} is not an id from 0 to {}", place, in_quotes(whole), kMaxId));
  }
}

void check_user(const std::string& user, const std::string& place) {
  refuse_nul(user, place);
  const std::string_view text = user;
  const auto colon = text.find(':');
  check_id(text.substr(0, colon), place, user);
  if (colon != std::string_view::npos) check_id(text.substr(colon + 1), place, user);
}

ExecConfig parse_exec(const JsonView& view, WarningList& warnings) {
  ExecConfig out;
  if (view.is_null()) return out;
  view.require_object();
  view.refuse_case_variants({"Env", "Entrypoint", "Cmd", "Labels", "User", "WorkingDir", "Volumes", "ExposedPorts",
                             "StopSignal", "Healthcheck", "Shell", "OnBuild"});
  out.env = argument_list(view["Env"]);
  out.entrypoint = argument_list(view["Entrypoint"]);
  // How a Dockerfile takes the entrypoint of its base away.
  if (out.entrypoint == std::vector<std::string>{""}) out.entrypoint.clear();
  out.cmd = argument_list(view["Cmd"]);
  out.labels = text_map(view["Labels"]);
  out.user = view["User"].text_or("");
  check_user(out.user, view["User"].place());
  out.working_dir = view["WorkingDir"].text_or("");
  refuse_nul(out.working_dir, view["WorkingDir"].place());
  if (!out.working_dir.empty() && !out.working_dir.starts_with('/')) {
    warnings.add("working-dir-relative",
                 fmt::format("{}: {} is relative", view["WorkingDir"].place(), in_quotes(out.working_dir)));
  }
  return out;
}

std::vector<Digest> parse_rootfs(const JsonView& view, const Limits& limits) {
  view.require_object();
  view.refuse_case_variants({"type", "diff_ids"});
  if (const auto type = view["type"].text(); type != "layers") {
    throw Error(ErrorKind::malformed, fmt::format("{}: expected 'layers', got {}", view["type"].place(), in_quotes(type)));
  }
  std::vector<Digest> out;
  const auto ids = view["diff_ids"];
  if (ids.size() > limits.layers) {
    throw_over_limit(fmt::format("{}: {} layers, the limit is {}", ids.place(), ids.size(), limits.layers), &Limits::layers);
  }
  const auto texts = ids.text_list();
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(Digest::parse(texts[i], ids.at(i).place()));
  return out;
}

void look_at_history(const JsonView& history, std::size_t layers, WarningList& warnings) {
  if (history.is_null()) return;
  history.require_array();
  std::size_t with_layer = 0;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto step = history.at(i);
    step.require_object();
    if (!step["empty_layer"].boolean_or(false)) ++with_layer;
  }
  if (history.size() != 0 && with_layer != layers) {
    warnings.add("history-odd", fmt::format("{} speaks of {} layers, the image has {}", history.place(), with_layer, layers));
  }
}

/// Writes the members of Go's Config struct one after the other, as encoding/json does.
class GoObject {
 public:
  explicit GoObject(const JsonView& object) : object_(object) {}

  GoObject& boolean(std::string_view key) {
    if (object_[key].boolean_or(false)) put(key, "true");
    return *this;
  }

  GoObject& text(std::string_view key) {
    if (const auto value = object_[key].text_or(""); !value.empty()) put(key, go_json_string(value));
    return *this;
  }

  GoObject& number(std::string_view key) {
    if (object_[key].is_null()) return *this;
    if (const auto value = object_[key].number(); value != 0) put(key, fmt::format("{}", value));
    return *this;
  }

  GoObject& list(std::string_view key) {
    const auto values = text_list(object_[key]);
    if (values.empty()) return *this;
    std::string out;
    for (const auto& value : values) out += (out.empty() ? "[" : ",") + go_json_string(value);
    put(key, out + "]");
    return *this;
  }

  GoObject& map(std::string_view key) {
    std::string out;
    for (const auto& [name, value] : text_map(object_[key])) {
      out += (out.empty() ? "{" : ",") + go_json_string(name) + ":" + go_json_string(value);
    }
    if (!out.empty()) put(key, out + "}");
    return *this;
  }

  /// map[string]struct{}: whatever the values hold, they come out empty.
  GoObject& set(std::string_view key) {
    const auto view = object_[key];
    if (view.is_null()) return *this;
    view.require_object();
    std::string out;
    for (const auto& [name, value] : view.value().items()) {
      if (!value.is_null()) view[name].require_object();
      out += (out.empty() ? "{" : ",") + go_json_string(name) + ":{}";
    }
    if (!out.empty()) put(key, out + "}");
    return *this;
  }

  GoObject& health(std::string_view key) {
    const auto view = object_[key];
    if (view.is_null()) return *this;
    view.require_object();
    put(key, GoObject(view).list("Test").number("Interval").number("Timeout").number("StartPeriod").number("Retries").str());
    return *this;
  }

  std::string str() const { return "{" + out_ + "}"; }

 private:
  void put(std::string_view key, std::string_view value) {
    if (!out_.empty()) out_ += ",";
    out_ += fmt::format("\"{}\":{}", key, value);
  }

  const JsonView& object_;
  std::string out_;
};

/// The order is that of the struct's fields; go-containerregistry pkg/v1/config.go.
std::string go_config(const JsonView& config) {
  if (config.is_null()) return "{}";
  return GoObject(config)
      .boolean("AttachStderr")
      .boolean("AttachStdin")
      .boolean("AttachStdout")
      .list("Cmd")
      .health("Healthcheck")
      .text("Domainname")
      .list("Entrypoint")
      .list("Env")
      .text("Hostname")
      .text("Image")
      .map("Labels")
      .list("OnBuild")
      .boolean("OpenStdin")
      .boolean("StdinOnce")
      .boolean("Tty")
      .text("User")
      .set("Volumes")
      .text("WorkingDir")
      .set("ExposedPorts")
      .boolean("ArgsEscaped")
      .boolean("NetworkDisabled")
      .text("MacAddress")
      .text("StopSignal")
      .list("Shell")
      .str();
}

constexpr std::string_view kWhat = "image configuration";

}  // namespace

ImageConfig ImageConfig::parse(std::string_view json, const Limits& limits, WarningList& warnings) {
  const Json document = parse_json(json, kWhat, limits);
  const JsonView view(document, std::string(kWhat) + ": ");
  view.require_object();
  view.refuse_case_variants({"architecture", "os", "variant", "created", "config", "rootfs", "history"});

  ImageConfig out;
  out.raw = json;
  out.platform.os = view["os"].text_or("");
  out.platform.architecture = view["architecture"].text_or("");
  out.platform.variant = view["variant"].text_or("");
  if (!out.platform.os.empty() && out.platform.os != "linux") {
    throw Error(ErrorKind::unsupported,
                fmt::format("{}os: {} images cannot be converted, linux ones can", view.place(), in_quotes(out.platform.os)));
  }
  if (out.platform.os.empty() || out.platform.architecture.empty()) {
    warnings.add("platform-missing", fmt::format("{}no operating system or no architecture is stated", view.place()));
  } else if (std::find(std::begin(kArchitectures), std::end(kArchitectures), out.platform.architecture) ==
             std::end(kArchitectures)) {
    warnings.add("architecture-unknown", fmt::format("{}architecture {} is unknown", view.place(),
                                                     in_quotes(out.platform.architecture)));
  }

  out.created = view["created"].text_or("");
  out.created_seconds = parse_rfc3339(out.created);
  if (!out.created.empty() && !out.created_seconds) {
    warnings.add("date-odd", fmt::format("{}created: {} is not an RFC 3339 date", view.place(), in_quotes(out.created)));
  }
  out.config = parse_exec(view["config"], warnings);
  out.diff_ids = parse_rootfs(view["rootfs"], limits);
  look_at_history(view["history"], out.diff_ids.size(), warnings);
  // Types of members that only oci-config.json carries are checked here too, not when it is too late.
  go_config(view["config"]);
  return out;
}

namespace {

/// A document that `parse` has seen already.
Json parsed_again(const std::string& raw) {
  Limits limits;
  limits.json_bytes = raw.size();
  limits.json_depth = ~0u;
  return parse_json(raw, kWhat, limits);
}

}  // namespace

std::vector<HistoryStep> ImageConfig::history() const {
  std::vector<HistoryStep> out;
  if (raw.empty()) return out;
  const Json document = parsed_again(raw);
  const auto list = document.find("history");
  if (list == document.end() || !list->is_array()) return out;
  for (const auto& step : *list) {
    const auto text = [&](std::string_view name) { return member_text(step, name); };
    const auto empty = step.find("empty_layer");
    out.push_back({text("created"), text("created_by"), text("comment"),
                   empty != step.end() && empty->is_boolean() && empty->get<bool>()});
  }
  return out;
}

std::string ImageConfig::go_config_json() const {
  if (raw.empty()) return "{}";
  const Json document = parsed_again(raw);
  const JsonView view(document, std::string(kWhat) + ": ");
  return go_config(view["config"]);
}

}  // namespace sifkit::oci

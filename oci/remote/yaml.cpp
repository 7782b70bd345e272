// SPDX-License-Identifier: Apache-2.0
#include "yaml.h"

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#if __has_include(<yaml.h>)
#define SIFKIT_HAS_YAML 1
#include <yaml.h>
#endif

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/on_demand.h>
#include <sifkit/oci/remote_file.h>

namespace sifkit::oci {

#if defined(SIFKIT_HAS_YAML)

namespace {

inline constinit OnDemandLibrary libyaml{"libyaml-0.so.2", "libyaml-0-2"};

SIFKIT_ON_DEMAND(libyaml, yaml_event_delete);
SIFKIT_ON_DEMAND(libyaml, yaml_get_version_string);
SIFKIT_ON_DEMAND(libyaml, yaml_parser_delete);
SIFKIT_ON_DEMAND(libyaml, yaml_parser_initialize);
SIFKIT_ON_DEMAND(libyaml, yaml_parser_parse);
SIFKIT_ON_DEMAND(libyaml, yaml_parser_set_input_string);

constexpr std::size_t kMaxDepth = 32;

class Parser {
 public:
  Parser(std::string_view text, std::string_view what) : what_(what) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Json document() {
    for (bool begun = false;;) {
      const Event event(*this);
      switch (event->type) {
        case YAML_STREAM_END_EVENT:
          return std::move(root_);
        case YAML_DOCUMENT_START_EVENT:
          if (std::exchange(begun, true)) fail(*event, "more than one document");
          break;
        case YAML_ALIAS_EVENT:
          fail(*event, "an alias");
        case YAML_MAPPING_START_EVENT:
          enter(*event, Json::object());
          break;
        case YAML_SEQUENCE_START_EVENT:
          enter(*event, Json::array());
          break;
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
          open_.pop_back();
          break;
        case YAML_SCALAR_EVENT:
          take(*event);
          break;
        default:
          break;
      }
    }
  }

 private:
  /// One step of the parser.
  class Event {
   public:
    explicit Event(Parser& parser) {
      if (yaml_parser_parse(&parser.parser_, &event_) != 0) return;
      if (parser.parser_.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
      const char* const problem = parser.parser_.problem;
      throw Error(ErrorKind::malformed,
                  fmt::format("{}: line {}: {}", parser.what_, parser.parser_.problem_mark.line + 1,
                              printable(problem == nullptr ? "no YAML" : problem)));
    }
    ~Event() { yaml_event_delete(&event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    const yaml_event_t& operator*() const { return event_; }
    const yaml_event_t* operator->() const { return &event_; }

   private:
    yaml_event_t event_{};
  };

  struct Open {
    Json* value;
    std::optional<std::string> key;  ///< of a mapping: of the next value
  };

  [[noreturn]] void fail(const yaml_event_t& at, std::string_view why) const {
    throw Error(ErrorKind::malformed, fmt::format("{}: line {}: {}", what_, at.start_mark.line + 1, why));
  }

  /// Where the value goes that begins here.
  Json& place(const yaml_event_t& at) {
    if (open_.empty()) return root_;
    Open& parent = open_.back();
    if (parent.value->is_array()) return parent.value->emplace_back();
    if (!parent.key) fail(at, "a key that is no text");
    const std::string key = *std::exchange(parent.key, std::nullopt);
    if (parent.value->contains(key)) fail(at, fmt::format("{} stands there twice", in_quotes(key)));
    return (*parent.value)[key];
  }

  void enter(const yaml_event_t& at, Json value) {
    if (open_.size() == kMaxDepth) fail(at, fmt::format("nested more than {} deep", kMaxDepth));
    Json& there = place(at);
    there = std::move(value);
    open_.push_back({&there, std::nullopt});
  }

  void take(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    if (!open_.empty() && open_.back().value->is_object() && !open_.back().key) {
      open_.back().key = std::move(text);
      return;
    }
    const bool null = scalar.style == YAML_PLAIN_SCALAR_STYLE && (text.empty() || text == "null" || text == "~");
    Json& there = place(event);
    if (!null) there = std::move(text);
  }

  yaml_parser_t parser_{};
  std::string what_;
  Json root_;
  /// From the outermost. Values of a list that is open do not move: none is added to it meanwhile.
  std::vector<Open> open_;
};

}  // namespace

Json parse_yaml(std::string_view text, std::string_view what) { return Parser(text, what).document(); }

std::string yaml_library_version() { return yaml_get_version_string(); }

#else

Json parse_yaml(std::string_view, std::string_view what) {
  throw Error(ErrorKind::not_found, fmt::format("{}: this program is built without libyaml", what));
}

std::string yaml_library_version() { throw Error(ErrorKind::not_found, "no libyaml"); }

#endif

}  // namespace sifkit::oci

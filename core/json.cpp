// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit {

namespace {

/// Builds the document while it watches depth and duplicate names; nlohmann's own builder lets the last one win.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  StrictBuilder(std::string what, const Limits& limits) : what_(std::move(what)), limits_(limits) {}

  Json take() { return std::move(root_); }

  bool null() override { return put(Json(nullptr)); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (stack_.back()->contains(name)) {
      throw Error(ErrorKind::malformed, fmt::format("{}: member {} is there twice", what_, in_quotes(name)));
    }
    keys_.back() = name;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw Error(ErrorKind::malformed, fmt::format("{}: not valid JSON at byte {}", what_, position));
  }

 private:
  Json* put(Json&& value, int) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[keys_.back()] = std::move(value));
  }

  bool put(Json&& value) {
    put(std::move(value), 0);
    return true;
  }

  bool open(Json&& value) {
    if (stack_.size() >= limits_.json_depth) {
      throw Error(ErrorKind::limit, fmt::format("{}: nested deeper than {} levels", what_, limits_.json_depth));
    }
    // A child is only ever added to the innermost container, so pointers to the outer ones stay valid.
    stack_.push_back(put(std::move(value), 0));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  std::string what_;
  const Limits& limits_;
  Json root_;
  std::vector<Json*> stack_;
  std::vector<std::string> keys_;
};

std::string_view type_word(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "nothing";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "a string";
    case Json::value_t::boolean: return "a boolean";
    default: return "a number";
  }
}

const Json& null_json() {
  static const Json null;
  return null;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view what, const Limits& limits) {
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    // The parser would take it for the end.
    throw Error(ErrorKind::malformed, fmt::format("{}: not valid JSON at byte {}", what, nul + 1));
  }
  if (text.size() > limits.json_bytes) {
    throw_over_limit(fmt::format("{}: {} bytes, the limit is {}", what, text.size(), limits.json_bytes), &Limits::json_bytes);
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    throw Error(ErrorKind::malformed, fmt::format("{}: starts with a byte order mark", what));
  }
  StrictBuilder builder{std::string(what), limits};
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    throw Error(ErrorKind::malformed, fmt::format("{}: not valid JSON", what));
  }
  return builder.take();
}

JsonView JsonView::operator[](std::string_view key) const {
  const auto found = value_->is_object() ? value_->find(key) : value_->end();
  const bool there = value_->is_object() && found != value_->end();
  return {there ? *found : null_json(),
          place_ + (place_.ends_with(": ") || place_.empty() ? "" : ".") + printable(key)};
}

JsonView JsonView::at(std::size_t index) const {
  require_array();
  SIFKIT_CHECK(index < value_->size());
  return {(*value_)[index], fmt::format("{}[{}]", place_, index)};
}

std::size_t JsonView::size() const { return value_->is_null() ? 0 : value_->size(); }

const JsonView& JsonView::require_object() const {
  if (!value_->is_object()) fail("an object");
  return *this;
}

const JsonView& JsonView::require_array() const {
  if (!value_->is_array()) fail("a list");
  return *this;
}

std::string JsonView::text() const {
  if (!value_->is_string()) fail("a string");
  return value_->get<std::string>();
}

std::string JsonView::text_or(std::string fallback) const { return is_null() ? std::move(fallback) : text(); }

std::uint64_t JsonView::unsigned_number() const {
  if (!value_->is_number_unsigned()) fail("a number of 0 or more");
  return value_->get<std::uint64_t>();
}

std::int64_t JsonView::number() const {
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t{INT64_MAX}) fail("a smaller number");
  if (!value_->is_number_integer()) fail("a whole number");
  return value_->get<std::int64_t>();
}

bool JsonView::boolean_or(bool fallback) const {
  if (is_null()) return fallback;
  if (!value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

std::vector<std::string> JsonView::text_list() const {
  std::vector<std::string> list;
  if (is_null()) return list;
  require_array();
  for (std::size_t i = 0; i < value_->size(); ++i) list.push_back(at(i).text());
  return list;
}

std::vector<std::pair<std::string, std::string>> JsonView::text_map() const {
  std::vector<std::pair<std::string, std::string>> map;
  if (is_null()) return map;
  require_object();
  for (const auto& [key, value] : value_->items()) map.emplace_back(key, (*this)[key].text());
  return map;
}

const JsonView& JsonView::refuse_case_variants(std::initializer_list<std::string_view> keys) const {
  if (!value_->is_object()) return *this;
  for (const auto& [name, value] : value_->items()) {
    for (const auto key : keys) {
      if (name != key && equal_ignoring_case(name, key)) {
        throw Error(ErrorKind::malformed,
                    fmt::format("{}: member {} differs from '{}' in case only", place_, in_quotes(name), key));
      }
    }
  }
  return *this;
}

const JsonView& JsonView::refuse_other_members(std::initializer_list<std::string_view> known) const {
  require_object();
  for (const auto& item : value_->items()) {
    if (std::find(known.begin(), known.end(), item.key()) == known.end()) {
      throw Error(ErrorKind::malformed, fmt::format("{}: unknown member {}", place_, in_quotes(item.key())));
    }
  }
  return *this;
}

void JsonView::fail(std::string_view expected) const {
  const std::string_view colon = place_.ends_with(": ") ? "" : ": ";  // the whole document's has one
  throw Error(ErrorKind::malformed, fmt::format("{}{}expected {}, got {}", place_, colon, expected, type_word(*value_)));
}

std::size_t utf8_sequence(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (length == 0 || text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return length;
}

std::string go_json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    if (length == 0) {
      out += "\\ufffd";
      text.remove_prefix(1);
      continue;
    }
    const auto sequence = text.substr(0, length);
    text.remove_prefix(length);
    if (sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9") {
      out += sequence == "\xe2\x80\xa8" ? "\\u2028" : "\\u2029";
      continue;
    }
    if (length > 1) {
      out += sequence;
      continue;
    }
    switch (const char c = sequence[0]) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '<':
      case '>':
      case '&': out += fmt::format("\\u{:04x}", static_cast<unsigned>(c)); break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

}  // namespace sifkit

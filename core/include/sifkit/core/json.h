// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>

namespace sifkit {

using Json = nlohmann::json;

/// Parses untrusted JSON strictly: one document, no bytes after it but white space, no byte order mark, valid UTF-8,
/// no duplicate member names, nesting and size within `limits`. `what` names the document in errors. The parser does
/// not recurse, so nesting cannot exhaust the stack.
SIFKIT_API Json parse_json(std::string_view text, std::string_view what, const Limits& limits = {});

/// The text of an object's member; empty where there is none, or where it is something else.
template <class Object>
std::string member_text(const Object& object, std::string_view name) {
  const auto member = object.is_object() ? object.find(name) : object.end();
  return member != object.end() && member->is_string() ? member->template get<std::string>() : std::string();
}

/// Looks at members of untrusted JSON; every error names the place ("config.json: rootfs.diff_ids[3]: expected a
/// string, got a number"). The Json outlives the view.
class SIFKIT_API JsonView {
 public:
  JsonView(const Json& value, std::string place) : value_(&value), place_(std::move(place)) {}

  const Json& value() const noexcept { return *value_; }
  const std::string& place() const noexcept { return place_; }

  bool is_object() const noexcept { return value_->is_object(); }
  bool is_null() const noexcept { return value_->is_null(); }

  /// The member, or a view of null where it is absent.
  JsonView operator[](std::string_view key) const;
  JsonView at(std::size_t index) const;
  std::size_t size() const;

  /// Throws malformed unless this is an object / an array.
  const JsonView& require_object() const;
  const JsonView& require_array() const;

  /// Typed values; a wrong type is malformed. The `_or` forms take null and absence as the default.
  std::string text() const;
  std::string text_or(std::string fallback) const;
  std::uint64_t unsigned_number() const;
  std::int64_t number() const;
  bool boolean_or(bool fallback) const;
  std::vector<std::string> text_list() const;  ///< null and absence are the empty list
  std::vector<std::pair<std::string, std::string>> text_map() const;

  /// Refuses members that differ from `key` in upper and lower case only: readers disagree on which one counts.
  const JsonView& refuse_case_variants(std::initializer_list<std::string_view> keys) const;

  /// Refuses everything but an object with no other members than these.
  const JsonView& refuse_other_members(std::initializer_list<std::string_view> known) const;

  [[noreturn]] void fail(std::string_view expected) const;

 private:
  const Json* value_;
  std::string place_;
};

/// The length of the valid UTF-8 sequence at the start of a text that is not empty, or 0.
SIFKIT_API std::size_t utf8_sequence(std::string_view text) noexcept;

/// The bytes Go's encoding/json makes of a string, quotes included: `<`, `>`, `&`, U+2028 and U+2029 escaped, invalid
/// UTF-8 replaced by U+FFFD.
SIFKIT_API std::string go_json_string(std::string_view text);

}  // namespace sifkit

// SPDX-License-Identifier: Apache-2.0
#include "fields.h"

#include <algorithm>

#include <sifkit/core/text.h>

namespace sifkit::sbom {

std::string_view take_line(std::string_view& text) {
  auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string on_one_line(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const auto line = trimmed(take_line(value));
    if (line.empty()) continue;
    if (!out.empty()) out += ' ';
    out += line;
  }
  return out;
}

std::string_view Fields::get(std::string_view name) const noexcept {
  for (const auto& [field, value] : fields_) {
    if (equal_ignoring_case(field, name)) return value;
  }
  return {};
}

bool Fields::has(std::string_view name) const noexcept {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const auto& field) { return equal_ignoring_case(field.first, name); });
}

Fields Fields::take(std::string_view& text) {
  Fields out;
  while (!text.empty()) {
    const char* const start = text.data();
    const auto line = take_line(text);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (out.fields_.empty()) continue;
      auto& value = out.fields_.back().second;
      value = {value.data(), static_cast<std::size_t>(line.data() + line.size() - value.data())};
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    auto value = line.substr(colon + 1);
    while (!value.empty() && (value[0] == ' ' || value[0] == '\t')) value.remove_prefix(1);
    out.fields_.emplace_back(std::string_view(start, colon), value);
  }
  return out;
}

void for_each_block(std::string_view text, const std::function<void(const Fields&)>& visit) {
  while (!text.empty()) {
    const auto fields = Fields::take(text);
    if (!fields.empty()) visit(fields);
  }
}

}  // namespace sifkit::sbom

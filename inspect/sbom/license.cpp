// SPDX-License-Identifier: Apache-2.0
#include "license.h"

#include <algorithm>

#include <sifkit/core/text.h>

namespace sifkit::sbom {

namespace {

constexpr std::size_t kMaxExpression = 4096;

std::string_view listed(std::span<const std::string_view> list, std::string_view id) {
  const auto lower = lower_case(id);
  const auto found =
      std::lower_bound(list.begin(), list.end(), lower,
                       [](std::string_view entry, const std::string& key) { return lower_case(entry) < key; });
  return found != list.end() && equal_ignoring_case(*found, id) ? *found : std::string_view();
}

std::string_view take_token(std::string_view& text) {
  text = trimmed(text);
  if (text.empty()) return {};
  const auto size = text[0] == '(' || text[0] == ')' ? 1 : std::min(text.find_first_of(" \t()"), text.size());
  const auto token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

/// "GPL-2.0-only" or "Apache-1.0+" as the list writes it; "" for what is not on it.
std::string license_name(std::string_view token) {
  if (const auto id = listed(license_ids(), token); !id.empty()) return std::string(id);
  if (!token.ends_with('+')) return {};
  const auto id = listed(license_ids(), token.substr(0, token.size() - 1));
  return id.empty() ? std::string() : std::string(id) + "+";
}

}  // namespace

std::optional<std::string> license_expression(std::string_view text) {
  if (text.size() > kMaxExpression) return std::nullopt;
  std::string out;
  std::size_t open = 0;
  bool operand = true;      // what has to come
  bool may_except = false;  // behind a licence
  while (!(text = trimmed(text)).empty()) {
    const auto token = take_token(text);
    if (operand) {
      if (token == "(") {
        out += '(';
        ++open;
        continue;
      }
      const auto name = license_name(token);
      if (name.empty()) return std::nullopt;
      out += name;
      operand = false;
      may_except = true;
    } else if (token == ")") {
      if (open-- == 0) return std::nullopt;
      out += ')';
      may_except = false;
    } else if (token == "AND" || token == "OR") {
      out += ' ' + std::string(token) + ' ';
      operand = true;
    } else if (token == "WITH" && may_except) {
      const auto exception = listed(license_exceptions(), take_token(text));
      if (exception.empty()) return std::nullopt;
      out += " WITH " + std::string(exception);
      may_except = false;
    } else {
      return std::nullopt;
    }
  }
  if (operand || open != 0) return std::nullopt;
  return out;
}

}  // namespace sifkit::sbom

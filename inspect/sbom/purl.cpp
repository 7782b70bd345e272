// SPDX-License-Identifier: Apache-2.0
#include "purl.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/text.h>

namespace sifkit::sbom {

namespace {

constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_~:";

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

bool one_of(std::string_view type, std::initializer_list<std::string_view> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

std::string python_name(std::string_view name) {
  std::string out;
  for (const char c : lower_case(name)) {
    if (c == '-' || c == '_' || c == '.') {
      if (out.empty() || out.back() != '-') out += '-';
    } else {
      out += c;
    }
  }
  return out;
}

std::string Purl::text() const {
  const bool lower_space = one_of(type, {"alpm", "apk", "deb", "npm", "rpm"});
  const bool lower_name = one_of(type, {"alpm", "apk", "deb", "npm"});
  std::string out = "pkg:" + lower_case(type);
  std::string_view rest = space;
  while (!rest.empty()) {
    const auto part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    if (!part.empty()) out += "/" + encoded(lower_space ? lower_case(part) : std::string(part));
  }
  out += "/" + encoded(type == "pypi" ? python_name(name) : lower_name ? lower_case(name) : name);
  if (!version.empty()) out += "@" + encoded(version);
  auto sorted = qualifiers;
  std::erase_if(sorted, [](const auto& qualifier) { return qualifier.second.empty(); });
  std::sort(sorted.begin(), sorted.end());
  char separator = '?';
  for (const auto& [key, value] : sorted) {
    out += separator + key + "=" + encoded(value);
    separator = '&';
  }
  return out;
}

}  // namespace sifkit::sbom

// SPDX-License-Identifier: Apache-2.0
#include "docker_name.h"

#include <algorithm>

namespace sifkit::oci {

namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTagBytes = 128;

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    // Separators: one '.', one or two '_', any number of '-'.
    std::size_t run = 1;
    while (i + run < text.size() && text[i + run] == text[i]) ++run;
    const bool fine = (text[i] == '.' && run == 1) || (text[i] == '_' && run <= 2) || text[i] == '-';
    if (!fine || !is_lower_alnum(text[i + run])) return false;
    i += run;
  }
  return true;
}

bool is_domain(std::string_view text) {
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    const auto port = text.substr(colon + 1);
    if (port.empty() || !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
    text = text.substr(0, colon);
  }
  if (text.starts_with('[')) {
    return text.ends_with(']') && text.size() > 2 &&
           std::all_of(text.begin() + 1, text.end() - 1, [](char c) { return is_alnum(c) || c == ':'; });
  }
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '.' || c == '-'; });
}

bool looks_like_domain(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:") != std::string_view::npos ||
         std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_tag(std::string_view tag) {
  const auto word = [](char c) { return is_alnum(c) || c == '_'; };
  return !tag.empty() && tag.size() <= kMaxTagBytes && word(tag.front()) &&
         std::all_of(tag.begin(), tag.end(), [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool is_digest(std::string_view digest) {
  const auto colon = digest.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto hex = digest.substr(colon + 1);
  return hex.size() >= 32 && std::all_of(hex.begin(), hex.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

struct Parts {
  std::string_view domain;  ///< may be empty
  std::string_view path;
  std::string_view tag;
  std::string_view digest;
};

Parts split(std::string_view name) {
  Parts parts;
  if (const auto at = name.find('@'); at != std::string_view::npos) {
    parts.digest = name.substr(at + 1);
    name = name.substr(0, at);
  }
  const auto slash = name.rfind('/');
  if (const auto colon = name.rfind(':');
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    parts.tag = name.substr(colon + 1);
    name = name.substr(0, colon);
  }
  if (const auto first = name.find('/'); first != std::string_view::npos && looks_like_domain(name.substr(0, first))) {
    parts.domain = name.substr(0, first);
    name = name.substr(first + 1);
  }
  parts.path = name;
  return parts;
}

}  // namespace

bool is_docker_name(std::string_view name) {
  const auto parts = split(name);
  if (name.find('@') != std::string_view::npos && !is_digest(parts.digest)) return false;
  if (parts.tag.empty() ? name.substr(0, name.find('@')).ends_with(':') : !is_tag(parts.tag)) return false;
  if (!parts.domain.empty() && !is_domain(parts.domain)) return false;
  if (parts.domain.size() + parts.path.size() > kMaxNameBytes) return false;
  for (std::size_t at = 0;;) {
    const auto slash = parts.path.find('/', at);
    if (!is_path_component(parts.path.substr(at, slash == std::string_view::npos ? slash : slash - at))) return false;
    if (slash == std::string_view::npos) return true;
    at = slash + 1;
  }
}

std::string normalized_docker_name(std::string_view name) {
  if (!is_docker_name(name)) return std::string(name);
  const auto parts = split(name);
  std::string out(parts.domain.empty() || parts.domain == "index.docker.io" ? "docker.io" : parts.domain);
  const bool official = out == "docker.io" && parts.path.find('/') == std::string_view::npos;
  out += official ? "/library/" : "/";
  out += parts.path;
  if (!parts.tag.empty()) {
    out += ":" + std::string(parts.tag);
  } else if (parts.digest.empty()) {
    out += ":latest";
  }
  if (!parts.digest.empty()) out += "@" + std::string(parts.digest);
  return out;
}

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#include "file_set.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

std::string FileSet::read_document(std::string_view name, const Limits& limits, std::string_view what) {
  const auto size = find(name);
  if (size && *size > limits.json_bytes) {
    throw_over_limit(fmt::format("{}: {} bytes, the limit is {}", what, *size, limits.json_bytes), &Limits::json_bytes);
  }
  const auto bytes = read_all(*open(name), limits.json_bytes, what);
  document_bytes_ += bytes.size();
  if (document_bytes_ > limits.documents_bytes) {
    throw_over_limit(fmt::format("{}: the documents of all images take more than {} bytes", what, limits.documents_bytes), &Limits::documents_bytes);
  }
  return std::string(as_text(bytes));
}

std::optional<std::string> clean_name(std::string_view name) {
  if (name.starts_with('/') || name.find('\0') != std::string_view::npos) return std::nullopt;
  std::string out;
  for (std::size_t at = 0; at <= name.size();) {
    auto slash = name.find('/', at);
    if (slash == std::string_view::npos) slash = name.size();
    const auto word = name.substr(at, slash - at);
    at = slash + 1;
    if (word.empty() || word == ".") continue;
    if (word == "..") {
      if (out.empty()) return std::nullopt;
      const auto parent = out.rfind('/');
      out.resize(parent == std::string::npos ? 0 : parent);
      continue;
    }
    if (!out.empty()) out += '/';
    out += word;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::optional<std::string> clean_member_name(std::string_view name) {
  return clean_name(name.substr(std::min(name.find_first_not_of('/'), name.size())));
}

Followed follow_links(std::string_view name, const Limits& limits,
                      const std::function<std::optional<std::string>(const std::string&)>& target_at) {
  Followed out;
  std::string rest(name);
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string word = rest.substr(0, slash);
    rest.erase(0, slash == std::string::npos ? slash : slash + 1);
    if (word.empty() || word == ".") continue;
    if (word == "..") {
      if (out.name.empty()) {
        out.end = Followed::End::outside;
        return out;
      }
      const auto parent = out.name.rfind('/');
      out.name.resize(parent == std::string::npos ? 0 : parent);
      continue;
    }
    std::string at = out.name.empty() ? word : out.name + "/" + word;
    const auto target = target_at(at);
    if (!target) {
      out.name = std::move(at);
      continue;
    }
    if (target->empty() || target->starts_with('/')) {
      out.end = Followed::End::outside;
      return out;
    }
    if (target->size() + rest.size() > limits.path_bytes) {
      out.end = Followed::End::too_long;
      return out;
    }
    if (out.links++ == limits.symlink_hops) {
      out.end = Followed::End::circle;
      return out;
    }
    rest = *target + (rest.empty() ? "" : "/" + rest);
  }
  return out;
}

}  // namespace sifkit::oci

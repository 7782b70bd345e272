// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/entry_names.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

CleanPath clean_path(std::string_view name, const Limits& limits) {
  CleanPath clean;
  std::size_t mark = 0;  // of a whiteout, which does not count: the name that it hides may have every length
  unsigned depth = 0;
  for (std::string_view rest = name; !rest.empty();) {
    const auto slash = rest.find('/');
    const auto component = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (clean.path.empty()) {
        clean.climbs = true;
      } else {
        const auto cut = clean.path.rfind('/');
        clean.path.resize(cut == std::string::npos ? 0 : cut);
        --depth;
      }
      continue;
    }
    mark = rest.empty() && component.starts_with(kWhiteoutPrefix) ? kWhiteoutPrefix.size() : 0;
    if (component.size() - mark > limits.name_bytes) {
      throw Error(ErrorKind::limit, fmt::format("name {} has {} bytes, the limit is {}", in_quotes(component),
                                                component.size(), limits.name_bytes));
    }
    if (++depth > limits.path_depth) {
      throw Error(ErrorKind::limit, fmt::format("path {} is more than {} directories deep", in_quotes(name), limits.path_depth));
    }
    if (!clean.path.empty()) clean.path += '/';
    clean.path += component;
  }
  if (clean.path.size() - mark > limits.path_bytes) {
    throw Error(ErrorKind::limit, fmt::format("path {} has {} bytes, the limit is {}", in_quotes(clean.path),
                                              clean.path.size(), limits.path_bytes));
  }
  return clean;
}

SplitPath split_path(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {{}, path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace sifkit::layers

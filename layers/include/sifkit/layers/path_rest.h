// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit::layers {

/// What is left of a path that is walked: its components, and before those the ones of links that were followed. A
/// link's text is kept beside what is behind it, never put together with it: a walk takes time for each byte once.
class PathRest {
 public:
  /// Bytes of all links of one walk, four of the longest. Each of the 255 links of a path could make it as much longer
  /// as a link can be; those of real images have some hundred bytes together.
  static constexpr std::size_t kMaxLinkBytes = std::size_t{16} << 10;

  /// The path outlives the object.
  explicit PathRest(std::string_view path) noexcept : path_(path) {}

  bool empty() const noexcept { return path_.empty() && links_.empty(); }

  /// Takes the next component, which may be empty. It is there until a link is followed.
  std::string_view next() {
    if (links_.empty()) return take(path_);
    Link& link = links_.back();
    auto left = std::string_view(texts_).substr(link.at, link.end - link.at);
    const auto component = take(left);
    link.at = link.end - left.size();
    if (left.empty()) links_.pop_back();
    return component;
  }

  /// Puts a link's target before what is left; false where all links have too many bytes. The text is copied.
  [[nodiscard]] bool follow(std::string_view target) {
    if (target.size() > kMaxLinkBytes - texts_.size()) return false;
    if (target.empty()) return true;
    texts_.append(target);
    links_.push_back({texts_.size() - target.size(), texts_.size()});
    return true;
  }

 private:
  /// Where the rest of a link is in `texts_`; never none.
  struct Link {
    std::size_t at;
    std::size_t end;
  };

  static std::string_view take(std::string_view& rest) {
    const auto component = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), component.size() + 1));
    return component;
  }

  std::string_view path_;
  std::string texts_;        ///< of all links, those that are done too
  std::vector<Link> links_;  ///< the last one comes first
};

}  // namespace sifkit::layers

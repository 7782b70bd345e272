// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sifkit::sbom {

/// One block of `Name: value` lines, as dpkg, opkg, Python, R and Java write them. Names compare without case.
class Fields {
 public:
  /// The value, lines that continue it included; "" where there is none.
  std::string_view get(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept;
  bool empty() const noexcept { return fields_.empty(); }

  /// The block at the start of a text, up to the first empty line; takes it off the text. Lines that begin with a blank
  /// continue the one before. Lines of another form are passed over.
  static Fields take(std::string_view& text);

 private:
  std::vector<std::pair<std::string_view, std::string_view>> fields_;
};

/// Calls `visit` for each block of a text that is not empty.
void for_each_block(std::string_view text, const std::function<void(const Fields&)>& visit);

/// The next line of a text without its line end, "\r\n" too; takes it off. The text is not empty.
std::string_view take_line(std::string_view& text);

/// The value with what continues it on one line.
std::string on_one_line(std::string_view value);

}  // namespace sifkit::sbom

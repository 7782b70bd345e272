// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/inspect/check.h>

namespace sifkit::check {

/// Collects findings. Of a kind as many as `kMaxOfKind` are kept, so that a hostile image cannot fill the memory.
class Findings {
 public:
  static constexpr std::size_t kMaxOfKind = 200;

  /// With the severity that the rule has.
  void add(std::string_view code, std::string path, std::string text);
  void add(std::string_view code, Severity severity, std::string path, std::string text);

  /// Worst first, then by code and path.
  std::vector<Finding> sorted();

 private:
  std::vector<Finding> findings_;
  std::map<std::string, std::size_t, std::less<>> counts_;
};

}  // namespace sifkit::check

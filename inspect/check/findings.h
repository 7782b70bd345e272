// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
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

  /// Worst first, then by code and path; and how many there were.
  void give(Report& report);

 private:
  struct Tally {
    std::size_t kept = 0;
    std::array<std::size_t, 3> omitted{};  ///< by severity
  };

  std::vector<Finding> findings_;
  std::map<std::string, Tally, std::less<>> tallies_;
};

}  // namespace sifkit::check

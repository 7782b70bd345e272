// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sifkit::check {

/// What the runtime's environment files set, as far as that can be told without running them: assignments of plain
/// words, with the variables that they name. Everything else is passed over and makes it uncertain.
class Environment {
 public:
  static constexpr std::size_t kMaxScripts = 256u << 10;  ///< bytes of all files together
  static constexpr std::size_t kMaxBytes = 64u << 10;     ///< of all values, which can double with each line

  /// Whether a name of /.singularity.d/env is of a file that says something of this image: those that are the same in
  /// every container do not count.
  static bool is_of_image(std::string_view name) noexcept;

  void set(const std::string& name, std::string value);
  /// "" where it is not set.
  std::string value(const std::string& name) const;
  /// "NAME=VALUE" of all that are set, by name.
  std::vector<std::string> entries() const;

  /// Files are read in the order of their names.
  void read(std::string_view script);

  /// Whether all that was read has been understood.
  bool certain() const noexcept { return certain_; }

 private:
  std::map<std::string, std::string> values_;
  std::size_t bytes_ = 0;
  std::size_t left_ = kMaxScripts;
  bool certain_ = true;
};

}  // namespace sifkit::check

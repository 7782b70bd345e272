// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace sifkit::cli {

/// Text in columns that line up; the last column is not padded. Cells hold no line feeds.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) : right_(heads.size()), rows_{std::move(heads)} {}

  void align_right(std::size_t column) { right_.at(column) = true; }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string text() const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
    }
    std::string out;
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string padding(widths[i] - columns(row[i]), ' ');
        const bool last = i + 1 == row.size();
        if (right_[i]) out += padding;
        out += row[i];
        if (!right_[i] && !last) out += padding;
        out += last ? "\n" : "  ";
      }
    }
    return out;
  }

 private:
  /// UTF-8 continuation bytes take no column.
  static std::size_t columns(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
  }

  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sifkit::cli

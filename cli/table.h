// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "console.h"

namespace sifkit::cli {

/// Which end of a text that is cut stays.
enum class Keep : bool { start, end };

/// Text in columns that line up; the last column is not padded. Cells hold no line feeds.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) : columns_(heads.size()), rows_{std::move(heads)} {}

  void align_right(std::size_t column) { columns_.at(column).right = true; }
  /// Lets `text` cut the column where a line would be too long, but not below `least`.
  void allow_cut(std::size_t column, std::size_t least, Keep keep) {
    columns_.at(column) = {columns_.at(column).right, least, keep};
  }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  /// As long lines as it takes.
  std::string text() const { return text_in(0); }
  /// Where a terminal shows it, lines of at most its width, as far as columns may be cut.
  std::string text(const Console& io) const { return text_in(width_of(io)); }

  /// Columns of the terminal that results go to; 0: to none.
  static std::size_t width_of(const Console& io);

 private:
  std::string text_in(std::size_t width) const;

  struct Column {
    bool right = false;
    std::size_t least = ~std::size_t{0};
    Keep keep = Keep::start;
  };

  std::vector<std::size_t> widths(std::size_t line) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sifkit::cli

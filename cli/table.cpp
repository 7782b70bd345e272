// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <algorithm>
#include <numeric>

namespace sifkit::cli {

namespace {

constexpr std::size_t kGap = 2;

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }

/// UTF-8 continuation bytes take no column.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

/// The text in `width` columns at most, with a mark where something is missing.
std::string cut(const std::string& text, std::size_t width, Keep keep) {
  const auto columns = columns_of(text);
  if (columns <= width) return text;
  const auto dropped = keep == Keep::end ? columns - (width - 1) : width - 1;
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if (starts_character(text[at]) && seen++ == dropped) break;
  }
  return keep == Keep::end ? "…" + text.substr(at) : text.substr(0, at) + "…";
}

}  // namespace

/// Of what may be cut, the widest column gives way first.
std::vector<std::size_t> Table::widths(std::size_t line) const {
  std::vector<std::size_t> out(columns_.size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) out[i] = std::max(out[i], columns_of(row[i]));
  }
  auto all = std::accumulate(out.begin(), out.end(), kGap * (out.size() - 1));
  for (; line != 0 && all > line; --all) {
    std::size_t* widest = nullptr;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] > columns_[i].least && (widest == nullptr || out[i] > *widest)) widest = &out[i];
    }
    if (widest == nullptr) break;
    --*widest;
  }
  return out;
}

std::size_t Table::width_of(const Console& io) {
  return io.out_is_terminal ? static_cast<std::size_t>(std::max(io.width(), 1)) : 0;
}

std::string Table::text_in(std::size_t width) const {
  const auto room = widths(width);
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto cell = cut(row[i], room[i], columns_[i].keep);
      const std::string padding(room[i] - columns_of(cell), ' ');
      const bool last = i + 1 == row.size();
      if (columns_[i].right) out += padding;
      out += cell;
      if (!columns_[i].right && !last) out += padding;
      out += last ? "\n" : std::string(kGap, ' ');
    }
  }
  return out;
}

}  // namespace sifkit::cli

// SPDX-License-Identifier: Apache-2.0
#include "challenge.h"

#include <sifkit/core/text.h>

#include "header_reader.h"

namespace sifkit::oci {

namespace {

/// Quoted; or, as some servers send it, bare and with anything but a comma or a blank in it.
std::string value_of(HeaderReader& reader) {
  return reader.next_is('"') ? reader.quoted() : std::string(reader.up_to(" ,"));
}

}  // namespace

std::string_view Challenge::value(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> out;
  HeaderReader reader(header);
  while (true) {
    reader.skip(" \t,");
    const auto name = reader.up_to(" \t,=\"");
    if (name.empty()) return out;
    reader.skip(" \t");
    if (out.empty() || !reader.take('=')) {
      out.push_back({lower_case(name), {}});
      continue;
    }
    reader.skip(" \t");
    out.back().parameters.emplace_back(lower_case(name), value_of(reader));
  }
}

}  // namespace sifkit::oci

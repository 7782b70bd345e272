// SPDX-License-Identifier: Apache-2.0
#include "link_header.h"

#include <algorithm>
#include <utility>

#include <sifkit/core/text.h>

#include "header_reader.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kEndOfWord = " \t=;,";

/// Whether a word is one of several with blanks between them.
bool has_word(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const auto end = std::min(words.find_first_of(kBlanks), words.size());
    if (equal_ignoring_case(words.substr(0, end), wanted)) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

/// What the parameter rel of the link says whose target was read: of several the first one counts.
std::string relations_of(HeaderReader& reader) {
  std::optional<std::string> out;
  for (reader.skip(kBlanks); reader.take(';'); reader.skip(kBlanks)) {
    reader.skip(kBlanks);
    const auto name = reader.up_to(kEndOfWord);
    reader.skip(kBlanks);
    std::string stated;
    if (reader.take('=')) {
      reader.skip(kBlanks);
      stated = reader.next_is('"') ? reader.quoted() : std::string(reader.up_to(kEndOfWord));
    }
    if (!out && equal_ignoring_case(name, "rel")) out = std::move(stated);
  }
  return out.value_or("");
}

}  // namespace

std::optional<std::string> target_of_link(std::string_view header, std::string_view relation) {
  HeaderReader reader(header);
  while (true) {
    reader.skip(" \t,");
    if (!reader.take('<')) return std::nullopt;
    const std::string target(reader.up_to(">"));
    if (!reader.take('>')) return std::nullopt;
    if (has_word(relations_of(reader), relation)) return target;
    reader.up_to(",");  // past what is no parameter
  }
}

}  // namespace sifkit::oci

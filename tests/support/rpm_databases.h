// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Databases of rpm in each of its containers, made byte by byte.
namespace sifkit::testing {

inline std::string big_32(std::uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

inline std::string little_32(std::uint32_t value) {
  const auto big = big_32(value);
  return {big.rbegin(), big.rend()};
}

/// Texts by tag, and an epoch where it is not negative.
inline std::string rpm_header(const std::vector<std::pair<std::uint32_t, std::string>>& texts, int epoch = -1) {
  std::string index;
  std::string data;
  for (const auto& [tag, text] : texts) {
    index += big_32(tag) + big_32(6) + big_32(static_cast<std::uint32_t>(data.size())) + big_32(1);
    data += text + '\0';
  }
  if (epoch >= 0) {
    while (data.size() % 4 != 0) data += '\0';
    index += big_32(1003) + big_32(4) + big_32(static_cast<std::uint32_t>(data.size())) + big_32(1);
    data += big_32(static_cast<std::uint32_t>(epoch));
  }
  return big_32(static_cast<std::uint32_t>(index.size() / 16)) + big_32(static_cast<std::uint32_t>(data.size())) +
         index + data;
}

/// bash 5.1-2 of epoch 1, and a key.
inline std::vector<std::string> rpm_headers() {
  return {rpm_header({{1000, "bash"},
                      {1001, "5.1"},
                      {1002, "2.el9"},
                      {1011, "Rocky"},
                      {1014, "GPLv3+"},
                      {1020, "https://www.gnu.org/software/bash"},
                      {1022, "x86_64"},
                      {1044, "bash-5.1-2.el9.src.rpm"}},
                     1),
          rpm_header({{1000, "gpg-pubkey"}, {1001, "8d81803c"}, {1002, "5706bc7e"}})};
}

inline std::string ndb_database(const std::vector<std::string>& headers) {
  std::string slots = "RpmP" + little_32(0) + little_32(1) + little_32(1) + std::string(16, '\0');
  std::string blobs;
  std::uint32_t index = 0;
  for (const auto& header : headers) {
    const auto blocks = static_cast<std::uint32_t>((16 + header.size() + 12 + 15) / 16);
    slots += "Slot" + little_32(++index) + little_32(static_cast<std::uint32_t>((4096 + blobs.size()) / 16)) +
             little_32(blocks);
    std::string blob =
        "BlbS" + little_32(index) + little_32(1) + little_32(static_cast<std::uint32_t>(header.size())) + header;
    blob.resize(blocks * 16 - 12, '\0');
    blobs += blob + little_32(0) + little_32(static_cast<std::uint32_t>(header.size())) + "BlbE";
  }
  while (slots.size() < 4096) slots += "Slot" + std::string(12, '\0');
  return slots + blobs;
}

/// A hash file of Berkeley DB with pages of 512 bytes, in either byte order.
inline std::string hash_database(const std::vector<std::string>& headers, bool big) {
  constexpr std::size_t kPage = 512;
  const auto u32 = [&](std::uint32_t value) { return big ? big_32(value) : little_32(value); };
  const auto u16 = [&](std::size_t value) {
    const auto all = u32(static_cast<std::uint32_t>(value) << (big ? 16 : 0));
    return all.substr(0, 2);
  };
  std::vector<std::string> pages(2, std::string(kPage, '\0'));
  pages[0].replace(12, 4, u32(0x061561));
  pages[0].replace(20, 4, u32(kPage));
  auto& table = pages[1];
  std::size_t end = kPage;
  std::size_t entries = 0;
  const auto put = [&](const std::string& item) {
    end -= item.size();
    table.replace(end, item.size(), item);
    table.replace(26 + 2 * entries++, 2, u16(end));
  };
  std::vector<std::string> values;
  for (const auto& header : headers) {
    put(std::string("\1\1\0\0\0", 5));
    const auto first = pages.size() + values.size();
    put(std::string("\3\0\0\0", 4) + u32(static_cast<std::uint32_t>(first)) +
        u32(static_cast<std::uint32_t>(header.size())));
    for (std::size_t at = 0; at < header.size(); at += kPage - 26) {
      const auto part = header.substr(at, kPage - 26);
      std::string page(kPage, '\0');
      const bool last = at + part.size() == header.size();
      page.replace(16, 4, u32(last ? 0 : static_cast<std::uint32_t>(pages.size() + values.size() + 1)));
      page.replace(22, 2, u16(part.size()));
      page[25] = 7;
      page.replace(26, part.size(), part);
      values.push_back(page);
    }
  }
  table.replace(20, 2, u16(entries));
  table[25] = 13;
  std::string out;
  for (const auto& page : pages) out += page;
  for (const auto& page : values) out += page;
  return out;
}

}  // namespace sifkit::testing

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/net/percent.h>

#include <fmt/format.h>

namespace sifkit::net {

std::string percent_encoded(std::string_view text, std::string_view also_plain) {
  static constexpr std::string_view kUnreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    const bool plain = kUnreserved.find(c) != std::string_view::npos || also_plain.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace sifkit::net

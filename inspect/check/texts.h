// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/layers/content.h>

namespace sifkit::check {

/// The last name of a path.
inline std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// Versions of numbers and dots, part by part: "2.9" is older than "2.10".
inline bool is_older(std::string_view one, std::string_view other) {
  const auto take = [](std::string_view& text) {
    unsigned value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.'))
      text.remove_prefix(1);
    else
      text = {};
    return failed == std::errc() ? value : 0u;
  };
  while (!one.empty() || !other.empty()) {
    const auto a = take(one);
    const auto b = take(other);
    if (a != b) return a < b;
  }
  return false;
}

/// Of an architecture's variants, as "v7" and "v6" of arm. One that is not stated is not later.
inline bool is_later_variant(std::string_view one, std::string_view other) {
  return one.starts_with('v') && other.starts_with('v') && is_older(other.substr(1), one.substr(1));
}

/// "arm/v7"
inline std::string with_variant(std::string_view architecture, std::string_view variant) {
  return std::string(architecture) + (variant.empty() ? "" : "/" + std::string(variant));
}

inline bool is_library_name(std::string_view name) {
  return name.ends_with(".so") || name.find(".so.") != std::string_view::npos;
}

/// glibc's loader for any machine.
inline bool is_glibc_loader(std::string_view name) {
  return name.starts_with("ld-linux") || name.starts_with("ld64.so.") || name == "ld.so.1";
}

/// The parts between separators; empty ones are left out.
inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find(separator));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

/// Gives a small file's bytes as one text.
struct TextSink : layers::ContentSink {
  std::string path;
  std::function<void(std::string_view text)> done;

  void begin(std::uint64_t) override { text_.clear(); }
  void append(ByteView bytes) override { text_ += as_text(bytes); }
  void append_zeros(std::uint64_t count) override { text_.append(static_cast<std::size_t>(count), '\0'); }
  layers::ContentId end() override {
    done(text_);
    return layers::kEmptyContent;
  }

 private:
  std::string text_;
};

}  // namespace sifkit::check

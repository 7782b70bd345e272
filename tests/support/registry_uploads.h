// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>

namespace sifkit::testing {

/// The uploads that a registry has begun (distribution-spec, "Push"), as Debian's docker-registry keeps them: an address
/// holds how far the upload was when it was given, and is good for that only.
class RegistryUploads {
 public:
  struct Upload {
    std::string repository;
    std::string bytes;
    unsigned long long id = 0;

    std::string place() const {
      return fmt::format("/v2/{}/blobs/uploads/{}?_state={}", repository, id, bytes.size());
    }
    /// "Location" and "Range" of an answer.
    std::string headers() const {
      return fmt::format("Location: {}\r\nRange: 0-{}\r\n", place(), bytes.empty() ? 0 : bytes.size() - 1);
    }
  };

  Upload& begin(const std::string& repository) {
    const auto id = ++last_;
    return uploads_[id] = Upload{repository, "", id};
  }

  /// The one that "/v2/REPOSITORY/blobs/uploads/ID?_state=N" names, whatever N.
  Upload* find(std::string_view path) {
    static constexpr std::string_view kPart = "/blobs/uploads/";
    const auto at = path.find(kPart);
    if (at == std::string_view::npos) return nullptr;
    const auto found = uploads_.find(std::strtoull(std::string(path.substr(at + kPart.size())).c_str(), nullptr, 10));
    return found == uploads_.end() ? nullptr : &found->second;
  }

  void forget(const Upload& upload) { uploads_.erase(upload.id); }
  void forget_all() { uploads_.clear(); }
  std::size_t size() const { return uploads_.size(); }

  /// "VALUE" of "…?name=VALUE&…".
  static std::string parameter(std::string_view path, std::string_view name) {
    for (const char before : {'?', '&'}) {
      const auto key = fmt::format("{}{}=", before, name);
      const auto at = path.find(key);
      if (at == std::string_view::npos) continue;
      const auto value = path.substr(at + key.size());
      return std::string(value.substr(0, value.find('&')));
    }
    return {};
  }

  /// "/v2/a/b" of "/v2/a/b/blobs/…" or "/v2/a/b/manifests/…".
  static std::string repository_of(std::string_view path) {
    path.remove_prefix(std::string_view("/v2/").size());
    return std::string(path.substr(0, std::min(path.find("/blobs/"), path.find("/manifests/"))));
  }

 private:
  std::map<unsigned long long, Upload> uploads_;
  unsigned long long last_ = 0;
};

}  // namespace sifkit::testing

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/stream.h>
#include <sifkit/net/http_client.h>

#include "backoff.h"

namespace sifkit::oci {

/// The bytes of something that a server has. Where a connection breaks off, the rest is asked for. Nothing is asked
/// before the first read. A known digest is checked with the last bytes: a cache keeps no others, and what a server has
/// sent is told from an image that is damaged itself.
class ResumedDownload : public Source {
 public:
  /// With this much between two failures there was progress, and the tries are counted from the start.
  static constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;

  std::size_t read(std::span<std::byte> into) override;

 protected:
  /// `name` is the server's, `what` the thing's, which may be empty. A known `size` and `digest` is what must come.
  ResumedDownload(Backoff backoff, std::string name, std::string what, std::optional<std::uint64_t> size,
                  const std::optional<Digest>& digest);

  /// Sends the request, for all of it or, where `from` is given, for what follows that byte.
  virtual net::HttpResponse ask(std::optional<std::uint64_t> from) = 0;
  /// Looks at an answer that has bytes. Throws where they are not those of earlier answers.
  virtual void check_version(const net::HttpResponse&) {}
  /// Whether another server is to be asked where one has answered with that status.
  virtual bool ask_elsewhere(int) { return false; }
  /// What an answer without the bytes comes to.
  virtual Error failure(net::HttpResponse& response) = 0;

  /// Asks, where that was not done yet.
  void open();
  Backoff& backoff() noexcept { return backoff_; }
  std::uint64_t offset() const noexcept { return offset_; }
  const std::optional<std::uint64_t>& size() const noexcept { return size_; }

 private:
  std::string named(std::string_view server) const;
  void take(net::HttpResponse& response);
  void take_whole(net::HttpResponse& response);
  void check_encoding(const net::HttpResponse& response) const;
  bool goes_on(const net::HttpResponse& response);
  void pass_over(std::uint64_t count);
  bool is_complete() const noexcept { return size_ && offset_ == *size_ && offset_ != 0; }
  std::size_t read_some(std::span<std::byte> into);
  std::size_t read_on(std::span<std::byte> into);

  Backoff backoff_;
  const std::string name_;
  const std::string what_;
  std::optional<std::uint64_t> size_;
  const std::optional<Digest> digest_;
  std::optional<Hasher> hasher_;  ///< until the digest was checked
  std::uint64_t offset_ = 0;      ///< of what is read next
  std::uint64_t failed_at_ = 0;
  bool ranges_ = true;           ///< until a server shows that it does not know them, or takes them for others
  bool ends_by_itself_ = false;  ///< the answer has said how long it is
  std::unique_ptr<Source> body_;
};

}  // namespace sifkit::oci

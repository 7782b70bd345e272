// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/error.h>
#include <sifkit/core/stream.h>
#include <sifkit/net/http_client.h>

#include "backoff.h"

namespace sifkit::oci {

/// The bytes of something that a server has. Where a connection breaks off, the rest is asked for. Nothing is asked
/// before the first read.
class ResumedDownload : public Source {
 public:
  /// With this much between two failures there was progress, and the tries are counted from the start.
  static constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;

  std::size_t read(std::span<std::byte> into) override;

 protected:
  /// `name` is the server's, `what` the thing's, which may be empty. A known `size` is what must come.
  ResumedDownload(Backoff backoff, std::string name, std::string what, std::optional<std::uint64_t> size,
                  std::uint64_t from = 0);

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
  void check_range(const net::HttpResponse& response);
  void pass_over(std::uint64_t count);
  bool is_complete() const noexcept { return size_ && offset_ == *size_ && offset_ != 0; }
  std::size_t read_some(std::span<std::byte> into);

  Backoff backoff_;
  const std::string name_;
  const std::string what_;
  std::optional<std::uint64_t> size_;
  std::uint64_t offset_;  ///< of what is read next
  std::uint64_t failed_at_;
  bool ranges_ = true;           ///< until a server shows that it does not know them
  bool ends_by_itself_ = false;  ///< the answer has said how long it is
  std::unique_ptr<Source> body_;
};

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sifkit/core/stream.h>
#include <sifkit/oci/cache.h>

#include "registry_client.h"

namespace sifkit::oci {

/// What a blob must be, and where it may be fetched if the registry has none: `urls` are asked without credentials.
struct BlobRequest {
  Digest digest;
  std::uint64_t size = 0;
  std::vector<std::string> urls;
};

/// The bytes of a blob, exactly as many as its descriptor says; whoever reads checks the digest. Where a connection
/// breaks off, the rest is asked for. Nothing is asked before the first read.
class BlobDownload : public Source {
 public:
  /// With this much between two failures there was progress, and the tries are counted from the start.
  static constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;

  BlobDownload(std::shared_ptr<RegistryClient> client, BlobRequest request, std::uint64_t from = 0);

  std::size_t read(std::span<std::byte> into) override;

 private:
  void open();
  /// Goes on to the next of the URLs that may be asked.
  bool next_place();
  net::HttpResponse ask(bool range);
  void take_whole(net::HttpResponse& response);
  void check_range(const net::HttpResponse& response) const;
  void pass_over(std::uint64_t count);
  std::size_t read_some(std::span<std::byte> into);

  std::shared_ptr<RegistryClient> client_;
  BlobRequest request_;
  Backoff backoff_;
  std::size_t place_ = 0;     ///< 0: the registry; else one of the URLs
  std::uint64_t offset_ = 0;  ///< of what is read next
  std::uint64_t failed_at_ = 0;
  bool ranges_ = true;           ///< until a server shows that it does not know them
  bool ends_by_itself_ = false;  ///< the answer has said how long it is
  std::unique_ptr<Source> body_;
};

/// A blob out of the cache, or from where it is, and then the cache keeps it. The cache outlives it.
std::unique_ptr<Source> open_blob(Cache& cache, const std::shared_ptr<RegistryClient>& client, BlobRequest request);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sifkit/core/stream.h>
#include <sifkit/oci/cache.h>

#include "registry_client.h"
#include "resumed_download.h"

namespace sifkit::oci {

/// What a blob must be, and where it may be fetched if the registry has none: `urls` are asked without credentials.
struct BlobRequest {
  Digest digest;
  std::uint64_t size = 0;
  std::vector<std::string> urls;
};

/// The bytes of a blob, exactly as many as its descriptor says and of its digest.
class BlobDownload : public ResumedDownload {
 public:
  BlobDownload(std::shared_ptr<RegistryClient> client, BlobRequest request);

 private:
  net::HttpResponse ask(std::optional<std::uint64_t> from) override;
  bool ask_elsewhere(int status) override;
  Error failure(net::HttpResponse& response) override { return client_->failure(response); }
  /// Goes on to the next of the URLs that may be asked.
  bool next_place();

  std::shared_ptr<RegistryClient> client_;
  BlobRequest request_;
  std::size_t place_ = 0;  ///< 0: the registry; else one of the URLs
};

/// A blob out of the cache, or from where it is, and then the cache keeps it. The cache outlives it.
std::unique_ptr<Source> open_blob(Cache& cache, const std::shared_ptr<RegistryClient>& client, BlobRequest request);

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <sifkit/core/stream.h>
#include <sifkit/oci/image_destination.h>

#include "registry_client.h"

namespace sifkit::oci {

/// An upload that a registry has begun, and waits for.
struct UploadPlace {
  std::string url;                    ///< for the next request; every answer has another one
  std::uint64_t min_chunk_bytes = 0;  ///< of all chunks but the last
};

/// Begins an upload. Throws denied where nothing may be pushed.
UploadPlace begin_upload(RegistryClient& client);
/// Sends one blob to a repository (distribution-spec, "Pushing blobs"): in one request, and where that breaks off or is
/// too large for what stands before the registry, on from there in chunks. What is sent is checked against its digest,
/// before the last of it goes. One that comes to nothing is cancelled. Not thread safe.
class BlobUpload {
 public:
  static constexpr std::uint64_t kChunk = std::uint64_t{4} << 20;  ///< some registries take no more
  static constexpr std::uint64_t kMaxChunk = std::uint64_t{64}
                                             << 20;  ///< in memory; one that wants more gets no chunks

  /// All of it outlives the object. `place` is an upload that has begun.
  BlobUpload(RegistryClient& client, const ReadableBlob& blob, std::optional<UploadPlace> place = {});
  ~BlobUpload();
  BlobUpload(const BlobUpload&) = delete;
  BlobUpload& operator=(const BlobUpload&) = delete;

  /// Whether anything had to be sent: nothing where the repository has the blob, or another one of the registry,
  /// `from`, which `mounter` may ask for; it may be none.
  bool run(RegistryClient* mounter = nullptr, const std::string& from = {});

 private:
  struct Setback;

  bool is_there();
  bool mount(RegistryClient& mounter, const std::string& from);
  void send_whole();
  void send_chunks(std::uint64_t from);
  /// Sends what a request has, and takes the place that its answer names.
  net::HttpResponse send(net::HttpRequest request);
  void finish_with(net::HttpRequest request);
  /// How much of an upload that broke off has arrived; nothing where it is lost.
  std::optional<std::uint64_t> arrived();
  std::unique_ptr<Source> open(std::uint64_t from);

  RegistryClient& client_;
  const ReadableBlob& blob_;
  std::optional<UploadPlace> place_;  ///< that the registry waits at
  Backoff backoff_;
  bool in_chunks_ = false;
  std::uint64_t shown_ = 0;         ///< bytes that the progress has counted
  std::uint64_t most_arrived_ = 0;  ///< at any failure: what is lost and comes again earns no tries
};

}  // namespace sifkit::oci

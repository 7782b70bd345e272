// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>
#include <set>
#include <string>

#include "blob_upload.h"
#include "registry_places.h"
#include "transfer_group.h"

namespace sifkit::oci {

/// Puts blobs, then manifests, into a repository of a registry. What is there is not sent again. Its methods are for
/// one thread.
class RepositoryWriter {
 public:
  RepositoryWriter(const RegistryName& name, const SourceOptions& options);
  ~RepositoryWriter();

  /// Another image, whose repository may have what is to come, if the same registry has it.
  void mount_from(const RegistryName& other);

  /// Throws denied, or what else keeps blobs from being pushed, before the first of them is there.
  void expect_welcome();
  /// On another thread, beside others of its kind. All are there when anything else is added.
  void send_blob(ReadableBlob blob);
  /// Throws what has gone wrong with one of them.
  void check() { transfers_.check(); }
  void add_blob(const ReadableBlob& blob);
  void add_document(const std::string& text);
  /// By a tag or by its digest, which must be its own then. Returns the digest.
  Digest put_manifest(const std::string& text, const std::string& media_type, const std::string& reference);

  /// Bytes that had to be sent.
  std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

 private:
  const RegistriesConf configuration_;
  Progress& progress_;
  TransferGroup transfers_;
  const ReachedRegistry registry_;
  RegistryClient client_;
  std::string neighbour_;
  std::optional<RegistryClient> mounter_;  ///< its token is for both repositories
  std::optional<UploadPlace> ready_;       ///< an upload that has begun, for the next blob
  std::set<Digest> there_;
  std::atomic<std::uint64_t> sent_bytes_ = 0;
};

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "blob_upload.h"

namespace sifkit::oci {

/// Puts blobs, then manifests, into a repository of a registry. What is there is not sent again. Not thread safe.
class RepositoryWriter {
 public:
  RepositoryWriter(const RegistryName& name, const SourceOptions& options);

  /// Another repository of the same registry, which may have what is to come.
  void mount_from(const std::string& repository);

  /// Throws denied, or what else keeps blobs from being pushed, before the first of them is there.
  void expect_welcome();
  void add_blob(const ReadableBlob& blob);
  void add_document(const std::string& text);
  /// By a tag or by its digest, which must be its own then. Returns the digest.
  Digest put_manifest(const std::string& text, const std::string& media_type, const std::string& reference);

  /// Bytes that had to be sent.
  std::uint64_t sent_bytes() const noexcept { return sent_bytes_; }

 private:
  RegistryClient client_;
  std::string neighbour_;
  std::optional<RegistryClient> mounter_;  ///< its token is for both repositories
  std::optional<UploadPlace> ready_;       ///< an upload that has begun, for the next blob
  std::set<Digest> there_;
  std::uint64_t sent_bytes_ = 0;
};

}  // namespace sifkit::oci

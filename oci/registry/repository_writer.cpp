// SPDX-License-Identifier: Apache-2.0
#include "repository_writer.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>

namespace sifkit::oci {

namespace {

constexpr const char* kActions = "pull,push";

}  // namespace

RepositoryWriter::RepositoryWriter(const RegistryName& name, const SourceOptions& options)
    : client_(name, options, kActions) {}

void RepositoryWriter::mount_from(const std::string& repository) {
  neighbour_ = repository;
  mounter_.emplace(client_.name(), client_.options(), kActions);
  mounter_->also_pull(repository);
}

void RepositoryWriter::expect_welcome() {
  in_file(client_.name().text(), [&] {
    if (!ready_) ready_ = begin_upload(client_);
  });
}

void RepositoryWriter::add_blob(const ReadableBlob& blob) {
  if (there_.contains(blob.digest)) {
    client_.options().operation.progress->advance(blob.size);
    return;
  }
  in_file(client_.name().text(), [&] {
    BlobUpload upload(client_, blob, std::exchange(ready_, std::nullopt));
    const bool sent = upload.run(mounter_ ? &*mounter_ : nullptr, neighbour_);
    if (sent) {
      sent_bytes_ += blob.size;
    } else {
      client_.options().operation.progress->advance(blob.size);
    }
  });
  there_.insert(blob.digest);
}

void RepositoryWriter::add_document(const std::string& text) {
  add_blob(
      {digest_of(as_bytes(text)), text.size(), [&text] { return std::make_unique<MemorySource>(as_bytes(text)); }});
}

Digest RepositoryWriter::put_manifest(const std::string& text, const std::string& media_type,
                                      const std::string& reference) {
  const bool by_digest = reference.find(':') != std::string::npos;
  const auto digest =
      digest_of(as_bytes(text), by_digest ? Digest::parse(reference).algorithm() : DigestAlgorithm::sha256);
  if (by_digest && digest.text() != reference)
    throw Error(ErrorKind::usage, fmt::format("the image is {}, not {}", digest.text(), reference),
                "a tag names an image, whatever its digest is");
  in_file(client_.name().text(), [&] {
    auto response = client_.send(
        {.url = "/manifests/" + reference, .method = "PUT", .headers = {{"Content-Type", media_type}}, .body = text});
    if (response.status() / 100 != 2) throw client_.failure(response);
    const std::string stated(response.header("docker-content-digest").value_or(""));
    if (stated.starts_with(to_string(digest.algorithm())) && stated != digest.text()) {
      throw Error(ErrorKind::integrity, fmt::format("{}: manifest: expected {}, found {}", response.name(),
                                                    digest.text(), in_quotes(stated)));
    }
  });
  return digest;
}

}  // namespace sifkit::oci

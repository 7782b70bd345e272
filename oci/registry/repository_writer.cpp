// SPDX-License-Identifier: Apache-2.0
#include "repository_writer.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>

namespace sifkit::oci {

namespace {

constexpr const char* kActions = "pull,push";

SourceOptions with_operation(SourceOptions options, const OperationContext& operation) {
  options.operation = operation;
  return options;
}

}  // namespace

RepositoryWriter::RepositoryWriter(const RegistryName& name, const SourceOptions& options)
    : configuration_(RegistriesConf::load(*options.operation.logger)),
      progress_(*options.operation.progress),
      transfers_(options.registry.connections, options.operation),
      registry_(reach_registry(configuration_, name, with_operation(options, transfers_.operation()))),
      client_(registry_.name, registry_.options, kActions) {}

RepositoryWriter::~RepositoryWriter() {
  transfers_.stop();
  if (ready_) client_.abandon(ready_->url);
}

void RepositoryWriter::mount_from(const RegistryName& other) {
  const auto place = configuration_.places(other).back().name;
  if (place.host != client_.name().host || place.repository == client_.name().repository) return;
  neighbour_ = place.repository;
  mounter_.emplace(client_.name(), client_.options(), kActions);
  mounter_->also_pull(neighbour_);
}

void RepositoryWriter::expect_welcome() {
  in_file(client_.name().text(), [&] {
    if (!ready_) ready_ = begin_upload(client_);
  });
}

void RepositoryWriter::send_blob(ReadableBlob blob) {
  if (!there_.insert(blob.digest).second) {
    progress_.advance(blob.size);
    return;
  }
  transfers_.start([this, blob = std::move(blob), place = std::exchange(ready_, std::nullopt)] {
    const auto send = [&] {
      BlobUpload upload(client_, blob, place);
      const bool sent = upload.run(mounter_ ? &*mounter_ : nullptr, neighbour_);
      if (sent) {
        sent_bytes_ += blob.size;
      } else {
        client_.options().operation.progress->advance(blob.size);
      }
    };
    const auto in_repository = [&] { in_file(client_.name().text(), send); };
    if (blob.context.empty()) return in_repository();
    in_context([&] { return blob.context; }, in_repository);
  });
}

void RepositoryWriter::add_blob(const ReadableBlob& blob) {
  send_blob(blob);
  transfers_.wait();
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
  transfers_.wait();
  in_file(client_.name().text(), [&] {
    auto response = client_.send(
        {.url = "/manifests/" + reference, .method = "PUT", .headers = {{"Content-Type", media_type}}, .body = text});
    if (response.status() / 100 != 2) throw client_.failure(response);
    RegistryClient::expect_digest(response, "manifest", digest);
  });
  return digest;
}

}  // namespace sifkit::oci

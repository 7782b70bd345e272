// SPDX-License-Identifier: Apache-2.0
#include "registry_source.h"

#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/json.h>

#include "../oci_layout.h"
#include "blob_download.h"
#include "layer_fetcher.h"
#include "linked_stop.h"
#include "registry_places.h"

namespace sifkit::oci {

namespace {

/// Documents of images, fetched once: what is read a second time is kept.
class RegistryBlobs : public BlobStore {
 public:
  RegistryBlobs(std::shared_ptr<RegistryClient> client, std::shared_ptr<Cache> cache)
      : client_(std::move(client)), cache_(std::move(cache)), name_(client_->name().text()) {}

  const std::string& name() const override { return name_; }
  std::string name_of(const Digest& digest, BlobKind) const override { return digest.text(); }
  std::optional<std::uint64_t> size_of(const Descriptor& descriptor, BlobKind) override { return descriptor.size; }
  void forget_documents() noexcept override { document_bytes_ = 0; }
  std::unique_ptr<Source> open(const Descriptor& descriptor) override {
    return open_blob(*cache_, client_, {descriptor.digest, descriptor.size, descriptor.urls});
  }

  /// Keeps what was fetched already; what describes it.
  Descriptor keep(const ManifestDocument& document) {
    kept_.insert_or_assign(document.digest, document.text);
    Descriptor out;
    out.media_type = document.media_type;
    out.digest = document.digest;
    out.size = document.text.size();
    return out;
  }

  std::optional<std::string> read(const Descriptor& descriptor, BlobKind kind, const Limits& limits,
                                  std::string_view what) override {
    if (descriptor.size > limits.json_bytes) {
      throw_over_limit(fmt::format("{}: {} bytes, the limit is {}", what, descriptor.size, limits.json_bytes),
                       &Limits::json_bytes);
    }
    document_bytes_ += descriptor.size;
    if (document_bytes_ > limits.documents_bytes) {
      throw_over_limit(
          fmt::format("the documents of all images are over the limit of {} bytes", limits.documents_bytes),
          &Limits::documents_bytes);
    }
    auto found = kept_.find(descriptor.digest);
    try {
      if (found == kept_.end()) found = kept_.emplace(descriptor.digest, fetch(descriptor, kind)).first;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found) throw;
      return std::nullopt;
    }
    if (found->second.size() != descriptor.size) {
      throw Error(ErrorKind::integrity, fmt::format("{} {}: expected {} bytes, found {}", what,
                                                    descriptor.digest.text(), descriptor.size, found->second.size()));
    }
    return found->second;
  }

 private:
  std::string fetch(const Descriptor& descriptor, BlobKind kind) const {
    if (kind == BlobKind::manifest) return client_->manifest(descriptor.digest.text()).text;
    const auto blob = open_blob(*cache_, client_, {descriptor.digest, descriptor.size, {}});
    return std::string(as_text(read_all(*blob, descriptor.size, descriptor.digest.text())));
  }

  std::shared_ptr<RegistryClient> client_;
  std::shared_ptr<Cache> cache_;
  std::string name_;
  std::map<Digest, std::string> kept_;  ///< bounded as all documents together are
  std::uint64_t document_bytes_ = 0;
};

/// An image whose layers come from a registry as they are wanted, newest first.
class RegistryImage : public Image {
 public:
  RegistryImage(StoredParts parts, std::shared_ptr<LinkedStop> stop, std::shared_ptr<RegistryClient> client,
                std::shared_ptr<Cache> cache, const SourceOptions& options)
      : parts_(std::move(parts)),
        stop_(std::move(stop)),
        client_(std::move(client)),
        cache_(std::move(cache)),
        connections_(options.registry.connections),
        scratch_(options.scratch_place()) {}
  ~RegistryImage() override { stop_->request(); }

  const ImageConfig& config() const override { return parts_.config; }
  const std::vector<Layer>& layers() const override { return parts_.layers; }
  std::optional<Digest> manifest_digest() const override { return parts_.manifest_digest; }
  std::optional<Manifest> manifest() const override { return parts_.manifest; }
  std::optional<Digest> config_digest() const override { return parts_.config_digest; }
  std::uint64_t compressed_bytes() const override {
    return std::accumulate(parts_.layers.begin(), parts_.layers.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const Layer& layer) { return sum + *layer.size; });
  }

  std::unique_ptr<Source> open_layer(std::size_t index) override {
    const std::lock_guard lock(opening_);
    if (!turn_ && parts_.manifest_digest) turn_ = cache_->take_turn(*parts_.manifest_digest);
    if (!fetcher_) {
      fetcher_.emplace(wanted_order(), connections_, [this](std::size_t each) { return download(each); }, scratch_);
    }
    // Who takes another order than that would have the fetcher fetch for nobody.
    auto source = in_order_ ? fetcher_->take(index) : nullptr;
    in_order_ = source != nullptr;
    return source ? std::move(source) : download(index);
  }

  void pass_over(std::size_t count) override { passed_over_ = count; }
  bool fetches_ahead() const override { return true; }

 private:
  /// Newest first.
  std::vector<std::size_t> wanted_order() const {
    std::vector<std::size_t> out;
    for (std::size_t index = parts_.layers.size(); index > passed_over_; --index) out.push_back(index - 1);
    return out;
  }

  std::unique_ptr<Source> download(std::size_t index) const {
    const Layer& layer = parts_.layers.at(index);
    return open_blob(*cache_, client_, {*layer.digest, *layer.size, layer.urls});
  }

  StoredParts parts_;
  std::shared_ptr<LinkedStop> stop_;
  std::shared_ptr<RegistryClient> client_;
  std::shared_ptr<Cache> cache_;
  std::shared_ptr<const void> turn_;
  const unsigned connections_;
  const std::filesystem::path scratch_;
  std::size_t passed_over_ = 0;
  bool in_order_ = true;
  std::mutex opening_;
  std::optional<LayerFetcher> fetcher_;  // last: its threads use the others
};

class RegistrySource : public OpenedSource {
 public:
  RegistrySource(const Reference& reference, const SourceOptions& options, WarningList& warnings)
      : reference_(reference),
        options_(options),
        warnings_(warnings),
        name_(RegistryName::parse(reference.location, reference.text)),
        stop_(std::make_shared<LinkedStop>(options.operation.stop)) {
    auto operation = options.operation;
    operation.stop = stop_->token();
    cache_ = std::make_shared<Cache>(options.registry.cache, operation);
  }

  const Reference& reference() const override { return reference_; }
  bool is_root() const override { return false; }
  bool is_root_in_doubt() const override { return false; }
  std::shared_ptr<const File> image_file() const override { return nullptr; }

  std::unique_ptr<Image> open_image() override {
    WarningList of_all;
    // The manifests of other platforms are not fetched: each one counts where a registry counts.
    auto candidates = read(options_.platform.value_or(Platform::host()), of_all);
    const auto& chosen = choose(candidates, "", options_.platform, name_.text(), warnings_);
    Candidate again = chosen;
    again.summary.compressed_bytes = 0;
    auto parts = chosen.load(again, warnings_);
    if (again.problem) throw *again.problem;
    parts.manifest_digest = chosen.summary.manifest_digest;
    return std::make_unique<RegistryImage>(std::move(parts), stop_, client_, cache_, options_);
  }

  std::unique_ptr<ImageSet> open_all() override {
    const auto document = in_file(name_.text(), [&] { return find(); });
    auto blobs = std::make_shared<RegistryBlobs>(client_, cache_);
    auto top = blobs->keep(document);
    return std::make_unique<ImageSet>(std::move(blobs), std::move(top), options_.limits, stop_);
  }

  std::vector<ImageSummary> list_images() override {
    std::vector<ImageSummary> out;
    for (auto& candidate : read(std::nullopt, warnings_)) out.push_back(std::move(candidate.summary));
    return out;
  }

 private:
  std::vector<Candidate> read(const std::optional<Platform>& only, WarningList& warnings) {
    auto document = in_file(name_.text(), [&] { return find(); });
    blobs_ = std::make_shared<RegistryBlobs>(client_, cache_);
    const auto descriptor = blobs_->keep(document);
    auto candidates = read_manifest(blobs_, document.text, descriptor, only, options_.limits, warnings);
    // What an entry calls itself inside is no name here.
    const auto tag = fmt::format("{}:{}", name_.without_reference(), name_.tag);
    for (auto& candidate : candidates)
      candidate.summary.tags = name_.digest ? std::vector<std::string>() : std::vector<std::string>{tag};
    return candidates;
  }

  ManifestDocument find() {
    auto options = options_;
    options.operation.stop = stop_->token();
    auto found = find_manifest(name_, options);
    client_ = std::move(found.client);
    check_type(found.document);
    return std::move(found.document);
  }

  /// The header says what the document is, and the document does; no descriptor has a say in it.
  void check_type(const ManifestDocument& document) const {
    if (document.media_type.empty()) return;
    const auto what = fmt::format("manifest {}", document.digest.text());
    const auto stated = member_text(parse_json(document.text, what, options_.limits), "mediaType");
    if (stated.empty() || stated == document.media_type) return;
    throw Error(ErrorKind::malformed, fmt::format("{}: its media type is {}, the registry's Content-Type says {}", what,
                                                  in_quotes(stated), in_quotes(document.media_type)));
  }

  Reference reference_;
  const SourceOptions options_;
  WarningList& warnings_;
  RegistryName name_;
  std::shared_ptr<LinkedStop> stop_;
  std::shared_ptr<RegistryClient> client_;
  std::shared_ptr<Cache> cache_;
  std::shared_ptr<RegistryBlobs> blobs_;
};

}  // namespace

std::unique_ptr<OpenedSource> open_registry(const Reference& reference, const SourceOptions& options,
                                            WarningList& warnings) {
  return std::make_unique<RegistrySource>(reference, options, warnings);
}

}  // namespace sifkit::oci

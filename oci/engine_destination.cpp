// SPDX-License-Identifier: Apache-2.0
#include "engine_destination.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "checked_blob.h"
#include "engine_api.h"
#include "member_writer.h"
#include "spooled_layer.h"

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kEnd = 2 * kTarRecord;

std::uint64_t padded(std::uint64_t size) { return (size + kTarRecord - 1) / kTarRecord * kTarRecord; }

/// Members of a tar archive, none of which is read before its turn.
class ArchiveMembers {
 public:
  explicit ArchiveMembers(const OperationContext& operation) : operation_(operation) {}

  void add(std::string name, ReadableBlob blob) {
    if (!names_.insert(name).second) return;
    bytes_ += kTarRecord + padded(blob.size);
    members_.push_back({std::move(name), std::move(blob)});
  }

  void add(std::string name, const std::string& text) {
    texts_.push_back(text);
    const auto bytes = as_bytes(texts_.back());
    add(std::move(name), {digest_of(bytes), text.size(), [bytes] { return std::make_unique<MemorySource>(bytes); }});
  }

  std::uint64_t bytes() const noexcept { return bytes_ + kEnd; }
  /// The object outlives the source.
  std::unique_ptr<Source> open() { return std::make_unique<Reader>(*this); }

 private:
  struct Member {
    std::string name;
    ReadableBlob blob;
    std::uint64_t shown = 0;
  };

  class Reader : public Source {
   public:
    explicit Reader(ArchiveMembers& archive) : archive_(archive) {}

    std::size_t read(std::span<std::byte> into) override {
      while (true) {
        if (!plain_.empty()) {
          const auto count = std::min(into.size(), plain_.size());
          std::copy_n(plain_.begin(), count, into.begin());
          plain_ = plain_.subspan(count);
          return count;
        }
        if (blob_) {
          if (const auto got = blob_->read(into); got != 0) return got;
          blob_.reset();
          const auto size = archive_.members_[next_ - 1].blob.size;
          plain_ = ByteView(kZeros).first(padded(size) - size);
        } else if (next_ < archive_.members_.size()) {
          auto& member = archive_.members_[next_++];
          header_ = member_header(member.name, member.blob.size);
          plain_ = header_;
          blob_ = std::make_unique<CheckedBlob>(member.blob, archive_.operation_, member.shown);
        } else if (std::exchange(ended_, true)) {
          return 0;
        } else {
          plain_ = kZeros;
        }
      }
    }

   private:
    static constexpr std::array<std::byte, kEnd> kZeros{};

    ArchiveMembers& archive_;
    std::size_t next_ = 0;
    std::array<std::byte, kTarRecord> header_{};
    ByteView plain_;  ///< what is neither header nor blob is padding
    std::unique_ptr<Source> blob_;
    bool ended_ = false;
  };

  const OperationContext& operation_;
  std::vector<Member> members_;
  std::deque<std::string> texts_;
  std::set<std::string> names_;
  std::uint64_t bytes_ = 0;
};

/// What a layer is called. A header has room for the hex digits of sha256 only; what has another digest is named by the
/// sha256 of that, so that the same layer is the same member.
std::string name_of_layer(const Digest& digest) {
  const bool fits = digest.algorithm() == DigestAlgorithm::sha256;
  return (fits ? digest : digest_of(as_bytes(digest.text()))).hex() + ".tar";
}

/// Layers go as they are stored: the daemon uncompresses them.
class EngineDestination : public ImageDestination {
 public:
  EngineDestination(const Target& target, const DestinationOptions& options)
      : options_(options), name_(target.name), api_(target.transport, options_), archive_(options_.operation) {
    api_.stream("/_ping");  // a daemon that does not answer must not cost reading the image
  }

  bool plain_layers() const override { return false; }
  bool takes_readable_layers() const override { return true; }

  void add_layer(ReadableBlob layer) override {
    layers_.push_back(name_of_layer(layer.digest));
    archive_.add(layers_.back().get<std::string>(), std::move(layer));
  }

  std::unique_ptr<BlobWriter> begin_layer() override {
    return std::make_unique<SpooledLayer>(options_.scratch,
                                          [this](ReadableBlob layer) { add_layer(std::move(layer)); });
  }

  void finish(const ImageDocuments& documents) override {
    const auto id = digest_of(as_bytes(documents.config));
    archive_.add(id.hex() + ".json", documents.config);
    const Json manifest{{{"Config", id.hex() + ".json"}, {"RepoTags", {name_}}, {"Layers", layers_}}};
    archive_.add("manifest.json", manifest.dump());
    api_.load({[this] { return archive_.open(); }, archive_.bytes()});
    expect_image(id, documents.diff_ids);
  }

 private:
  /// A daemon that keeps manifests calls an image by its manifest, which it has made anew.
  void expect_image(const Digest& id, const std::vector<Digest>& diff_ids) {
    const Json document = api_.get("/images/" + EngineApi::escaped(name_) + "/json", options_.limits);
    const JsonView image(document, "image: ");
    const auto layers = image["RootFS"]["Layers"].text_list();
    const bool same_layers = std::equal(layers.begin(), layers.end(), diff_ids.begin(), diff_ids.end(),
                                        [](const auto& text, const Digest& digest) { return text == digest.text(); });
    if (image["Id"].text() == id.text() || same_layers) return;
    throw Error(ErrorKind::integrity, fmt::format("{}: the image that was sent is {}, {} is {} there", api_.where(),
                                                  id.text(), in_quotes(name_), in_quotes(image["Id"].text())));
  }

  const DestinationOptions options_;
  const std::string name_;
  EngineApi api_;
  ArchiveMembers archive_;
  Json layers_ = Json::array();  ///< names of members
};

}  // namespace

std::unique_ptr<ImageDestination> open_engine_destination(const Target& target, const DestinationOptions& options) {
  return std::make_unique<EngineDestination>(target, options);
}

}  // namespace sifkit::oci

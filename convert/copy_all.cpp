// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sifkit/copy_image.h>
#include <sifkit/core/error.h>
#include <sifkit/oci/source.h>

#include "copying.h"
#include "manifest_format.h"

namespace sifkit {

namespace {

using Document = oci::ImageSet::Document;

/// Copies what a set has, everything before what names it, each once.
class SetCopy {
 public:
  SetCopy(oci::ImageSet& set, oci::ImageDestination& destination, const CopyOptions& options, CopyReport& report)
      : set_(set), destination_(destination), options_(options), report_(report) {}

  /// The media type of the document that has got the target's name.
  std::string run() {
    struct Open {
      Document document;
      std::size_t next = 0;  ///< of its manifests
    };
    std::vector<Open> open;
    open.push_back({read(set_.top())});
    while (true) {
      Open& last = open.back();
      if (last.next < last.document.manifests.size()) {
        const auto& child = last.document.manifests[last.next++];
        if (done_.contains(child.digest)) continue;
        if (open.size() > options_.limits.index_depth)
          throw Error(ErrorKind::limit,
                      fmt::format("indexes are nested more than {} deep", options_.limits.index_depth));
        open.push_back({read(child)});
        continue;
      }
      const Document document = std::move(last.document);
      open.pop_back();
      for (const auto& blob : document.blobs) add_blob(blob);
      destination_.check();
      if (!document.index) ++report_.images;
      if (open.empty()) {
        report_.manifest_digest = document.descriptor.digest;
        options_.operation.check();
        destination_.finish_set(document.descriptor, document.text);
        return document.descriptor.media_type;
      }
      destination_.add_manifest(document.descriptor, document.text);
      done_.insert(document.descriptor.digest);
    }
  }

 private:
  Document read(const oci::Descriptor& descriptor) {
    options_.operation.check();
    if (++documents_ > options_.limits.archive_members)
      throw_over_limit(fmt::format("more than {} manifests", options_.limits.archive_members),
                       &Limits::archive_members);
    return set_.read(descriptor);
  }

  void add_blob(const oci::Descriptor& descriptor) {
    if (!done_.insert(descriptor.digest).second) return;
    oci::ReadableBlob blob;
    blob.digest = descriptor.digest;
    blob.size = descriptor.size;
    blob.open = [&set = set_, descriptor] { return set.open(descriptor); };
    blob.context = descriptor.digest.text();
    in_context([&] { return blob.context; }, [&] { destination_.add_blob(blob); });
    ++report_.layers;
    report_.bytes += descriptor.size;
  }

  oci::ImageSet& set_;
  oci::ImageDestination& destination_;
  const CopyOptions& options_;
  CopyReport& report_;
  std::set<Digest> done_;
  std::uint64_t documents_ = 0;
};

}  // namespace

CopyReport copy_all(const oci::Reference& given, const oci::Target& target, const CopyOptions& options,
                    WarningList& warnings) {
  std::unique_ptr<oci::ImageSet> set;
  const auto accept = [&](const oci::ImageDestination& destination) {
    if (options.format)
      throw Error(ErrorKind::usage, "documents of a whole index are copied as they are, in no other format");
    if (destination.takes_sets()) return;
    throw Error(ErrorKind::usage, fmt::format("{} takes one image of one platform", in_quotes(target.text)),
                "all architectures go to oci:, oci-archive: or docker://");
  };
  return copying(given, target, options, warnings, accept,
                 [&](const auto& source, oci::ImageDestination& destination, CopyReport& report) {
                   set = source->open_all();
                   options.operation.progress->stage("copying blobs", 0);
                   const auto type = SetCopy(*set, destination, options, report).run();
                   warn_of_docker_type(target, type, warnings, "the image of one platform can be copied as one of OCI");
                 });
}

}  // namespace sifkit

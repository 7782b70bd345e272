// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/remote_file.h>

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

#include "../stored_image.h"
#include "../registry/blob_download.h"
#include "../registry/registry_places.h"
#include "remote_source.h"
#include "url_download.h"

namespace sifkit::oci {

namespace {

constexpr unsigned kMaxIndexes = 4;
/// The second one is how Singularity before 3.7 spelled it.
constexpr std::string_view kSifTypes[] = {kSifType, "appliciation/vnd.sylabs.sif.layer.tar"};
constexpr std::string_view kImageLayers[] = {"application/vnd.oci.image.layer.",
                                             "application/vnd.docker.image.rootfs."};

/// The first entry of an index that is for the platform; one that names none is for amd64, as other readers take it.
Digest choose_entry(const JsonView& index, const Platform& wanted) {
  const auto list = index["manifests"];
  list.require_array();
  std::string there;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto entry = list.at(i).require_object();
    const auto stated = entry["platform"];
    Platform platform{"linux", "amd64", ""};
    if (!stated.is_null()) {
      platform = {stated.require_object()["os"].text_or(""), stated["architecture"].text_or(""),
                  stated["variant"].text_or("")};
    }
    if (matches(platform, wanted)) return Digest::parse(entry["digest"].text(), entry["digest"].place());
    there += (there.empty() ? "there are: " : ", ") + printable(platform.text());
  }
  throw Error(ErrorKind::not_found, fmt::format("no image for {}", wanted.text()), there);
}

/// The layer that is the SIF.
Descriptor layer_of(const JsonView& manifest, const RegistryName& name) {
  const auto list = manifest["layers"];
  list.require_array();
  const auto type_at = [&](std::size_t i) { return list.at(i).require_object()["mediaType"].text_or(""); };
  const bool image = list.size() != 0 && std::any_of(std::begin(kImageLayers), std::end(kImageLayers),
                                                     [&](auto prefix) { return type_at(0).starts_with(prefix); });
  if (image) {
    throw Error(ErrorKind::unsupported, "an image of layers, a SIF file was expected",
                fmt::format("docker://{} is its name as an image", name.text()));
  }
  if (list.size() != 1)
    throw Error(ErrorKind::unsupported, fmt::format("{} layers, one with a SIF file was expected", list.size()));
  Descriptor out;
  out.media_type = type_at(0);
  if (std::find(std::begin(kSifTypes), std::end(kSifTypes), out.media_type) == std::end(kSifTypes))
    throw Error(ErrorKind::unsupported, fmt::format("a layer of type {}, no SIF file", in_quotes(out.media_type)));
  const auto layer = list.at(0);
  out.digest = Digest::parse(layer["digest"].text(), layer["digest"].place());
  out.size = layer["size"].unsigned_number();
  return out;
}

}  // namespace

std::string sif_name_of(std::string_view image, std::string_view source) {
  const auto name = RegistryName::parse(image, source);
  const auto last = name.repository.substr(name.repository.rfind('/') + 1);
  return fmt::format("{}_{}.sif", last, !name.tag.empty() ? name.tag : name.digest->hex());
}

RemoteFile open_oras(std::string_view image, std::string_view source, const SourceOptions& options) {
  const auto name = RegistryName::parse(image, source);
  return in_file(name.text(), [&] {
    auto [client, document] = find_manifest(name, options);
    for (unsigned depth = 0; depth <= kMaxIndexes; ++depth) {
      const auto what = fmt::format("manifest {}", document.digest.text());
      const Json json = parse_json(document.text, what, options.limits);
      const JsonView view(json, what + ": ");
      view.require_object().refuse_case_variants({"manifests", "layers", "config", "mediaType", "schemaVersion"});
      if (!view["manifests"].is_null() && !view["layers"].is_null())
        throw Error(ErrorKind::malformed, fmt::format("{} has members of an index and of a manifest", what));
      if (!view["manifests"].is_null()) {
        document = client->manifest(choose_entry(view, options.platform.value_or(Platform::host())).text());
        continue;
      }
      const auto layer = layer_of(view, name);
      RemoteFile out;
      out.name = sif_name_of(image, source);
      out.size = layer.size;
      out.digest = layer.digest;
      take_or_fetch(out, options, [&, asked = client] {
        return std::make_unique<BlobDownload>(asked, BlobRequest{layer.digest, layer.size, {}});
      });
      return out;
    }
    throw Error(ErrorKind::limit, fmt::format("indexes are nested more than {} deep", kMaxIndexes));
  });
}

RemoteFile open_url(const std::string& url, const SourceOptions& options, const std::optional<Digest>& pinned) {
  const auto parsed = net::Url::parse(url);
  const auto name = net::url_without_secrets(url);
  if (!parsed || !parsed->user.empty())
    throw Error(ErrorKind::usage, fmt::format("source {}: that is no URL of a file", in_quotes(name)));
  const std::string path = parsed->path.substr(0, parsed->path.find_first_of("?#"));
  const auto failure = [](net::HttpResponse& response) {
    return Error(net::error_kind_of(response.status()),
                 fmt::format("{}: status {}", response.name(), response.status()));
  };
  auto download = std::make_unique<UrlDownload>(UrlRequest{url, {}, {}, pinned, failure},
                                                client_of_url(url, name, options), name, options);
  RemoteFile out;
  out.name = path.substr(path.rfind('/') + 1);
  out.digest = pinned;
  out.size = download->begin();
  out.bytes = std::move(download);
  return out;
}

ReceivedFile receive(RemoteFile& file, const OperationContext& operation,
                     const std::function<void(std::uint64_t at, ByteView piece)>& write) {
  static constexpr std::size_t kPiece = std::size_t{1} << 20;
  Hasher hasher(file.digest ? file.digest->algorithm() : DigestAlgorithm::sha256);
  ReceivedFile out;
  Bytes buffer(kPiece);
  while (const auto got = file.bytes->read(buffer)) {
    operation.check();
    const auto piece = ByteView(buffer).first(got);
    hasher.update(piece);
    write(out.bytes, piece);
    out.bytes += got;
    operation.progress->advance(got);
  }
  out.digest = hasher.finish();
  if (file.size && out.bytes != *file.size)
    throw Error(ErrorKind::integrity, fmt::format("expected {} bytes, got {}", *file.size, out.bytes));
  if (file.digest && *file.digest != out.digest)
    throw Error(ErrorKind::integrity, fmt::format("expected {}, got {}", file.digest->text(), out.digest.text()));
  return out;
}

}  // namespace sifkit::oci

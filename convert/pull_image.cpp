// SPDX-License-Identifier: Apache-2.0
#include <sifkit/pull_image.h>

#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>
#include <sifkit/oci/remote_file.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/default_keys.h>
#include <sifkit/trust/verify.h>
#include <sifkit/version.h>

#include "kept_image.h"
#include "wanted_architecture.h"

namespace sifkit {

namespace {

std::string shown(const std::string& uri) { return in_quotes(net::url_without_secrets(uri)); }

/// Whether a text without a scheme is like the name of an image: "alpine", "alpine:3", "quay.io/team/app".
bool may_name_image(std::string_view text) {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos &&
         text.find("://") == std::string_view::npos && !text.starts_with('/') && !text.starts_with('.') &&
         !text.ends_with(".sif");
}

/// "docker" and "alpine:3" of "docker://alpine:3" or "docker:alpine:3"; a source without a scheme is an error.
std::pair<std::string, std::string> cut_scheme(const std::string& uri) {
  const auto colon = uri.find(':');
  const std::string scheme = colon == std::string::npos ? "" : uri.substr(0, colon);
  const bool slashes = colon != std::string::npos && uri.compare(colon, 3, "://") == 0;
  for (const char* known : {"docker", "oras", "library", "http", "https"}) {
    const bool url = known[0] == 'h';  // those have slashes always
    if (scheme == known && (slashes || !url)) return {scheme, uri.substr(colon + (slashes ? 3 : 1))};
  }
  if (scheme == "shub") {
    throw Error(ErrorKind::unsupported,
                fmt::format("source {}: Singularity Hub has no images any more", shown(uri)),
                "it was closed in 2021; look for the image in a registry");
  }
  throw Error(ErrorKind::usage,
              fmt::format("source {}: expected docker://, oras://, library://, http:// or https://", shown(uri)),
              oci::names_source(uri) ? fmt::format("'sifkit build OUT {}' makes a SIF file of it", printable(uri))
              : may_name_image(uri)  ? fmt::format("an image of a registry is docker://{}", printable(uri))
                                     : "");
}

std::filesystem::path target_of(const std::string& uri, const PullOptions& options, const std::string& name) {
  const auto out = options.target.empty() ? std::filesystem::path(name) : options.target;
  if (out.empty() || out == "." || out == "..")
    throw Error(ErrorKind::usage, fmt::format("source {}: its name gives no name for the file", shown(uri)),
                "choose a name for it");
  return options.directory.empty() ? out : options.directory / out;
}

/// Throws what keeps an image from having its name.
void verify_pulled(const sif::Image& image, const std::filesystem::path& target, const PullOptions& asked) {
  trust::VerifyOptions options;
  options.threads = available_threads();
  options.operation = asked.operation;
  options.policy = asked.policy;
  options.place = target;
  std::optional<trust::TrustedKeys> usual;
  const auto& keys = asked.keys != nullptr ? *asked.keys : usual.emplace(trust::keys_to_trust({}, std::nullopt));
  const auto report = trust::verify(image, keys, options);
  if (report.failure) throw Error(report.failure->kind(), printable(report.failure->message()), report.failure->hint());
}

Digest digest_of_file(const std::shared_ptr<const File>& file, DigestAlgorithm algorithm,
                      const OperationContext& operation) {
  Hasher hasher(algorithm);
  hash_ahead(std::make_unique<FileSource>(file), hasher, operation);
  return hasher.finish();
}

/// What the cache has. Whoever may write to its file may have changed it since it was found.
oci::ReceivedFile copy_kept(const File& kept, const Digest& digest, const File& file,
                            const OperationContext& operation) {
  const auto size = kept.size();
  operation.progress->stage("copying", size);
  copy_range(kept, 0, file, 0, size, operation);
  if (oci::others_may_write(kept)) {
    const auto copied = std::make_shared<const File>(file.renamed(file.name()));
    if (digest_of_file(copied, digest.algorithm(), {operation.logger, &no_progress(), operation.stop}) != digest)
      throw Error(ErrorKind::integrity, fmt::format("{} has changed while it was copied", in_quotes(kept.name())));
  }
  return {size, digest};
}

/// Writes the file that was promised, or what the cache has of it.
oci::ReceivedFile fetch(oci::RemoteFile& remote, const File& file, const OperationContext& operation) {
  if (remote.file) return copy_kept(*remote.file, *remote.digest, file, operation);
  operation.progress->stage("downloading", remote.size.value_or(0));
  return oci::receive(remote, operation,
                      [&](std::uint64_t at, ByteView piece) { file.write_at(at, piece); });
}

/// A pin may be of another algorithm than what the file was checked against.
void expect_digest(const Digest& pinned, const PullReport& pulled, const std::shared_ptr<const File>& file,
                   const OperationContext& operation) {
  Digest found = pulled.digest;
  if (found.algorithm() != pinned.algorithm()) found = digest_of_file(file, pinned.algorithm(), operation);
  if (found != pinned)
    throw Error(ErrorKind::integrity, fmt::format("expected {}, got {}", pinned.text(), found.text()));
}

oci::RemoteFile open_remote(const std::string& scheme, const std::string& name, const std::string& uri,
                            const PullOptions& options) {
  if (scheme == "oras") return oci::open_oras(name, uri, options);
  if (scheme == "library") return oci::open_library(name, uri, options);
  return oci::open_url(uri, options, options.digest);
}

/// What nobody has chosen is perhaps not what was wanted.
void warn_of_other_machine(const PullOptions& options, std::string_view architecture, WarningList& warnings) {
  if (options.platform || architecture.empty() || architecture == "unknown") return;
  const auto host = oci::Platform::host().architecture;
  if (architecture == host) return;
  warnings.add("other-machine", fmt::format("the image is for {}, and this machine is of the kind {}",
                                            printable(architecture), printable(host)));
}

PullReport pull_file(const std::string& uri, const std::string& scheme, const std::string& name,
                     const PullOptions& options, WarningList& warnings) {
  const auto& pinned = options.digest;
  auto remote = open_remote(scheme, name, uri, options);
  PullReport out;
  out.target = target_of(uri, options, remote.name);
  AtomicFile output(out.target, options.overwrite, 0777);
  std::string architecture;
  in_context([&] { return shown(uri); }, [&] {
    if (pinned && !remote.digest) remote.digest = pinned;
    const auto received = fetch(remote, output.file(), options.operation);
    out.bytes = received.bytes;
    out.digest = received.digest;
    const auto file = std::make_shared<const File>(output.file().renamed(out.target.native()));
    if (pinned) expect_digest(*pinned, out, file, options.operation);
    const sif::Image image(file);  // or it is none
    expect_architecture(options.platform, image.header().architecture);
    if (options.verified) verify_pulled(image, out.target, options);
    architecture = image.header().architecture;
  });
  output.commit();
  warn_of_other_machine(options, architecture, warnings);
  return out;
}

/// What the bytes of a pulled image depend on: the program, the image, and its name, which the labels have.
std::string made_of(const std::string& uri, const Digest& manifest) {
  return fmt::format("{}\n{}\n{}", SIFKIT_VERSION_STRING, manifest.text(), uri);
}

PullReport pull_layers(const std::string& uri, const std::string& name, const PullOptions& asked,
                       WarningList& warnings) {
  if (asked.verified)
    throw Error(ErrorKind::usage, "only SIF files are verified; an image of layers has no signature of theirs");
  if (asked.digest)
    throw Error(ErrorKind::usage, "a digest is asked for of files only",
                fmt::format("{}@DIGEST is an image of that digest", printable(uri)));
  ConvertOptions options{static_cast<const oci::SourceOptions&>(asked)};
  options.overwrite = asked.overwrite;
  const auto target = target_of(uri, asked, oci::sif_name_of(name, uri));
  const auto reference = oci::Reference::parse(uri);
  oci::Cache cache(options.registry.cache, options.operation);
  WarningList found;  // of the image; what is kept of it has them, too
  const auto source = oci::open_source(reference, options, found);
  const auto image = source->open_image();
  const auto manifest = *image->manifest_digest();
  PullReport out{target, 0, {}, manifest};
  if (const auto kept = cache.is_on() ? find_kept_image(cache, made_of(uri, manifest), warnings) : std::nullopt) {
    AtomicFile output(target, options.overwrite, 0777);
    const auto copied = copy_kept(*kept->file, kept->digest, output.file(), options.operation);
    output.commit();
    out.bytes = copied.bytes;
    out.digest = copied.digest;
  } else {
    const auto report = convert(*source, *image, target, options, found);
    if (cache.is_on()) {
      keep_image(cache, made_of(uri, manifest), File::open_read(target), *report.digest, found,
                 options.scratch_place());
    }
    warnings.add_all(found);
    out.bytes = report.bytes;
    out.digest = *report.digest;
  }
  warn_of_other_machine(asked, image->config().platform.architecture, warnings);
  return out;
}

}  // namespace

PullReport pull_image(const std::string& uri, const PullOptions& options, WarningList& warnings) {
  const auto [scheme, rest] = cut_scheme(uri);
  if (scheme == "docker") return pull_layers("docker://" + rest, rest, options, warnings);  // never a file's name
  return pull_file(uri, scheme, rest, options, warnings);
}

}  // namespace sifkit

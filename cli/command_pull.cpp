// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/core/resources.h>
#include <sifkit/net/url.h>
#include <sifkit/oci/remote_file.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif/image.h>
#include <sifkit/trust/default_keys.h>
#include <sifkit/trust/verify.h>
#include <sifkit/version.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct PullArguments {
  std::vector<std::string> places;  ///< [OUT] URI
  std::string name;
  std::string directory;
  std::string digest;
  bool force = false;
  bool verify = false;
  SourceArguments from;
};

/// "docker" and "alpine:3" of "docker://alpine:3"; a source without a scheme is an error.
std::pair<std::string, std::string> cut_scheme(const std::string& uri) {
  const auto colon = uri.find("://");
  const std::string scheme = colon == std::string::npos ? "" : uri.substr(0, colon);
  for (const char* known : {"docker", "oras", "library", "http", "https"}) {
    if (scheme == known) return {scheme, uri.substr(colon + 3)};
  }
  if (scheme == "shub") {
    throw Error(ErrorKind::unsupported,
                fmt::format("source {}: Singularity Hub has no images any more", in_quotes(uri)),
                "it was closed in 2021; look for the image in a registry");
  }
  throw Error(ErrorKind::usage,
              fmt::format("source {}: expected docker://, oras://, library://, http:// or https://", in_quotes(uri)));
}

std::filesystem::path target_of(const PullArguments& arguments, const std::string& name) {
  if (arguments.places.size() == 2 && !arguments.name.empty())
    throw Error(ErrorKind::usage, "OUT and --name cannot be combined");
  std::filesystem::path out = arguments.places.size() == 2 ? arguments.places.front()
                              : arguments.name.empty()     ? name
                                                           : arguments.name;
  if (out.empty() || out == "." || out == "..")
    throw Error(ErrorKind::usage,
                fmt::format("source {}: its name gives no name for the file", in_quotes(arguments.places.back())),
                "OUT is one");
  return arguments.directory.empty() ? out : std::filesystem::path(arguments.directory) / out;
}

/// Throws what keeps an image from having its name.
void verify_image(const sif::Image& image, const Session& session) {
  trust::VerifyOptions options;
  options.threads = available_threads();
  options.operation = session.operation();
  const auto report = trust::verify(image, trust::keys_to_trust({}, std::nullopt), options);
  if (report.failure) throw Error(report.failure->kind(), printable(report.failure->message()), report.failure->hint());
}

struct Pulled {
  std::filesystem::path target;
  std::uint64_t bytes = 0;
  Digest digest;
};

/// Writes the file that was promised, or what the cache has of it.
oci::ReceivedFile fetch(oci::RemoteFile& remote, const File& file, const Session& session) {
  if (remote.file) {
    copy_range(*remote.file, 0, file, 0, remote.file->size(), session.operation());
    return {remote.file->size(), *remote.digest};
  }
  session.progress->stage("downloading", remote.size.value_or(0));
  return oci::receive(remote, session.operation(),
                      [&](std::uint64_t at, ByteView piece) { file.write_at(at, piece); });
}

/// A pin may be of another algorithm than what the file was checked against.
void expect_digest(const Digest& pinned, const Pulled& pulled, const std::shared_ptr<const File>& file,
                   const Session& session) {
  Digest found = pulled.digest;
  if (found.algorithm() != pinned.algorithm()) {
    Hasher hasher(pinned.algorithm());
    hash_ahead(std::make_unique<FileSource>(file), hasher, session.operation());
    found = hasher.finish();
  }
  if (found != pinned)
    throw Error(ErrorKind::integrity, fmt::format("expected {}, got {}", pinned.text(), found.text()));
}

oci::RemoteFile open_remote(const std::string& scheme, const std::string& name, const std::string& uri,
                            const oci::SourceOptions& options, const std::optional<Digest>& pinned) {
  if (scheme == "oras") return oci::open_oras(name, uri, options);
  if (scheme == "library") return oci::open_library(name, uri, options);
  return oci::open_url(uri, options, pinned);
}

Pulled pull_file(const PullArguments& arguments, const std::string& scheme, const std::string& name,
                 const Session& session) {
  const auto& uri = arguments.places.back();
  const auto pinned =
      arguments.digest.empty() ? std::nullopt : std::optional(Digest::parse(arguments.digest, "--digest"));
  auto remote = open_remote(scheme, name, uri, source_options(arguments.from, session), pinned);
  const auto shown = in_quotes(net::url_without_secrets(uri));
  Pulled out;
  out.target = target_of(arguments, remote.name);
  AtomicFile output(out.target, arguments.force ? Overwrite::yes : Overwrite::no, 0777);
  in_context([&] { return shown; }, [&] {
    if (pinned && !remote.digest) remote.digest = pinned;
    const auto received = fetch(remote, output.file(), session);
    out.bytes = received.bytes;
    out.digest = received.digest;
    const auto file = std::make_shared<const File>(output.file().renamed(out.target.native()));
    if (pinned) expect_digest(*pinned, out, file, session);
    const sif::Image image(file);  // or it is none
    if (arguments.verify) verify_image(image, session);
  });
  output.commit();
  return out;
}

/// What the bytes of a pulled image depend on: the image, its name, which the labels have, and the program.
Digest image_key(const std::string& uri, const Digest& manifest) {
  return digest_of(as_bytes(fmt::format("{}\n{}\n{}", SIFKIT_VERSION_STRING, manifest.text(), uri)));
}

Pulled pull_image(const PullArguments& arguments, const std::string& name, const Session& session) {
  const auto& uri = arguments.places.back();
  if (arguments.verify)
    throw Error(ErrorKind::usage, "--verify is for SIF files; an image of layers has no signature of theirs");
  if (!arguments.digest.empty())
    throw Error(ErrorKind::usage, "--digest is for files",
                fmt::format("{}@DIGEST is an image of that digest", printable(uri)));
  ConvertOptions options{source_options(arguments.from, session)};
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  WarningList warnings;
  const auto target = target_of(arguments, oci::sif_name_of(name, uri));
  const auto reference = oci::Reference::parse(uri);
  oci::Cache cache(options.registry.cache, session.operation());
  const auto source = oci::open_source(reference, options, warnings);
  const auto image = source->open_image();
  if (cache.is_on()) {
    if (const auto kept = cache.find_image(image_key(uri, *image->manifest_digest()))) {
      AtomicFile output(target, options.overwrite, 0777);
      copy_range(*kept->file, 0, output.file(), 0, kept->file->size(), session.operation());
      output.commit();
      return {target, kept->file->size(), kept->digest};
    }
  }
  const auto report = convert(*source, *image, target, options, warnings);
  session.progress->done();
  session.show_warnings(warnings);
  // An image that warned is made again: its user is told again.
  if (report.manifest_digest && warnings.total() == 0) {
    cache.keep_image(image_key(uri, *report.manifest_digest), File::open_read(target), *report.digest);
  }
  return {target, report.bytes, *report.digest};
}

int pull(const PullArguments& arguments, Session& session) {
  if (arguments.places.size() > 2) throw Error(ErrorKind::usage, "expected [OUT] URI");
  const auto& uri = arguments.places.back();
  const auto [scheme, rest] = cut_scheme(uri);
  Pulled pulled;
  if (scheme == "docker") {
    pulled = pull_image(arguments, rest, session);
  } else {
    pulled = pull_file(arguments, scheme, rest, session);
  }
  session.progress->done();
  if (session.json) {
    session.print_json({{"schema", "sifkit/pull/v1"},
                        {"source", net::url_without_secrets(uri)},
                        {"target", pulled.target.native()},
                        {"bytes", pulled.bytes},
                        {"digest", pulled.digest.text()}});
  } else if (!session.quiet) {
    session.logger->write_line(
        fmt::format("{}: {}, {}", printable(pulled.target.native()), human_bytes(pulled.bytes), pulled.digest.text()));
  }
  return 0;
}

}  // namespace

void add_pull_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "pull", "Fetch an image as a SIF file");
  const auto arguments = std::make_shared<PullArguments>();
  auto& a = *arguments;
  verb->add_option("places", a.places,
                   "The file to write (default: NAME_TAG.sif), and the image: docker://NAME, oras://NAME, "
                   "library://NAME or the URL of a SIF file")
      ->required()
      ->expected(1, 2)
      ->type_name("[OUT] URI");
  verb->add_flag("-F,--force", a.force, "Replace an existing file");
  verb->add_option("--name", a.name, "Name of the file, in place of OUT")->type_name("NAME");
  verb->add_option("--dir", a.directory, "Directory of the file")->type_name("DIR");
  verb->add_flag("--verify", a.verify, "Verify the signatures of a SIF file before it gets its name");
  verb->add_option("--digest", a.digest, "Fail unless the file has this digest")->type_name("DIGEST");
  add_source_options(*verb, a.from);
  set_action(*verb, session, arguments, pull);
}

}  // namespace sifkit::cli

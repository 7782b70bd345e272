// SPDX-License-Identifier: Apache-2.0
#include "library.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/net/percent.h>
#include <sifkit/net/url.h>
#include <sifkit/oci/remote_file.h>

#include "../registry/registry_auth.h"
#include "library_remote.h"
#include "remote_source.h"
#include "url_download.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kHash = "sha256.";
constexpr std::size_t kMaxParts = 4;

[[noreturn]] void refuse(std::string_view source, std::string_view why) {
  throw Error(ErrorKind::usage, fmt::format("source {}: {}", in_quotes(net::url_without_secrets(source)), why),
              "as in library://ENTITY/COLLECTION/NAME:TAG");
}

bool is_name(std::string_view part) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !part.empty() && part != "." && part != ".." && part.find_first_not_of(kPlain) == std::string_view::npos;
}

std::string message_of(const std::string& body) {
  const Json document = Json::parse(body, nullptr, false);
  const auto error = document.is_object() ? document.find("error") : document.end();
  return error == document.end() ? std::string() : member_text(*error, "message");
}

/// What is asked for, in a library: an image of an architecture.
struct Wanted {
  LibraryName name;
  std::string architecture;
  LibraryPlace place;

  std::string url(std::string_view what) const {
    return fmt::format("{}/v1/{}/{}:{}?arch={}", place.url, what, name.path, name.tag,
                       net::percent_encoded(architecture));
  }
  std::string authorization() const { return place.token.empty() ? "" : "Bearer " + place.token; }

  Error failure(net::HttpResponse& response) const {
    if (response.status() == 404)
      return {ErrorKind::not_found, fmt::format("{}: image does not exist in the library: {}:{} ({})", response.name(),
                                                name.path, name.tag, printable(architecture))};
    const auto said = without_secrets(message_of(response.error_text()), {place.token});
    const auto kind = net::error_kind_of(response.status());
    Hint hint;
    if (kind == ErrorKind::denied)
      hint = place.token.empty() ? "'apptainer remote login' keeps a token for the library"
                                 : "the token is from remote.yaml; 'apptainer remote login' renews it";
    return {kind,
            fmt::format("{}: status {}{}{}", response.name(), response.status(), said.empty() ? "" : ": ",
                        printable(said, 1024)),
            hint};
  }
};

/// What a library says of an image before it is fetched.
struct Record {
  std::optional<Digest> digest;
  std::optional<std::uint64_t> size;
};

Record read_record(net::HttpResponse& response, const SourceOptions& options) {
  const auto text = response.text(options.limits.json_bytes);
  const Json document = parse_json(text, response.name(), options.limits);
  const JsonView view(document, fmt::format("{}: ", response.name()));
  const auto data = view.require_object()["data"].require_object();
  const auto hash = data["hash"].text_or("");
  Record out;
  // Others, as "sif.UUID", do not say what is in the file.
  if (hash.starts_with(kHash)) out.digest = Digest::parse("sha256:" + hash.substr(kHash.size()), data["hash"].place());
  if (const auto size = data["size"]; !size.is_null() && size.unsigned_number() != 0) out.size = size.unsigned_number();
  return out;
}

}  // namespace

LibraryName LibraryName::parse(std::string_view text, std::string_view source) {
  LibraryName out;
  while (text.starts_with('/')) text.remove_prefix(1);
  std::vector<std::string_view> parts;
  for (std::string_view rest = text;;) {
    const auto slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  // As Apptainer tells them: what has fewer parts has no host.
  if (parts.size() == kMaxParts) {
    out.host = parts.front();
    parts.erase(parts.begin());
    const auto url = net::Url::parse("https://" + out.host);
    if (!url || url->host.empty() || !url->user.empty() || !url->path.empty()) refuse(source, "that is no host");
  }
  if (parts.size() >= kMaxParts) refuse(source, "too many parts for a name in a library");
  if (const auto colon = parts.back().find(':'); colon != std::string_view::npos) {
    out.tag = parts.back().substr(colon + 1);
    parts.back() = parts.back().substr(0, colon);
  }
  if (!std::all_of(parts.begin(), parts.end(), is_name)) refuse(source, "that is no name in a library");
  if (!is_name(out.tag)) refuse(source, fmt::format("{} is no tag", in_quotes(out.tag)));
  for (const auto part : parts) out.path += (out.path.empty() ? "" : "/") + std::string(part);
  out.name = parts.back();
  return out;
}

RemoteFile open_library(std::string_view image, std::string_view source, const SourceOptions& options) {
  Wanted wanted{LibraryName::parse(image, source), options.platform.value_or(Platform::host()).architecture, {}};
  const auto& tag = wanted.name.tag;
  std::optional<Digest> pinned;
  if (tag.starts_with(kHash))
    pinned = Digest::parse("sha256:" + tag.substr(kHash.size()), fmt::format("source {}", in_quotes(source)));
  wanted.place = find_library(wanted.name.host, options, usual_remote_files());
  const auto url = *net::Url::parse(wanted.place.url);
  const std::string host = url.host + (url.port.empty() ? "" : ":" + url.port);
  const auto client = client_of_url(wanted.place.url, host, options);
  net::HttpRequest request{.url = wanted.url("images")};
  if (!wanted.place.token.empty()) request.headers.emplace_back("Authorization", wanted.authorization());
  Backoff backoff(options.registry, options.operation);
  std::atomic<bool> known = false;
  auto response = send_patiently(client, request, backoff, known);
  if (response.status() != 200) throw wanted.failure(response);
  const auto record = read_record(response, options);
  if (pinned && record.digest && *pinned != *record.digest)
    throw Error(ErrorKind::integrity,
                fmt::format("{}: asked for {}, got {}", host, pinned->text(), record.digest->text()));
  RemoteFile out;
  out.name = fmt::format("{}_{}.sif", wanted.name.name, tag);
  out.size = record.size;
  out.digest = pinned ? pinned : record.digest;
  if (!out.digest)
    options.operation.logger->write(LogLevel::warning,
                                    fmt::format("{} states no digest of the image: its bytes are not verified", host));
  const auto fetch = [&] {
    UrlRequest file{wanted.url("imagefile"), wanted.authorization(), out.size, out.digest,
                    [wanted](net::HttpResponse& refused) { return wanted.failure(refused); }};
    auto download = std::make_unique<UrlDownload>(std::move(file), client, host, options);
    out.size = download->begin();
    return download;
  };
  take_or_fetch(out, options, fetch);
  return out;
}

}  // namespace sifkit::oci

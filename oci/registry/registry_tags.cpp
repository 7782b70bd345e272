// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/registry_tags.h>

#include <optional>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/in_file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

#include "link_header.h"
#include "registry_places.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kFirstPage = "/tags/list?n=1000";
constexpr std::size_t kMaxPages = 2'000;  ///< of as many tags each as the registry likes

RegistryName repository_of(const Reference& reference) {
  const auto& text = reference.location;
  if (reference.transport != Transport::docker)
    throw Error(ErrorKind::usage,
                fmt::format("{}: expected docker://HOST/NAME: only a repository has tags", in_quotes(reference.text)));
  auto name = RegistryName::parse(text, reference.text);
  if (text.find('@') != std::string::npos || text.find(':', text.rfind('/') + 1) != std::string::npos)
    throw Error(ErrorKind::usage,
                fmt::format("{}: expected a repository, without a tag or a digest", in_quotes(reference.text)),
                fmt::format("docker://{}", name.without_reference()));
  return name;
}

/// What the headers Link name as the next page: `</v2/app/tags/list?last=b&n=2>; rel="next"`. It is on the registry, as
/// far as that can be told: one behind a proxy that does TLS for it may not know its own scheme and port.
std::optional<std::string> next_page(const net::HttpResponse& response, const net::Url& registry) {
  for (const auto header : response.headers("link")) {
    const auto next = target_of_link(header, "next");
    if (!next) continue;
    auto out = net::resolved_url(response.url(), *next);
    const auto url = net::Url::parse(out);
    const bool own = url && url->user.empty() && equal_ignoring_case(url->host, registry.host);
    const bool downgraded = own && url->scheme == "http" && registry.scheme == "https";
    return own && (downgraded || url->port.empty()) ? registry.origin() + url->path : out;
  }
  return std::nullopt;
}

class TagLister {
 public:
  TagLister(RegistryClient& client, const Limits& limits) : client_(client), limits_(limits) {}

  std::vector<std::string> list() {
    std::optional<std::string> page{std::string(kFirstPage)};
    while (page) page = read(*page);
    return std::move(tags_);
  }

 private:
  std::optional<std::string> read(const std::string& page) {
    auto response = client_.send({.url = page});
    if (response.status() != 200) throw client_.failure(response);
    const auto text = response.text(limits_.json_bytes);
    const auto registry = *net::Url::parse(client_.base_url());
    auto next = next_page(response, registry);
    // The addresses of pages are kept as their tags are.
    bytes_ += text.size() + (next ? next->size() : 0);
    if (bytes_ > limits_.documents_bytes)
      throw_over_limit(fmt::format("the list of tags has more than {} bytes", limits_.documents_bytes),
                       &Limits::documents_bytes);
    const auto document = parse_json(text, "tags/list", limits_);
    // A repository whose tags are all gone has null.
    for (auto& tag : JsonView(document, "tags/list").require_object()["tags"].text_list())
      tags_.push_back(std::move(tag));
    if (!next) return next;
    const auto refuse = [&](std::string_view why) {
      throw Error(ErrorKind::network, fmt::format("{}: the next page of tags {}", response.name(), why));
    };
    const auto url = net::Url::parse(*next);
    if (!url || url->origin() != registry.origin()) refuse("is on another server");
    if (!pages_.insert(*next).second) refuse("is one that was read already");
    if (pages_.size() >= kMaxPages)
      throw Error(ErrorKind::limit, fmt::format("the list of tags has more than {} pages", kMaxPages));
    return next;
  }

  RegistryClient& client_;
  const Limits& limits_;
  std::vector<std::string> tags_;
  std::set<std::string> pages_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

RepositoryTags list_tags(const Reference& reference, const SourceOptions& options) {
  const auto name = repository_of(reference);
  const auto reached = reach_registry(RegistriesConf::load(*options.operation.logger), name, options);
  return in_file(name.without_reference(), [&] {
    RegistryClient client(reached.name, reached.options);
    return RepositoryTags{name.without_reference(), TagLister(client, options.limits).list()};
  });
}

}  // namespace sifkit::oci

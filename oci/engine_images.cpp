// SPDX-License-Identifier: Apache-2.0
#include "engine_images.h"

#include <fmt/format.h>

#include <sifkit/core/decompress.h>
#include <sifkit/core/error.h>

#include "archive_files.h"
#include "candidates.h"
#include "engine_api.h"
#include "rootfs_image.h"

namespace sifkit::oci {

namespace {

/// The names of what the service has, for an error.
std::string names_there(EngineApi& api, const std::string& path, std::string_view member, const Limits& limits) {
  std::string out;
  try {
    const Json document = api.get(path, limits);
    const JsonView list(document, path);
    for (std::size_t i = 0; i < list.size() && i < 20; ++i) {
      for (const auto& name : list.at(i)[member].text_list()) {
        out += (out.empty() ? "there are: " : ", ") + printable(name.starts_with('/') ? name.substr(1) : name);
      }
    }
  } catch (const Error&) {
    // The error at hand matters, not this one.
  }
  return out;
}

template <class Get>
Json or_list(EngineApi& api, std::string_view what, const std::string& name, const std::string& list, std::string_view member,
             const Limits& limits, Get&& get) {
  try {
    return get();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;
    throw Error(ErrorKind::not_found, fmt::format("{} has no {} {}", api.where(), what, in_quotes(name)), names_there(api, list, member, limits));
  }
}

/// A service that fails after it has said "200 OK" can only send its message in place of the archive.
void refuse_message(const EngineApi& api, PeekedSource& stream) {
  static constexpr std::size_t kMaxLength = 4096;
  const auto first = as_text(stream.peek(kMaxLength));
  if (first.empty()) throw Error(ErrorKind::network, fmt::format("{}: sent an empty archive", api.where()));
  if (!first.starts_with('{')) return;
  const Json document = Json::parse(first, nullptr, false);
  for (const char* member : {"message", "error"}) {
    if (const auto text = member_text(document, member); !text.empty())
      throw Error(ErrorKind::network, fmt::format("{}: {}", api.where(), printable(text)));
  }
}

/// Some services leave the algorithm out.
Digest image_id(const JsonView& id) {
  const auto text = id.text();
  return Digest::parse(text.find(':') == std::string::npos ? "sha256:" + text : text, id.place());
}

Json inspect_image(EngineApi& api, const std::string& name, const Limits& limits) {
  return or_list(api, "image", name, "/images/json", "RepoTags", limits,
                 [&] { return api.get("/images/" + EngineApi::escaped(name) + "/json", limits); });
}

void describe(const JsonView& image, ImageSummary& summary) {
  summary.tags = texts_of(image["RepoTags"]);
  image["RepoTags"].text_list();
  summary.config_digest = image_id(image["Id"]);
  summary.platform = Platform{image["Os"].text_or(""), image["Architecture"].text_or(""), image["Variant"].text_or("")};
  summary.created = image["Created"].text_or("");
  summary.layers = image["RootFS"]["Layers"].text_list().size();
  summary.compressed_bytes = image["Size"].unsigned_number();
}

}  // namespace

std::unique_ptr<Image> open_daemon_image(const Reference& reference, const SourceOptions& options, WarningList& warnings) {
  EngineApi api(reference.transport, options);
  if (reference.location.empty()) {
    throw Error(ErrorKind::usage, fmt::format("source {}: which image?", in_quotes(reference.text)),
                names_there(api, "/images/json", "RepoTags", options.limits));
  }
  inspect_image(api, reference.location, options.limits);
  options.operation.progress->stage("waiting for the service", 0);  // it packs the image before it sends
  PeekedSource stream(api.stream("/images/" + EngineApi::escaped(reference.location) + "/get"));
  refuse_message(api, stream);
  auto files = std::make_shared<StreamedFiles>(stream, reference.location, options.scratch_place(), options.limits,
                                               options.operation, warnings);
  WarningList of_all;
  auto candidates = read_candidates(*files, reference.transport, options, of_all);
  return open_candidate(files, choose(candidates, "", options.platform, reference.location, warnings), warnings);
}

std::unique_ptr<Image> open_container(const Reference& reference, const SourceOptions& options, WarningList& warnings) {
  const auto api = std::make_shared<EngineApi>(reference.transport, options);
  // A service lists its containers with a slash before the name.
  const std::string name = reference.location.substr(reference.location.starts_with('/') ? 1 : 0);
  const std::string path = "/containers/" + EngineApi::escaped(name);
  const Json document = or_list(*api, "container", name, "/containers/json?all=1", "Names", options.limits,
                                [&] { return api->get(path + "/json", options.limits); });
  const JsonView container(document, "container: ");
  Json image{{"created", container["Created"].text_or("")},
             {"config", container["Config"].value()},
             {"os", container["Platform"].text_or("linux")},
             {"architecture", ""},
             {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array()}}}};
  try {
    const Json of_image = inspect_image(*api, container["Image"].text(), options.limits);
    image["architecture"] = JsonView(of_image, "image: ")["Architecture"].text_or("");
    image["variant"] = JsonView(of_image, "image: ")["Variant"].text_or("");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_found) throw;  // the image may be gone while its container runs
  }
  auto config = ImageConfig::parse(image.dump(), options.limits, warnings);
  return std::make_unique<RootfsImage>(std::move(config), [api, path] { return api->stream(path + "/export"); }, 0);
}

std::vector<ImageSummary> list_daemon_images(const Reference& reference, const SourceOptions& options) {
  EngineApi api(reference.transport, options);
  std::vector<std::string> names{reference.location};
  if (reference.location.empty()) {
    names.clear();
    const Json document = api.get("/images/json", options.limits);
    const JsonView list(document, "images: ");
    list.require_array();
    for (std::size_t i = 0; i < list.size(); ++i) names.push_back(list.at(i)["Id"].text());
  }
  std::vector<ImageSummary> out;
  for (const auto& name : names) {
    Json details;
    try {
      details = inspect_image(api, name, options.limits);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_found || !reference.location.empty()) throw;
      continue;  // it has gone since it was listed
    }
    Candidate candidate;
    candidate.summary.index = static_cast<unsigned>(out.size());
    try {
      describe(JsonView(details, "image: "), candidate.summary);
    } catch (const Error& error) {
      candidate.set_problem(error);
    }
    out.push_back(std::move(candidate.summary));
  }
  return out;
}

}  // namespace sifkit::oci

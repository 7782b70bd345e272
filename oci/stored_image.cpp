// SPDX-License-Identifier: Apache-2.0
#include "stored_image.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "docker_name.h"

namespace sifkit::oci {

namespace {

constexpr std::size_t kListed = 20;
constexpr std::size_t kShortId = 12;

std::string line_of(const Candidate& candidate) {
  const auto& summary = candidate.summary;
  std::string line = fmt::format("@{}", summary.index);
  for (const auto& tag : summary.tags) line += " " + printable(tag);
  if (summary.platform) line += " " + printable(summary.platform->text());
  const auto& id = summary.config_digest ? summary.config_digest : summary.manifest_digest;
  if (id) line += " " + id->hex().substr(0, kShortId);
  return line;
}

std::string list_of(const std::vector<Candidate*>& candidates) {
  std::string out = "there are";
  for (std::size_t i = 0; i < std::min(candidates.size(), kListed); ++i) {
    out += (i == 0 ? ": " : "; ") + line_of(*candidates[i]);
  }
  if (candidates.size() > kListed) out += fmt::format("; and {} more", candidates.size() - kListed);
  return out;
}

/// The option that asks for a platform.
std::string option_of(const Platform& platform) {
  if (platform.os != "linux") return "--platform " + printable(platform.text());
  return "--arch " + printable(platform.architecture) + (platform.variant.empty() ? "" : "/" + printable(platform.variant));
}

bool has_prefix(const std::optional<Digest>& digest, std::string_view selector) {
  if (!digest) return false;
  if (selector.find(':') != std::string_view::npos) return digest->text() == selector;
  static constexpr std::size_t kShortest = 4;
  return selector.size() >= kShortest && digest->hex().starts_with(selector);
}

bool named(const Candidate& candidate, std::string_view selector) {
  const auto full = normalized_docker_name(selector);
  return std::any_of(candidate.summary.tags.begin(), candidate.summary.tags.end(), [&](const std::string& tag) {
    return tag == selector || normalized_docker_name(tag) == full || tag.ends_with(":" + std::string(selector));
  });
}

bool identified(const Candidate& candidate, std::string_view text) {
  return has_prefix(candidate.summary.config_digest, text) || has_prefix(candidate.summary.manifest_digest, text) || has_prefix(candidate.top_digest, text);
}

/// Whether "app:1@sha256:…" or "app@sha256:…" is this image: both halves must be true.
bool named_and_identified(const Candidate& candidate, std::string_view name, std::string_view digest) {
  const auto full = normalized_docker_name(std::string(name) + "@" + std::string(digest));
  const auto without_digest = full.substr(0, full.find('@'));
  return identified(candidate, digest) && std::any_of(candidate.summary.tags.begin(), candidate.summary.tags.end(), [&](const std::string& tag) {
    const auto there = normalized_docker_name(tag);
    return tag == name || there == without_digest || there.starts_with(without_digest + ":");
  });
}

std::vector<Candidate*> selected(std::vector<Candidate>& candidates, const std::string& selector) {
  std::vector<Candidate*> out;
  const auto keep = [&](auto&& wanted) {
    for (auto& candidate : candidates) {
      if (wanted(candidate)) out.push_back(&candidate);
    }
    return !out.empty();
  };
  if (selector.empty()) {
    keep([](const Candidate&) { return true; });
    return out;
  }
  std::string_view text = selector;
  if (text.starts_with('@')) {
    text.remove_prefix(1);
    unsigned index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error == std::errc{} && end == text.data() + text.size()) {
      keep([&](const Candidate& candidate) { return candidate.summary.index == index; });
      return out;
    }
  }
  if (keep([&](const Candidate& candidate) { return named(candidate, text); })) return out;
  if (keep([&](const Candidate& candidate) { return identified(candidate, text); })) return out;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    keep([&](const Candidate& candidate) { return named_and_identified(candidate, text.substr(0, at), text.substr(at + 1)); });
  }
  return out;
}

[[noreturn]] void fail_with(const Candidate& candidate, const std::string& where) {
  SIFKIT_CHECK(candidate.problem);
  Error problem = *candidate.problem;
  problem.add_context(in_quotes(where));
  throw problem;
}

bool same_image(const Candidate* a, const Candidate* b) {
  return a->summary.config_digest && a->summary.config_digest == b->summary.config_digest;
}

}  // namespace

bool matches(const Platform& candidate, const Platform& wanted) {
  if (!wanted.os.empty() && !candidate.os.empty() && candidate.os != wanted.os) return false;
  if (candidate.architecture != wanted.architecture) return false;
  // arm64 is v8 whether it is said or not.
  const auto variant = [](const Platform& platform) {
    return platform.architecture == "arm64" && platform.variant.empty() ? std::string("v8") : platform.variant;
  };
  return wanted.variant.empty() || candidate.variant.empty() || variant(candidate) == variant(wanted);
}

Candidate& choose(std::vector<Candidate>& candidates, const std::string& selector, const std::optional<Platform>& platform,
                  const std::string& where) {
  if (candidates.empty()) throw Error(ErrorKind::not_found, fmt::format("{} holds no image", in_quotes(where)));
  std::vector<Candidate*> all;
  for (auto& candidate : candidates) all.push_back(&candidate);
  auto left = selected(candidates, selector);
  if (left.empty()) {
    throw Error(ErrorKind::not_found, fmt::format("{}: no image {}", in_quotes(where), in_quotes(selector)), list_of(all));
  }
  // What is named by its number, ID or digest was looked at before.
  const bool by_name = selector.empty() || std::any_of(left.begin(), left.end(), [&](const Candidate* c) { return named(*c, selector); });
  const auto of_platform = [&](const Platform& wanted) {
    std::vector<Candidate*> out;
    std::copy_if(left.begin(), left.end(), std::back_inserter(out), [&](const Candidate* candidate) {
      return candidate->summary.platform && matches(*candidate->summary.platform, wanted);
    });
    return out;
  };
  if (platform) {
    auto matching = of_platform(*platform);
    if (matching.empty()) {
      // What cannot be read at all has no platform to compare.
      if (left.size() == 1 && left.front()->problem && !left.front()->summary.platform) fail_with(*left.front(), where);
      throw Error(ErrorKind::not_found, fmt::format("{}: no image for {}", in_quotes(where), platform->text()), list_of(left));
    }
    left = std::move(matching);
  } else if (auto matching = of_platform(Platform::host()); !matching.empty()) {
    left = std::move(matching);
  } else if (by_name && std::all_of(left.begin(), left.end(), [](const Candidate* c) { return c->platform_stated; })) {
    throw Error(ErrorKind::not_found, fmt::format("{}: no image for this machine ({})", in_quotes(where), Platform::host().text()),
                fmt::format("{}; {} builds {}", list_of(left), option_of(*left.front()->summary.platform), left.size() == 1 ? "it" : "the first of them"));
  }
  if (std::any_of(left.begin(), left.end(), [](const Candidate* c) { return c->summary.complete; })) {
    std::erase_if(left, [](const Candidate* c) { return !c->summary.complete; });
  }
  const bool one = std::all_of(left.begin(), left.end(), [&](const Candidate* c) { return c == left.front() || same_image(c, left.front()); });
  if (!one) {
    throw Error(ErrorKind::usage, fmt::format("{} holds several images; one must be chosen", in_quotes(where)), list_of(left));
  }
  if (!left.front()->summary.complete) {
    fail_with(*left.front(), where);
  }
  return *left.front();
}

StoredImage::StoredImage(std::shared_ptr<FileSet> files, StoredParts parts) : files_(std::move(files)), parts_(std::move(parts)) {}

std::unique_ptr<Source> StoredImage::open_layer(std::size_t index) { return files_->open(parts_.layer_names.at(index)); }

std::uint64_t StoredImage::stored_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& layer : parts_.layers) sum += layer.size.value_or(0);
  return sum;
}

}  // namespace sifkit::oci

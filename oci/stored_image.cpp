// SPDX-License-Identifier: Apache-2.0
#include "stored_image.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

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
  if (candidate.problem) line += fmt::format(" ({})", to_string(summary.state));
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

bool has_prefix(const std::optional<Digest>& digest, std::string_view selector) {
  if (!digest) return false;
  if (selector.find(':') != std::string_view::npos) return digest->text() == selector;
  static constexpr std::size_t kMinLength = 4;
  return selector.size() >= kMinLength && digest->hex().starts_with(selector);
}

bool named(const Candidate& candidate, std::string_view selector) {
  const auto full = normalized_docker_name(selector);
  return std::any_of(candidate.summary.tags.begin(), candidate.summary.tags.end(), [&](const std::string& tag) {
    return tag == selector || normalized_docker_name(tag) == full || tag.ends_with(":" + std::string(selector));
  });
}

bool identified(const Candidate& candidate, std::string_view text) {
  return has_prefix(candidate.summary.config_digest, text) || has_prefix(candidate.summary.manifest_digest, text) || (candidate.top && has_prefix(candidate.top->digest, text));
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
    if (const auto index = whole_number<unsigned>(text)) {
      keep([&](const Candidate& candidate) { return candidate.summary.index == *index; });
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
  return a == b || (a->summary.config_digest && a->summary.config_digest == b->summary.config_digest);
}

bool platform_unknown(const Candidate& candidate) {
  return !candidate.summary.platform || candidate.summary.platform->architecture.empty();
}

/// Whether one index lists both for one platform. The entries of index.json are images of their own unless it says what
/// platforms they are for.
bool same_platform(const Candidate* a, const Candidate* b) {
  const auto stated = [](const Candidate* c) { return c->depth != 0 || c->platform_stated; };
  return a->index && a->index == b->index && stated(a) && stated(b) && a->summary.tags == b->summary.tags &&
         !platform_unknown(*a) && a->summary.platform == b->summary.platform;
}

/// Of what is left, what has the wanted platform; and, where no image was named, what is too broken to tell its own,
/// for that may be the one that is meant.
std::vector<Candidate*> of_platform(const std::vector<Candidate*>& left, const Platform& wanted, bool named) {
  const auto fits = [&](const Candidate* c) { return c->summary.platform && matches(*c->summary.platform, wanted); };
  std::vector<const Candidate*> fitting;
  std::copy_if(left.begin(), left.end(), std::back_inserter(fitting), fits);
  if (fitting.empty()) return {};
  std::vector<Candidate*> out;
  std::copy_if(left.begin(), left.end(), std::back_inserter(out), [&](const Candidate* c) {
    if (fits(c)) return true;
    const bool untold = !named && c->summary.state == ImageState::broken && platform_unknown(*c);
    // What an index lists besides is a platform of the same image.
    return untold && std::none_of(fitting.begin(), fitting.end(), [&](const Candidate* other) {
             return c->top && other->top && c->top->digest == other->top->digest;
           });
  });
  return out;
}

/// The one that is left, if it is one.
Candidate* only_one(const std::vector<Candidate*>& left, WarningList& warnings) {
  const auto all = [&](auto&& alike) {
    return std::all_of(left.begin(), left.end(), [&](const Candidate* c) { return alike(c, left.front()); });
  };
  if (all(same_image)) {
    const auto sound = std::find_if(left.begin(), left.end(), [](const Candidate* c) { return !c->problem; });
    return sound == left.end() ? left.front() : *sound;
  }
  if (!all(same_platform)) return nullptr;
  const auto& first = left.front()->summary;
  warnings.add("platform-twice", fmt::format("the index lists {} manifests for {}; the first, @{}, is taken",
                                             left.size(), printable(first.platform->text()), first.index));
  return left.front();
}

void note_config(ImageSummary& summary, Platform platform, std::string created) {
  if (!summary.platform || summary.platform->empty()) {
    summary.platform = platform.empty() ? std::nullopt : std::optional(std::move(platform));
  }
  summary.created = std::move(created);
}

/// What a broken configuration says of itself, if it is JSON at all.
void note_stated(ImageSummary& summary, std::string_view json, const Limits& limits) {
  Json document;
  try {
    document = parse_json(json, "", limits);
  } catch (const Error&) {
    return;
  }
  const auto text = [&](std::string_view member) { return member_text(document, member); };
  note_config(summary, {text("os"), text("architecture"), text("variant")}, text("created"));
}

/// The documents of others may have used up a bound that is there for all: alone it may be sound.
void judge_alone(Candidate& candidate) {
  const Error before = *candidate.problem;
  candidate.problem.reset();
  candidate.summary.problem.clear();
  candidate.summary.state = ImageState::complete;
  candidate.summary.compressed_bytes = 0;
  try {
    WarningList ignored;
    candidate.load(candidate, ignored);
  } catch (const Error& error) {
    // An index has no documents of its own to judge: the bound stands.
    candidate.set_problem(error.kind() == ErrorKind::limit ? before : error);
  }
}

/// Those that a selector names; all where it is empty. Throws not_found with what is there.
std::vector<Candidate*> named_ones(std::vector<Candidate>& candidates, const std::string& selector,
                                   const std::string& where) {
  if (candidates.empty()) throw Error(ErrorKind::not_found, fmt::format("{} holds no image", in_quotes(where)));
  auto left = selected(candidates, selector);
  if (!left.empty()) return left;
  std::vector<Candidate*> all;
  for (auto& candidate : candidates) all.push_back(&candidate);
  throw Error(ErrorKind::not_found, fmt::format("{}: no image {}", in_quotes(where), in_quotes(selector)),
              list_of(all));
}

}  // namespace

std::string_view to_string(ImageState state) noexcept {
  static constexpr std::string_view kWords[] = {"complete", "absent", "unsupported", "broken"};
  return kWords[static_cast<std::size_t>(state)];
}

ImageConfig read_config(std::string_view json, ImageSummary& summary, const Limits& limits, WarningList& warnings) {
  try {
    auto config = ImageConfig::parse(json, limits, warnings);
    note_config(summary, config.platform, config.created);
    return config;
  } catch (const Error&) {
    note_stated(summary, json, limits);
    throw;
  }
}

void expect_layers(const JsonView& list, const ImageConfig& config, ImageSummary& summary) {
  list.require_array();
  summary.layers = list.size();
  if (list.size() == config.diff_ids.size()) return;
  throw Error(ErrorKind::malformed, fmt::format("{}: {} layers, the configuration has {} diff_ids", list.place(),
                                                list.size(), config.diff_ids.size()));
}

std::vector<std::string> texts_of(const JsonView& list) {
  std::vector<std::string> out;
  if (!list.value().is_array()) return out;
  for (const auto& value : list.value()) {
    if (value.is_string()) out.push_back(value);
  }
  return out;
}

bool matches(const Platform& candidate, const Platform& wanted) {
  if (!wanted.os.empty() && !candidate.os.empty() && candidate.os != wanted.os) return false;
  if (candidate.architecture != wanted.architecture) return false;
  // arm64 is v8 whether it is said or not.
  const auto variant = [](const Platform& platform) {
    return platform.architecture == "arm64" && platform.variant.empty() ? std::string("v8") : platform.variant;
  };
  return wanted.variant.empty() || candidate.variant.empty() || variant(candidate) == variant(wanted);
}

void Candidate::set_problem(Error error, bool absent) {
  switch (error.kind()) {
    case ErrorKind::cancelled:
    case ErrorKind::internal:
    case ErrorKind::network: throw error;
    default: break;
  }
  summary.state = absent                                   ? ImageState::absent
                  : error.kind() == ErrorKind::unsupported ? ImageState::unsupported
                                                           : ImageState::broken;
  summary.problem = error.what();
  problem = std::move(error);
}

std::vector<ImageSummary> summaries_of(std::vector<Candidate> candidates, const std::string& selector,
                                       const std::string& where) {
  std::vector<ImageSummary> out;
  if (candidates.empty() && selector.empty()) return out;
  for (auto* const candidate : named_ones(candidates, selector, where)) out.push_back(std::move(candidate->summary));
  return out;
}

namespace {

/// Where nothing is named, and nothing there is of a type that is read, none of them has to be chosen.
void expect_any_type(const std::vector<Candidate*>& left, const std::string& selector, const std::string& where) {
  const auto unsupported = [](const Candidate* c) { return c->summary.state == ImageState::unsupported; };
  if (!selector.empty() || !std::all_of(left.begin(), left.end(), unsupported)) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} holds no image that is read: {}", in_quotes(where), left.front()->summary.problem),
              list_of(left));
}

}  // namespace

Candidate& choose(std::vector<Candidate>& candidates, const std::string& selector,
                  const std::optional<Platform>& platform, const std::string& where, WarningList& warnings) {
  auto left = named_ones(candidates, selector, where);
  if (left.size() == 1 && left.front()->problem && left.front()->problem->kind() == ErrorKind::limit)
    judge_alone(*left.front());
  // What is named by its number, ID or digest was looked at before.
  const bool by_name = selector.empty() ||
                       std::any_of(left.begin(), left.end(), [&](const Candidate* c) { return named(*c, selector); });
  if (platform) {
    auto matching = of_platform(left, *platform, !selector.empty());
    if (matching.empty()) {
      // What cannot be read at all has no platform to compare.
      if (left.size() == 1 && left.front()->problem && platform_unknown(*left.front())) fail_with(*left.front(), where);
      expect_any_type(left, selector, where);
      throw Error(ErrorKind::not_found, fmt::format("{}: no image for {}", in_quotes(where), platform->text()), list_of(left));
    }
    left = std::move(matching);
  } else if (auto matching = of_platform(left, Platform::host(), !selector.empty()); !matching.empty()) {
    left = std::move(matching);
  } else if (by_name && std::all_of(left.begin(), left.end(), [](const Candidate* c) { return c->platform_stated; })) {
    throw Error(ErrorKind::not_found, fmt::format("{}: no image for this machine ({})", in_quotes(where), Platform::host().text()),
                {Advice::choose_platform, printable(left.front()->summary.platform->text()), list_of(left)});
  }
  // What is absent or not for us is passed over where there is more. What is broken is not: it may be what is meant.
  if (std::any_of(left.begin(), left.end(), [](const Candidate* c) { return !c->problem; })) {
    std::erase_if(left, [](const Candidate* c) {
      return c->summary.state == ImageState::absent || c->summary.state == ImageState::unsupported;
    });
  }
  Candidate* chosen = only_one(left, warnings);
  if (chosen == nullptr) {
    expect_any_type(left, selector, where);
    throw Error(ErrorKind::usage, fmt::format("{} holds several images; one must be chosen", in_quotes(where)), list_of(left));
  }
  if (chosen->problem) fail_with(*chosen, where);
  return *chosen;
}

const Descriptor& choose_top(std::vector<Candidate>& candidates, const std::string& selector,
                             const std::string& where) {
  const auto left = named_ones(candidates, selector, where);
  if (left.size() == 1 && !left.front()->top && left.front()->problem) fail_with(*left.front(), where);
  const auto same_top = [&](const Candidate* c) {
    return c->top && left.front()->top && c->top->digest == left.front()->top->digest;
  };
  if (!std::all_of(left.begin(), left.end(), same_top))
    throw Error(ErrorKind::usage, fmt::format("{} holds several images; one must be chosen", in_quotes(where)), list_of(left));
  return *left.front()->top;
}

std::unique_ptr<Image> open_candidate(std::shared_ptr<FileSet> files, const Candidate& chosen, WarningList& warnings) {
  Candidate again = chosen;
  again.summary.compressed_bytes = 0;
  auto parts = chosen.load(again, warnings);
  if (again.problem) throw *again.problem;
  parts.manifest_digest = chosen.summary.manifest_digest;
  return std::make_unique<StoredImage>(std::move(files), std::move(parts));
}

StoredImage::StoredImage(std::shared_ptr<FileSet> files, StoredParts parts) : files_(std::move(files)), parts_(std::move(parts)) {}

std::unique_ptr<Source> StoredImage::open_layer(std::size_t index) {
  const std::lock_guard lock(opening_);
  return files_->open(parts_.layer_names.at(index));
}

std::uint64_t StoredImage::compressed_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& layer : parts_.layers) sum += layer.size.value_or(0);
  return sum;
}

}  // namespace sifkit::oci

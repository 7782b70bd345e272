// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/reference.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/net/url.h>

#include "reference_hint.h"
#include "registry/registry_name.h"

namespace sifkit::oci {

namespace {

struct TransportWord {
  std::string_view word;
  Transport transport;
};

constexpr TransportWord kWords[] = {
    {"docker-archive", Transport::docker_archive},
    {"oci-archive", Transport::oci_archive},
    {"oci", Transport::oci_layout},
    {"docker", Transport::docker},
    {"oras", Transport::oras},
    {"library", Transport::library},
    {"docker-daemon", Transport::docker_daemon},
    {"podman", Transport::podman},
    {"docker-container", Transport::docker_container},
    {"tar", Transport::tar},
    {"dir", Transport::directory},
    {"sif", Transport::sif},
    {"squashfs", Transport::squashfs},
};

constexpr std::string_view kKnownTransports =
    "docker:, oras:, library:, docker-archive:, oci-archive:, oci:, docker-daemon:, podman:, docker-container:, tar:, "
    "dir:, sif:, squashfs:, - (standard input) or a path";

/// Words that other programs read from a network, and this one does not.
constexpr std::string_view kUnreadWords[] = {"shub", "http", "https", "ipfs"};

std::optional<Transport> transport_of(std::string_view word) {
  for (const auto& known : kWords) {
    if (known.word == word) return known.transport;
  }
  return std::nullopt;
}

bool is_scheme(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '+';
  });
}

/// Throws why a source that only other programs read is none, and how an image gets from there to one that is read.
[[noreturn]] void refuse_unread(std::string_view text, std::string_view word) {
  if (word == "shub") {
    throw Error(ErrorKind::unsupported,
                fmt::format("source {}: Singularity Hub has no images any more", in_quotes(net::url_without_secrets(text))),
                "it was closed in 2021; look for the image in a registry");
  }
  const bool url = word == "http" || word == "https";
  throw Error(ErrorKind::unsupported, fmt::format("source {}: it is not read from there", in_quotes(net::url_without_secrets(text))),
              url ? "'sifkit pull' fetches the file, then use its path" : "fetch it by a program that does, then use its path");
}

/// Whether a text that is no path may be meant as a Docker image's name with a tag: NAME:TAG, HOST:PORT/NAME[:TAG].
bool looks_like_image(std::string_view text) {
  const auto only = [](std::string_view part, std::string_view more) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
    });
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !only(text.substr(0, colon), "._-/")) return false;
  const auto rest = text.substr(colon + 1);
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos)
    return only(rest.substr(0, slash), "") && rest.find_first_not_of("0123456789") == slash;
  return only(rest, "._-ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

bool exists(std::string_view path) {
  std::error_code ignored;
  return !path.empty() && std::filesystem::exists(std::filesystem::path(path), ignored);
}

/// What follows `word:` or `word://`.
std::string_view after_scheme(std::string_view text, std::size_t colon) {
  text.remove_prefix(colon + 1);
  if (text.starts_with("//")) text.remove_prefix(2);
  return text;
}

bool has_selector(Transport transport) {
  switch (transport) {
    case Transport::docker_archive:
    case Transport::oci_archive:
    case Transport::oci_layout:
    case Transport::standard_input:
    case Transport::automatic: return true;
    default: return false;
  }
}

/// Cuts `PATH[:SELECTOR|@DIGEST]`: the longest path that exists wins, else the cut is at the first colon.
void split_location(Reference& reference, std::string_view rest) {
  const auto cut_at = [&](std::size_t at) {
    reference.location = rest.substr(0, at);
    reference.selector = rest.substr(at + 1);
  };
  const auto is_cut = [&](std::size_t at) {
    return rest[at] == ':' || (rest[at] == '@' && rest.find(':', at) != std::string_view::npos);
  };
  if (!has_selector(reference.transport) || exists(rest)) {
    reference.location = rest;
    return;
  }
  for (std::size_t at = rest.size(); at-- > 1;) {
    if (is_cut(at) && (rest.substr(0, at) == "-" || exists(rest.substr(0, at)))) return cut_at(at);
  }
  for (std::size_t at = 1; at < rest.size(); ++at) {
    if (is_cut(at)) return cut_at(at);
  }
  reference.location = rest;
}

}  // namespace

std::string service_hint(std::string_view text, bool plain) {
  const bool is_word = plain && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
  if (!is_word && !looks_like_image(text)) return {};
  return fmt::format("an image of a registry is docker://{0}, one of the local Docker service docker-daemon:{0}, "
                     "one of podman's podman:{0}", printable(text));
}

Reference Reference::parse(std::string_view text) {
  Reference out;
  out.text = text;
  if (text.empty()) throw Error(ErrorKind::usage, "the source is empty", fmt::format("known: {}", kKnownTransports));
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::usage, fmt::format("source {}: holds a NUL byte", in_quotes(text)));
  }
  if (text == "-" || text.starts_with("-:")) {
    out.transport = Transport::standard_input;
    out.location = "-";
    if (text.size() > 2) out.selector = text.substr(2);
    return out;
  }
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || exists(text)) {
    out.location = text;
    return out;
  }
  const auto word = text.substr(0, colon);
  if (const auto transport = transport_of(word)) {
    out.transport = *transport;
    const auto rest = after_scheme(text, colon);
    const bool service = out.transport == Transport::docker_daemon || out.transport == Transport::podman;
    if (rest.empty() && !service) {  // a service alone can be listed
      throw Error(ErrorKind::usage, fmt::format("source {}: nothing follows '{}:'", in_quotes(text), word));
    }
    split_location(out, rest);
    return out;
  }
  if (std::find(std::begin(kUnreadWords), std::end(kUnreadWords), word) != std::end(kUnreadWords)) {
    refuse_unread(text, word);
  }
  split_location(out, text);
  if (is_scheme(word) && !exists(out.location)) {
    throw Error(ErrorKind::usage, fmt::format("source {}: unknown transport {}", in_quotes(text), in_quotes(word)),
                looks_like_image(text) ? service_hint(text) : fmt::format("known: {}", kKnownTransports));
  }
  return out;
}

std::string Reference::bootstrap() const { return std::string(to_string(transport)); }

std::string Reference::from() const {
  const auto colon = text.find(':');
  if (colon != std::string::npos && transport_of(std::string_view(text).substr(0, colon))) {
    return std::string(after_scheme(text, colon));
  }
  return text;
}

std::string Reference::registry_host() const {
  if (transport != Transport::docker && transport != Transport::oras) return {};
  return RegistryName::parse(location, text).host;
}

bool names_source(std::string_view text) {
  try {
    const auto transport = Reference::parse(text).transport;
    return transport != Transport::automatic && transport != Transport::standard_input;
  } catch (const Error& error) {
    return error.kind() == ErrorKind::unsupported;  // a source of other programs, as shub://
  }
}

std::string_view to_string(Transport transport) noexcept {
  for (const auto& known : kWords) {
    if (known.transport == transport) return known.word;
  }
  return transport == Transport::standard_input ? "stdin" : "file";
}

}  // namespace sifkit::oci

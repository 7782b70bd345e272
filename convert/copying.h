// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include <fmt/format.h>

#include <sifkit/copy_image.h>
#include <sifkit/core/error.h>
#include <sifkit/oci/source.h>

#include "naming.h"

namespace sifkit {

/// How the target's registry is asked where nobody says so: as the source's. Throws usage where that would give one's
/// credentials to the other; the environment's are for the registry that is named first.
inline oci::RegistryOptions registry_of_target(const oci::Reference& given, const oci::Target& target,
                                               const CopyOptions& options) {
  if (options.target_registry) return *options.target_registry;
  auto out = options.registry;
  if (target.transport != oci::Transport::docker) return out;
  const auto from = given.registry_host();
  const auto to = oci::Reference{target.transport, target.name, {}, target.text}.registry_host();
  if (from.empty() || from == to) return out;
  if (out.credentials)
    throw Error(ErrorKind::usage, fmt::format("the credentials are for one registry, and two are asked: {} and {}",
                                              in_quotes(from), in_quotes(to)),
                "a file can have credentials for both");
  out.credentials_of_files_only = true;
  return out;
}

/// What all copies have around their work: opens the destination, which `accept` may refuse, then the source, names it in
/// errors of `work`, and takes the time. What `work` gives the destination to read must outlive the call.
template <class Accept, class Work>
CopyReport copying(const oci::Reference& given, const oci::Target& target, const CopyOptions& options,
                   WarningList& warnings, const Accept& accept, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  CopyReport report;
  oci::DestinationOptions to{options};
  to.overwrite = options.overwrite;
  to.from = given;
  to.registry = registry_of_target(given, target, options);
  const auto destination = oci::open_destination(target, to);
  accept(*destination);
  const std::shared_ptr<oci::OpenedSource> source = oci::open_source(given, options, warnings);
  naming(
      {source->reference().location, given.text}, [&] { return fmt::format("copying {}", in_quotes(given.text)); },
      [&] { work(source, *destination, report); });
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace sifkit

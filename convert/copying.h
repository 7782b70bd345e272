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

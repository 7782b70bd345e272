// SPDX-License-Identifier: Apache-2.0
#include "processor.h"

#include <fmt/format.h>

#include <sifkit/core/text.h>

#include "../sbom/catalogers.h"

namespace sifkit::check {

namespace {

/// Rebuilds of Enterprise Linux, whose releases have one level.
constexpr std::string_view kEnterpriseLinux[] = {"almalinux", "centos", "ol", "rhel", "rocky"};

}  // namespace

unsigned level_of_distribution(std::string_view os_release) {
  const auto distribution = sbom::read_os_release(os_release);
  if (!is_one_of(kEnterpriseLinux, distribution.id)) return 0;
  const std::string_view version = distribution.version_id;
  const auto major = version.substr(0, version.find('.'));
  return major == "9" ? 2 : major == "10" ? 3 : 0;
}

std::string level_text(unsigned level) { return level > 1 ? fmt::format("x86-64-v{}", level) : std::string(); }

Severity severity_of_level(unsigned level) noexcept { return level > 2 ? Severity::warning : Severity::note; }

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/file_system.h>

namespace sifkit::check {

enum class Severity : std::uint8_t { note, warning, error };

SIFKIT_API std::string_view to_string(Severity severity) noexcept;

/// A kind of finding. Codes are stable.
struct Rule {
  std::string_view code;
  Severity severity;         ///< of most of its findings
  std::string_view summary;  ///< what is wrong
  std::string_view action;   ///< what to do about it
};

/// All kinds, sorted by code.
SIFKIT_API std::span<const Rule> rules() noexcept;

/// "2.28"
SIFKIT_API bool is_glibc_version(std::string_view text) noexcept;

struct Finding {
  std::string code;  ///< of a rule
  Severity severity = Severity::note;
  std::string path;  ///< in the image, from its root; "" where it is about the image as a whole
  std::string text;
};

/// What to do about it.
SIFKIT_API std::string_view action_of(const Finding& finding) noexcept;

struct Options {
  std::string architecture;  ///< GOARCH word of the machine that is to run the image; "" for any
  std::string variant;       ///< "v7" of it; "" for any
  std::string glibc;         ///< "2.28": libraries of the host that need this version will be bound in; "" for none
  bool deep = false;         ///< read every block
  OperationContext operation;
};

/// Of the machine that is to run the image, "linux/arm64". Throws usage for one that runs no containers of Linux.
SIFKIT_API void set_machine(Options& options, std::string_view platform);

/// What a site has to match.
struct Facts {
  std::string architecture;  ///< of the image
  std::string libc;          ///< "glibc 2.36" or "musl"
  std::string kernel;        ///< the oldest that its C library runs on, "3.2.0"
  std::string processor;     ///< the level of x86-64 that it needs, "x86-64-v2"; "" where every processor has it
  std::string cuda;          ///< versions of the runtime library, the newest first: "12.4.127, 11.8.89"
  std::string rocm;
  std::string mpi;  ///< each with its library: "Open MPI 4.1 (libmpi.so.40.30.4), MPICH (libmpi.so.12.2.1)"
};

/// Findings of one kind and severity that there are no words for: a report has a bounded number of each kind.
struct Omitted {
  std::string code;
  Severity severity = Severity::note;
  std::size_t count = 0;
};

struct Report {
  Facts facts;
  std::vector<Finding> findings;       ///< worst first, then by code and path
  std::vector<Omitted> omitted;        ///< in the same order
  std::array<std::size_t, 3> counts{}; ///< of both together, by severity

  std::size_t count(Severity severity) const noexcept { return counts[static_cast<std::size_t>(severity)]; }
};

/// Judges whether an image will run where it is to run, and what in it should not be there. Nothing of it is run.
SIFKIT_API Report check_image(OpenedFileSystem& image, const Options& options);

/// The report as SARIF 2.1.0, with a final line feed. `name` is that of the image.
SIFKIT_API std::string sarif_text(const Report& report, std::string_view name);

}  // namespace sifkit::check

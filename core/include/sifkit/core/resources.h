// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// How many threads this process may keep busy: the smallest of the affinity mask, the cgroup's CPU quota (rounded up)
/// and SLURM_CPUS_PER_TASK. At least 1.
SIFKIT_API unsigned available_threads();

/// Bytes of memory this process may use: the smallest of the machine's memory and the cgroup's limit.
SIFKIT_API std::uint64_t available_memory();

/// The value of a variable of the environment; empty where it is not set.
SIFKIT_API std::string environment_variable(const char* name);
/// SIFKIT_X, then APPTAINER_X, then SINGULARITY_X; nothing where none is set. One that is set to nothing is set.
SIFKIT_API std::optional<std::string> environment(std::string_view name);
/// Of the first of these that is set and not empty; empty where none is.
SIFKIT_API std::string first_environment_variable(std::initializer_list<const char*> names);

/// HOME, else what the system's list of users says.
SIFKIT_API std::filesystem::path home_directory();

/// Random bytes from the system. Waits until it has gathered enough of them; throws io where it gives none.
SIFKIT_API void fill_random(std::span<std::byte> into);

}  // namespace sifkit

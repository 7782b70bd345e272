// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/elf_file.h>

#include "findings.h"

/// One function for each kind of file that says what packages there are. Each throws Error for what is not of its kind,
/// and adds what it found before that. `path` is that of the file in the image, without a slash in front.
namespace sifkit::sbom {

// Package managers of distributions.

/// dpkg's `status`: packages whose files are there. A stanza without a `Status` counts where `always_installed` is set.
void read_dpkg(std::string_view text, bool always_installed, Findings& out);
void read_opkg(std::string_view text, Findings& out);
void read_apk(std::string_view text, Findings& out);
void read_pacman(std::string_view text, Findings& out);                            ///< one `desc`
void read_portage(std::string_view text, const std::string& path, Findings& out);  ///< one `PF`
/// The list that images without a database of rpm carry, as those of Azure Linux do.
void read_rpm_manifest(std::string_view text, Findings& out);
Distribution read_os_release(std::string_view text);

// Languages.

void read_python(std::string_view text, Findings& out);                      ///< METADATA or PKG-INFO
void read_conda(std::string_view text, Findings& out);                       ///< one file of conda-meta
void read_npm(std::string_view text, Findings& out);                         ///< package.json
void read_r(std::string_view text, const std::string& path, Findings& out);  ///< DESCRIPTION
void read_julia(std::string_view text, Findings& out);                       ///< Project.toml
bool is_java_archive(std::string_view name) noexcept;                        ///< by its name
/// Tells `out` what is in an archive that is called `path`.
using JavaArchive = std::function<void(const std::string& path, Findings& out)>;
/// Reads one, whatever it is called. What is inflated for it is taken from `left`, the bytes that may be for all.
JavaArchive read_java(ByteView archive, std::uint64_t& left);
void read_java_release(std::string_view text, Findings& out);
/// What the linker of Go and cargo-auditable have put into a program.
void read_program(ByteView program, const ElfFile::Fetch& fetch, Findings& out);

// High-performance computing.

void read_spack(std::string_view text, Findings& out);  ///< spec.json of one prefix
void read_easybuild(std::string_view text, const std::string& path, Findings& out);

}  // namespace sifkit::sbom

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/file.h>

namespace sifkit::trust {

/// The path of an open file as the system has it, links resolved, whatever name it was opened by and whatever that name
/// means by now. Throws untrusted where that path does not lead to the file: it has been removed, or the path is one of
/// another mount namespace.
std::string path_of(const File& file);

/// Where the symbolic links lie that a name leads over, and last where it ends: absolute, without links. What is not there
/// (any more) is taken as it is written. Throws untrusted for more links than the system follows.
std::vector<std::string> symlinks_on_path(const std::string& name);

}  // namespace sifkit::trust

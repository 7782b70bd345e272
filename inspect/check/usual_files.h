// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/layers/tree.h>

namespace sifkit::check {

/// Whether distributions have a setuid or setgid program of that name there (`su`, `mount`, `chage`), of root's: no one who
/// made the image has put it there, and no runtime honours it.
bool is_usual_setuid(std::string_view path, const layers::Inode& inode);

/// Whether distributions keep a file or a directory from ordinary users there (`etc/shadow`, `var/cache/…`), so that nothing
/// that is run needs it.
bool is_usually_closed(std::string_view path, const layers::Inode& inode);

}  // namespace sifkit::check

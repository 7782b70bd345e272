// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// Where a path of the image leads, as the kernel walks it, and what it meets on the way.
struct ImagePath {
  layers::InodeId inode = layers::kNone;  ///< the file, links followed; kNone where there is none
  std::string place;                      ///< the file's path without links, or the first that is not there
  std::string link;                       ///< the last link on the way, "" for none
  std::string link_target;                ///< what it says
  std::string closed;                     ///< the first directory on the way that not everybody may enter, "" for none
  bool loops = false;  ///< or more links, or more of them, than a walk follows
};

/// `path` starts at the image's root, whether or not it begins with a slash.
SIFKIT_API ImagePath walk_image_path(const layers::Tree& tree, std::string_view path);

}  // namespace sifkit

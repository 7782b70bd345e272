// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/contents.h>

namespace sifkit::oci {

/// Named files that an image is put together from: the members of an archive, the files of a directory. Names are clean
/// relative paths. Not thread safe; sources it opened may be read on other threads.
class FileSet {
 public:
  virtual ~FileSet() = default;

  /// Where the files are, for errors.
  virtual const std::string& name() const = 0;

  /// The size of a regular file, links followed inside the set; nothing where the name is absent. Throws malformed for
  /// a name that leads to something else, that is there twice, or that leaves the set.
  virtual std::optional<std::uint64_t> find(std::string_view name) = 0;

  /// The bytes of a file that `find` sees; not_found where it does not.
  virtual std::unique_ptr<Source> open(std::string_view name) = 0;

  /// What the names of all files are together.
  virtual const ContentsSurvey& survey() = 0;

  /// A whole document; `what` names it in errors. All together are bounded.
  std::string read_document(std::string_view name, const Limits& limits, std::string_view what);

  /// Documents read from here on count anew: those of one image, when those of all have been looked at.
  void forget_documents() noexcept { document_bytes_ = 0; }

 private:
  std::uint64_t document_bytes_ = 0;  ///< of all that were read: a list may name one large document very often
};

/// A name inside a set in its one clean form: no "./", no doubled slash, no slash at the end. Nothing for a name that
/// is absolute or empty, that has a ".." which climbs out, or a NUL byte.
std::optional<std::string> clean_name(std::string_view name);

/// The same of a member of an archive: a slash in front of it counts for nothing, as to whoever unpacks archives.
std::optional<std::string> clean_member_name(std::string_view name);

/// Where a name leads, as a kernel would resolve it whose root is the set: links on the way and at its end followed,
/// ".." behind a link being the parent of what that leads to.
struct Followed {
  enum class End { somewhere, outside, too_long, circle };
  End end = End::somewhere;
  std::string name;    ///< clean, with no link in it; where it ends somewhere
  unsigned links = 0;  ///< that were followed
};

/// `target_at` gives the target of the symbolic link at a clean name whose parents are no links; nothing for what is
/// none.
Followed follow_links(std::string_view name, const Limits& limits,
                      const std::function<std::optional<std::string>(const std::string&)>& target_at);

}  // namespace sifkit::oci

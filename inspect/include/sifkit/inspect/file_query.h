// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

/// A word of an expression as find(1) has it: a test without its dash ("name") and its value, or one of "not", "and", "or",
/// "(" and ")".
struct QueryWord {
  std::string name;
  std::string value;
};

/// A file that a query is asked about.
struct QueriedFile {
  std::string_view path;  ///< as it is printed; the root is "/"
  layers::InodeId inode = layers::kNone;
};

/// An expression of find(1) over the files of one image: what stands side by side must hold together, `or` binds less,
/// `not` more. Not thread safe.
class SIFKIT_API FileQuery {
 public:
  /// Throws usage for what is no expression, not_found for a file or an account that the image does not have. Names of
  /// accounts are those of the image. `files` outlives the query.
  FileQuery(const std::vector<QueryWord>& words, layers::FileSystem& files);

  bool matches(const QueriedFile& file) const;

 private:
  enum class Kind : std::uint8_t { test, negation, conjunction, disjunction };
  using Test = std::function<bool(const QueriedFile&)>;
  struct Step {
    Kind kind = Kind::test;
    Test test;
  };

  std::vector<Step> steps_;  ///< in postfix order
};

}  // namespace sifkit::inspect

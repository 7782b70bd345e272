// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>

#include "file_set.h"

namespace sifkit::oci {

/// The files of a directory. Only regular files count. Symbolic links are followed inside of it; one that leaves it is
/// refused, because a layout from a stranger must not make us read what lies outside.
class DirectoryFiles : public FileSet {
 public:
  /// `directory` is open at `path`.
  DirectoryFiles(UniqueFd directory, std::filesystem::path path, ContentsSurvey survey, const Limits& limits);

  const std::string& name() const override { return directory_.native(); }
  std::optional<std::uint64_t> find(std::string_view name) override;
  std::unique_ptr<Source> open(std::string_view name) override;
  const ContentsSurvey& survey() override { return survey_; }

 private:
  std::optional<std::string> link_at(const std::string& name) const;
  std::optional<File> open_file(std::string_view name) const;

  std::filesystem::path directory_;
  Limits limits_;
  UniqueFd fd_;
  ContentsSurvey survey_;
};

}  // namespace sifkit::oci

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>

#include "file_set.h"
#include "member_table.h"

namespace sifkit::oci {

/// The members of a plain tar file that can seek. Only headers are read, so it costs nothing on a large archive, and
/// members are read in place.
class TarIndex : public FileSet {
 public:
  /// `guessed` as in MemberTable.
  TarIndex(std::shared_ptr<const File> file, bool guessed, const Limits& limits, const OperationContext& operation,
           WarningList& warnings);

  const std::string& name() const override { return file_->name(); }
  std::optional<std::uint64_t> find(std::string_view name) override;
  std::unique_ptr<Source> open(std::string_view name) override;
  const ContentsSurvey& survey() override { return members_.survey(); }

 private:
  std::shared_ptr<const File> file_;
  Limits limits_;
  MemberTable members_;
};

}  // namespace sifkit::oci

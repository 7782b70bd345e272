// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/stream.h>
#include <sifkit/sif/descriptor.h>

namespace sifkit::sif {

/// A SIF image opened for reading. Header and descriptor table are read at once, data objects only when asked for.
///
/// What makes the table itself unreadable is an error of `open`; everything else that is wrong with a header or a
/// descriptor is listed in `problems`, so that damaged images can still be looked at, and an object whose range is not
/// inside the file throws when its data is opened. Const methods may be called from several threads.
class SIFKIT_API Image {
 public:
  /// Throws malformed for what is no SIF, not_found and io as File does.
  static Image open(const std::filesystem::path& path);
  explicit Image(std::shared_ptr<const File> file);

  const std::string& name() const noexcept { return file_->name(); }
  const std::shared_ptr<const File>& file() const noexcept { return file_; }
  std::uint64_t file_size() const noexcept { return file_size_; }

  const Header& header() const noexcept { return header_; }
  /// Every slot of the table, used or not, in its order.
  const std::vector<Descriptor>& slots() const noexcept { return slots_; }
  /// The used ones, in the order of slots.
  std::vector<const Descriptor*> objects() const;

  /// The object of an id; not_found when there is none, malformed when there are several.
  const Descriptor& object(std::uint32_t id) const;
  /// Objects of a type.
  std::vector<const Descriptor*> objects_of(DataType type) const;
  /// The primary system partition; nullptr where there is none. Several are malformed.
  const Descriptor* primary_partition() const;
  /// The first object of a type and name.
  const Descriptor* find(DataType type, std::string_view name) const;

  /// The object's bytes, streamed. Throws malformed when its range is not inside the file.
  std::unique_ptr<Source> open_data(const Descriptor& object) const;
  /// The object's bytes in memory; more than `limit` is ErrorKind::limit.
  Bytes read_data(const Descriptor& object, std::uint64_t limit) const;
  /// Throws malformed unless the object's range is inside the file, off header and descriptor table.
  void check_range(const Descriptor& object) const;
  /// Whether the object's end is missing: it lies behind the end of the file, where by the header there should be data.
  bool is_cut_short(const Descriptor& object) const noexcept;

  /// Whether header and table in the file are still those that were read. An editor takes bytes for new objects only
  /// after the table that had objects there has gone, so what was read before the answer "yes" is data of this image.
  bool is_unchanged() const;
  /// The same for the data of one object, whatever has become of others.
  bool still_has(const Descriptor& object) const;

  /// What a sound image would not have, one sentence each: the header, then in the order of the table. At most 100, and how
  /// many more.
  const std::vector<std::string>& problems() const noexcept { return problems_; }
  /// The first problem that keeps objects from being added or moved safely; empty when there is none.
  const std::string& damage() const noexcept { return damage_; }

 private:
  void validate();

  std::shared_ptr<const File> file_;
  std::uint64_t file_size_ = 0;
  Header header_;
  std::vector<Descriptor> slots_;
  std::vector<std::string> problems_;
  std::string damage_;
};

}  // namespace sifkit::sif

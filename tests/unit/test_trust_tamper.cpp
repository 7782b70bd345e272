// SPDX-License-Identifier: Apache-2.0
//
// Every byte of a small signed image is changed, one at a time; docs/formats.md says which changes are noticed.
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/sign_fixture.h"
#include "support/sweep.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

constexpr std::uint32_t kCapacity = 7;

/// One row of the table: a range of bytes in a part of the file.
struct Row {
  std::size_t first = 0;
  std::size_t last = 0;
  std::string noticed;  ///< "yes", "no" or "by its effect"
};

using Rows = std::map<std::string, std::vector<Row>>;

/// The rows `| part | first–last | what | noticed |` of the table under "What signatures protect".
Rows documented_rows() {
  std::istringstream text(read_file(std::filesystem::path(SIFKIT_SOURCE_DIR) / "docs/formats.md"));
  Rows rows;
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('#')) inside = line == "### What signatures protect";
    if (!inside || !line.starts_with("| ") || line.starts_with("| ---") || line.starts_with("| part |")) continue;
    std::vector<std::string> cells;
    std::istringstream cell_text(line.substr(1));
    for (std::string cell; std::getline(cell_text, cell, '|');) cells.push_back(cell.substr(1, cell.size() - 2));
    REQUIRE(cells.size() == 4);
    const std::string dash = "–";
    const auto at = cells[1].find(dash);
    Row row{0, ~std::size_t{0}, cells[3]};
    if (cells[1] != "all") {
      row.first = std::stoul(cells[1]);
      row.last = at == std::string::npos ? row.first : std::stoul(cells[1].substr(at + dash.size()));
    }
    rows[cells[0]].push_back(row);
  }
  return rows;
}

const std::string& noticed(const Rows& rows, const std::string& part, std::size_t at) {
  const std::string* found = nullptr;
  INFO(part << " " << at);
  for (const auto& row : rows.at(part)) {
    if (at < row.first || at > row.last) continue;
    REQUIRE(found == nullptr);
    found = &row.noticed;
  }
  REQUIRE(found != nullptr);
  return *found;
}

/// Which part of the file a byte belongs to, and its place in it.
std::pair<std::string, std::size_t> part_of(const Image& image, std::size_t at, const std::string& format) {
  if (at < kHeaderSize) return {"header", at};
  if (at >= kDescriptorsOffset && at < kDescriptorsOffset + kCapacity * kDescriptorSize) {
    const auto& slot = image.slots()[(at - kDescriptorsOffset) / kDescriptorSize];
    const std::string part = !slot.used ? "free descriptor" : slot.type == DataType::signature ? "descriptor of a " + format + " signature" : "descriptor";
    return {part, (at - kDescriptorsOffset) % kDescriptorSize};
  }
  for (const auto* object : image.objects()) {
    const auto offset = static_cast<std::size_t>(object->offset);
    if (at >= offset && at < offset + static_cast<std::size_t>(object->size)) return {"data of objects and signatures", at - offset};
  }
  return {"all other bytes", at};
}

}  // namespace

TEST_CASE("every changed byte is noticed or documented as not protected", "[trust][integrity][tamper]") {
  SignFixture fixture;
  const std::string format = GENERATE("PGP", "DSSE");
  const auto path = fixture.directory / "image.sif";
  write_file(path, "");
  {
    File file = File::open_read_write(path);
    ImageWriter writer(file, {.launch_script = std::string(kLaunchScript), .capacity = kCapacity});
    for (const std::uint32_t group : {1u, 1u, 2u, 2u}) writer.add({.type = DataType::generic, .group = group, .name = "n"}, as_bytes(fmt::format("bytes in group {}", group)));
    writer.finish();
  }
  if (format == "PGP") fixture.make_pgp("ada");
  fixture.sign(fixture.key(format == "PGP" ? "ada.asc" : "ed25519.pem"));
  const auto keys = fixture.trusted({format == "PGP" ? "ada.pub" : "ed25519.pub"});
  const std::string whole = read_file(path);
  const Image image = Image::open(path);
  REQUIRE(image.objects().size() == 6);
  REQUIRE_FALSE(verify(image, keys, {}).failure);

  const Rows rows = documented_rows();
  const File file = File::open_read_write(path);
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const auto [part, place] = part_of(image, at, format);
    const std::string& expected = noticed(rows, part, place);
    if (!next_of_sweep()) continue;
    const std::byte before = as_bytes(whole)[at];
    for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}}) {
      const std::byte changed = before ^ flip;
      file.write_at(at, {&changed, 1});
      bool seen = true;
      try {
        seen = verify(Image::open(path), keys, {}).failure.has_value();
      } catch (const Error&) {
        // What is no image any more is noticed, too.
      }
      if (expected == "by its effect" || seen == (expected == "yes")) continue;
      ++wrong;
      UNSCOPED_INFO(part << ", byte " << place << ", flip " << std::to_integer<int>(flip) << ": expected '" << expected << "', was " << (seen ? "noticed" : "not noticed"));
    }
    file.write_at(at, {&before, 1});
  }
  CHECK(wrong == 0);
  CHECK_FALSE(verify(Image::open(path), keys, {}).failure);
}

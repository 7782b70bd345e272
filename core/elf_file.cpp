// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/elf_file.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <utility>

#include <elf.h>

#include <fmt/format.h>

namespace sifkit {

namespace {

struct Machine {
  std::uint16_t number;
  unsigned char bits;
  unsigned char order;
  std::string_view architecture;
};

constexpr std::uint16_t kLoongArch = 258;

constexpr Machine kMachines[] = {
    {EM_386, ELFCLASS32, ELFDATA2LSB, "386"},         {EM_X86_64, ELFCLASS64, ELFDATA2LSB, "amd64"},
    {EM_ARM, ELFCLASS32, ELFDATA2LSB, "arm"},         {EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "arm64"},
    {EM_PPC64, ELFCLASS64, ELFDATA2MSB, "ppc64"},     {EM_PPC64, ELFCLASS64, ELFDATA2LSB, "ppc64le"},
    {EM_MIPS, ELFCLASS32, ELFDATA2MSB, "mips"},       {EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mipsle"},
    {EM_MIPS, ELFCLASS64, ELFDATA2MSB, "mips64"},     {EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64le"},
    {EM_S390, ELFCLASS64, ELFDATA2MSB, "s390x"},      {EM_RISCV, ELFCLASS64, ELFDATA2LSB, "riscv64"},
    {kLoongArch, ELFCLASS64, ELFDATA2LSB, "loong64"},
};

constexpr std::size_t kHeader32 = 52;
constexpr std::size_t kMaxLoader = 4096;
constexpr std::size_t kMaxText = 4096;       ///< of a name in the dynamic section's table, which may be megabytes
constexpr std::size_t kMaxTexts = 1u << 16;  ///< entries that are looked at in one list

constexpr std::uint32_t kAbiTag = 1;
constexpr std::uint32_t kX86LevelNeeded = 0xc0008002;  ///< bit 0: the first level, and so on
constexpr std::uint64_t kPie = 0x08000000;
constexpr std::uint64_t kNoDefaultDirectories = 0x00000800;

std::string text_at(ByteView texts, std::uint64_t offset) {
  if (offset >= texts.size()) return {};
  const auto rest = as_text(texts.subspan(static_cast<std::size_t>(offset)));
  return std::string(rest.substr(0, rest.find('\0')));
}

}  // namespace

bool is_elf(ByteView start) noexcept { return as_text(start).starts_with(ELFMAG); }

std::string_view elf_architecture(ByteView header) noexcept {
  if (header.size() < 20 || !is_elf(header)) return {};
  const auto bits = std::to_integer<unsigned char>(header[EI_CLASS]);
  const auto order = std::to_integer<unsigned char>(header[EI_DATA]);
  const auto first = std::to_integer<unsigned>(header[18]);
  const auto second = std::to_integer<unsigned>(header[19]);
  const unsigned number = order == ELFDATA2MSB ? (first << 8 | second) : (second << 8 | first);
  for (const auto& machine : kMachines) {
    if (machine.number == number && machine.bits == bits && machine.order == order) return machine.architecture;
  }
  return {};
}

struct ElfFile::Tables {
  Dynamic dynamic;
  Range texts;
  std::uint64_t needs = 0;  ///< addresses
  std::uint64_t definitions = 0;
  std::uint64_t flags = 0;  ///< DT_FLAGS_1
};

std::optional<ElfFile> ElfFile::open(ByteView bytes, Fetch fetch) {
  if (bytes.size() < kHeader32 || !is_elf(bytes)) return std::nullopt;
  return ElfFile(bytes, std::move(fetch));
}

ElfFile::ElfFile(ByteView bytes, Fetch fetch)
    : bytes_(bytes),
      fetch_(std::move(fetch)),
      big_(std::to_integer<unsigned char>(bytes[EI_DATA]) == ELFDATA2MSB),
      wide_(std::to_integer<unsigned char>(bytes[EI_CLASS]) == ELFCLASS64) {
  const auto table = field(0, offsetof(Elf32_Ehdr, e_phoff), offsetof(Elf64_Ehdr, e_phoff));
  const auto size = at(wide_ ? offsetof(Elf64_Ehdr, e_phentsize) : offsetof(Elf32_Ehdr, e_phentsize), 2);
  const auto count = at(wide_ ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
  if (size < (wide_ ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) || table > bytes_.size() ||
      count * size > bytes_.size() - table)
    return;
  segments_known_ = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto header = table + i * size;
    segments_.push_back({at(header, 4),
                         at(header + (wide_ ? offsetof(Elf64_Phdr, p_flags) : offsetof(Elf32_Phdr, p_flags)), 4),
                         field(header, offsetof(Elf32_Phdr, p_offset), offsetof(Elf64_Phdr, p_offset)),
                         field(header, offsetof(Elf32_Phdr, p_vaddr), offsetof(Elf64_Phdr, p_vaddr)),
                         field(header, offsetof(Elf32_Phdr, p_filesz), offsetof(Elf64_Phdr, p_filesz))});
  }
}

std::uint64_t ElfFile::number(ByteView bytes, std::uint64_t offset, unsigned width) const noexcept {
  if (offset > bytes.size() || bytes.size() - offset < width) return 0;
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) {
    const auto from = static_cast<std::size_t>(offset) + (big_ ? i : width - 1 - i);
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[from]);
  }
  return value;
}

/// A field whose place and width differ between the two classes.
std::uint64_t ElfFile::field(std::uint64_t base, unsigned in_32, unsigned in_64) const {
  return at(base + (wide_ ? in_64 : in_32), wide_ ? 8 : 4);
}

/// What there is of a part of the file.
ByteView ElfFile::part(std::uint64_t offset, std::uint64_t size) const {
  if (offset > bytes_.size()) return {};
  size = std::min<std::uint64_t>(size, bytes_.size() - offset);
  if (fetch_ && size != 0) fetch_(offset, size);
  return bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
}

std::optional<std::string> ElfFile::loader() const {
  if (!segments_known_) return std::nullopt;
  for (const auto& segment : segments_) {
    if (segment.type != PT_INTERP) continue;
    const auto text = part(segment.offset, segment.file_size);
    if (segment.file_size > kMaxLoader || text.size() < segment.file_size) return std::nullopt;
    return text_at(text, 0);
  }
  return std::string();
}

bool ElfFile::has_sections() const {
  return at(wide_ ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum), 2) != 0;
}

ByteView ElfFile::section(std::string_view name) const {
  const auto table = field(0, offsetof(Elf32_Ehdr, e_shoff), offsetof(Elf64_Ehdr, e_shoff));
  const auto size = at(wide_ ? offsetof(Elf64_Ehdr, e_shentsize) : offsetof(Elf32_Ehdr, e_shentsize), 2);
  auto count = at(wide_ ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum), 2);
  const auto names = at(wide_ ? offsetof(Elf64_Ehdr, e_shstrndx) : offsetof(Elf32_Ehdr, e_shstrndx), 2);
  if (table == 0 || table >= bytes_.size() || size < (wide_ ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr))) return {};
  count = std::min(count, (bytes_.size() - table) / size);
  const auto place = [&](std::uint64_t header) {
    return part(field(header, offsetof(Elf32_Shdr, sh_offset), offsetof(Elf64_Shdr, sh_offset)),
                field(header, offsetof(Elf32_Shdr, sh_size), offsetof(Elf64_Shdr, sh_size)));
  };
  if (names >= count) return {};
  const auto headers = part(table, count * size);
  const auto texts = place(table + names * size);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (number(headers, i * size + 4, 4) == SHT_NOBITS) continue;
    const auto from = number(headers, i * size, 4);
    if (from >= texts.size()) continue;
    const auto rest = as_text(texts.subspan(static_cast<std::size_t>(from)));
    if (rest.starts_with(name) && rest.size() > name.size() && rest[name.size()] == '\0') return place(table + i * size);
  }
  return {};
}

ElfFile::Range ElfFile::range_at(std::uint64_t address, std::uint64_t size) const {
  for (const auto& segment : segments_) {
    if (segment.type != PT_LOAD || address < segment.address || address - segment.address >= segment.file_size)
      continue;
    const auto inside = address - segment.address;
    if (segment.offset > bytes_.size() || inside > bytes_.size() - segment.offset) return {};
    const auto offset = segment.offset + inside;
    return {offset, std::min({size, segment.file_size - inside, bytes_.size() - offset})};
  }
  return {};
}

ByteView ElfFile::at_address(std::uint64_t address, std::uint64_t size) const {
  const auto range = range_at(address, size);
  return part(range.offset, range.size);
}

std::uint64_t ElfFile::number_in(const Range& range, std::uint64_t offset, unsigned width) const {
  return offset > range.size || range.size - offset < width ? 0 : at(range.offset + offset, width);
}

/// Names of one list, as far as there is room for them.
class ElfFile::Texts {
 public:
  Texts(const ElfFile& file, const Range& range) : file_(file), range_(range) {}

  std::string at(std::uint64_t offset) const {
    if (offset >= range_.size) return {};
    return text_at(file_.part(range_.offset + offset, std::min<std::uint64_t>(range_.size - offset, kMaxText)), 0);
  }

  /// Whether there is room for one more thing that keeps so many bytes of names.
  bool take(std::size_t bytes) {
    bytes += sizeof(std::string);
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  const ElfFile& file_;
  const Range range_;
  std::size_t left_ = kMaxTextBytes;
};

ByteView ElfFile::writable_data() const {
  for (const auto& segment : segments_) {
    if (segment.type == PT_LOAD && (segment.flags & PF_W) != 0) return part(segment.offset, segment.file_size);
  }
  return {};
}

ElfFile::Tables ElfFile::tables() const {
  Tables out;
  const auto found =
      std::find_if(segments_.begin(), segments_.end(), [](const auto& s) { return s.type == PT_DYNAMIC; });
  if (found == segments_.end()) return out;
  out.dynamic.present = true;
  const auto entries = part(found->offset, found->file_size);
  const unsigned width = wide_ ? 8 : 4;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> texts;
  std::uint64_t text_table = 0;
  std::uint64_t text_size = 0;
  for (std::size_t i = 0; i + 2 * width <= entries.size(); i += 2 * width) {
    const auto tag = number(entries, i, width);
    const auto value = number(entries, i + width, width);
    if (tag == DT_NULL) break;
    switch (tag) {
      case DT_STRTAB:
        text_table = value;
        break;
      case DT_STRSZ:
        text_size = value;
        break;
      case DT_VERNEED:
        out.needs = value;
        break;
      case DT_VERDEF:
        out.definitions = value;
        break;
      case DT_FLAGS_1:
        out.flags = value;
        break;
      case DT_NEEDED:
      case DT_SONAME:
      case DT_RPATH:
      case DT_RUNPATH:
        if (texts.size() < kMaxTexts) texts.emplace_back(tag, value);
        break;
      default:
        break;
    }
  }
  out.dynamic.no_default_directories = (out.flags & kNoDefaultDirectories) != 0;
  out.texts = range_at(text_table, text_size);
  Texts names(*this, out.texts);
  for (const auto& [tag, offset] : texts) {
    const auto text = names.at(offset);
    if (tag == DT_NEEDED && !text.empty() && names.take(text.size())) out.dynamic.needed.push_back(text);
    if (tag == DT_SONAME) out.dynamic.soname = text;
    if (tag == DT_RPATH) out.dynamic.rpath = text;
    if (tag == DT_RUNPATH) out.dynamic.runpath = text;
  }
  return out;
}

ElfFile::Dynamic ElfFile::dynamic() const { return tables().dynamic; }

bool ElfFile::is_cut() const noexcept {
  if (!segments_known_) return true;
  return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
    const bool loaded = segment.type == PT_LOAD || segment.type == PT_DYNAMIC;
    return loaded && segment.file_size != 0 &&
           (segment.offset > bytes_.size() || segment.file_size > bytes_.size() - segment.offset);
  });
}

bool ElfFile::is_executable() const {
  const auto type = at(offsetof(Elf64_Ehdr, e_type), 2);
  if (type == ET_EXEC) return true;
  if (type != ET_DYN) return false;
  const auto asked = loader();
  return (asked && !asked->empty()) || (tables().flags & kPie) != 0;
}

std::vector<ElfFile::VersionNeed> ElfFile::needed_versions() const {
  std::vector<VersionNeed> out;
  const auto tables = this->tables();
  if (tables.needs == 0) return out;
  const auto range = range_at(tables.needs, ~std::uint64_t{0});
  Texts names(*this, tables.texts);
  std::uint64_t need = 0;
  for (std::size_t i = 0; i < kMaxTexts && need < range.size; ++i) {
    const auto library = names.at(number_in(range, need + offsetof(Elf64_Verneed, vn_file), 4));
    auto one = need + number_in(range, need + offsetof(Elf64_Verneed, vn_aux), 4);
    for (auto left = number_in(range, need + offsetof(Elf64_Verneed, vn_cnt), 2); left != 0 && one < range.size;
         --left) {
      auto version = names.at(number_in(range, one + offsetof(Elf64_Vernaux, vna_name), 4));
      if (!names.take(sizeof(VersionNeed) + library.size() + version.size())) return out;
      const auto flags = number_in(range, one + offsetof(Elf64_Vernaux, vna_flags), 2);
      out.push_back({library, std::move(version), (flags & VER_FLG_WEAK) != 0});
      const auto step = number_in(range, one + offsetof(Elf64_Vernaux, vna_next), 4);
      if (step == 0) break;
      one += step;
    }
    const auto step = number_in(range, need + offsetof(Elf64_Verneed, vn_next), 4);
    if (step == 0) break;
    need += step;
  }
  return out;
}

std::vector<std::string> ElfFile::offered_versions() const {
  std::vector<std::string> out;
  const auto tables = this->tables();
  if (tables.definitions == 0) return out;
  const auto range = range_at(tables.definitions, ~std::uint64_t{0});
  Texts names(*this, tables.texts);
  std::uint64_t one = 0;
  while (one < range.size) {
    const auto name = one + number_in(range, one + offsetof(Elf64_Verdef, vd_aux), 4);
    auto text = names.at(number_in(range, name + offsetof(Elf64_Verdaux, vda_name), 4));
    if (!names.take(text.size())) return out;
    out.push_back(std::move(text));
    const auto step = number_in(range, one + offsetof(Elf64_Verdef, vd_next), 4);
    if (step == 0) break;
    one += step;
  }
  return out;
}

/// The contents of GNU's notes of one type, until `look` has what it wants.
void ElfFile::for_each_gnu_note(std::uint32_t type, const std::function<bool(ByteView)>& look) const {
  for (const auto& segment : segments_) {
    if (segment.type != PT_NOTE) continue;
    const auto notes = part(segment.offset, segment.file_size);
    for (std::uint64_t note = 0; note + 12 <= notes.size();) {
      const auto name = number(notes, note, 4);
      const auto size = number(notes, note + 4, 4);
      const auto value = note + 12 + (name + 3) / 4 * 4;
      const bool whole = value <= notes.size() && size <= notes.size() - value;
      if (whole && number(notes, note + 8, 4) == type && name == 4 &&
          as_text(notes.subspan(static_cast<std::size_t>(note) + 12, 3)) == "GNU" &&
          look(notes.subspan(static_cast<std::size_t>(value), static_cast<std::size_t>(size))))
        return;
      note = value + (size + 3) / 4 * 4;
    }
  }
}

std::string ElfFile::oldest_kernel() const {
  std::string out;
  for_each_gnu_note(kAbiTag, [&](ByteView tag) {
    if (tag.size() < 16 || number(tag, 0, 4) != 0) return false;
    out = fmt::format("{}.{}.{}", number(tag, 4, 4), number(tag, 8, 4), number(tag, 12, 4));
    return true;
  });
  return out;
}

unsigned ElfFile::processor_level() const {
  unsigned out = 0;
  if (architecture() != "amd64") return out;
  for_each_gnu_note(NT_GNU_PROPERTY_TYPE_0, [&](ByteView properties) {
    for (std::uint64_t at = 0; at + 8 <= properties.size();) {
      const auto size = number(properties, at + 4, 4);
      if (number(properties, at, 4) == kX86LevelNeeded && size == 4) {
        const auto levels = static_cast<std::uint32_t>(number(properties, at + 8, 4));
        out = std::max(out, std::min(kMaxProcessorLevel, static_cast<unsigned>(std::bit_width(levels))));
      }
      at += 8 + (size + 7) / 8 * 8;
    }
    return false;
  });
  return out;
}

}  // namespace sifkit

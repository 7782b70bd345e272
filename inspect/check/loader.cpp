// SPDX-License-Identifier: Apache-2.0
#include "loader.h"

#include <algorithm>
#include <span>
#include <utility>

#include <limits.h>

#include <fmt/format.h>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/image_path.h>

#include "texts.h"

namespace sifkit::check {

using namespace layers;

namespace {

constexpr std::size_t kMaxLoaded = 2048;  ///< libraries of one program

// sysdeps/generic/dl-cache.h of glibc.
constexpr std::string_view kCacheMagic = "glibc-ld.so.cache1.1";
constexpr std::size_t kCacheHeader = 48;
constexpr std::size_t kCacheEntry = 24;
constexpr std::size_t kCacheCount = 20;
constexpr std::size_t kCacheOrder = 28;
constexpr unsigned kCacheBigEndian = 3;

std::uint64_t number_at(const std::byte* at, unsigned width, bool big) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint64_t>(at[big ? i : width - 1 - i]);
  return value;
}

std::string_view triplet(std::string_view architecture) {
  static constexpr std::pair<std::string_view, std::string_view> kTriplets[] = {
      {"386", "i386-linux-gnu"},      {"amd64", "x86_64-linux-gnu"},        {"arm", "arm-linux-gnueabihf"},
      {"arm64", "aarch64-linux-gnu"}, {"ppc64le", "powerpc64le-linux-gnu"}, {"riscv64", "riscv64-linux-gnu"},
      {"s390x", "s390x-linux-gnu"},   {"loong64", "loongarch64-linux-gnu"}};
  for (const auto& [word, name] : kTriplets) {
    if (word == architecture) return name;
  }
  return {};
}

bool is_32_bit(std::string_view architecture) {
  return architecture == "386" || architecture == "arm" || architecture == "mips" || architecture == "mipsle";
}

/// musl's loader is its libc, and answers for these names itself.
bool is_part_of_musl(std::string_view name) {
  static constexpr std::string_view kParts[] = {"libc.",  "libpthread.", "librt.",   "libm.",
                                                "libdl.", "libutil.",    "libxnet.", "ld-musl-"};
  return std::any_of(std::begin(kParts), std::end(kParts), [&](auto part) { return name.starts_with(part); });
}

constexpr std::string_view kLevels = "/glibc-hwcaps/";

/// Subdirectories that glibc's loader looks into first, those that most processors have in front.
std::span<const std::string_view> levels_of(std::string_view architecture) {
  static constexpr std::string_view kAmd64[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  static constexpr std::string_view kPower[] = {"power9", "power10"};
  static constexpr std::string_view kMainframe[] = {"z13", "z14", "z15", "z16"};
  if (architecture == "amd64") return kAmd64;
  if (architecture == "ppc64le") return kPower;
  if (architecture == "s390x") return kMainframe;
  return {};
}

/// "x86-64-v3" of a path through glibc-hwcaps.
std::string level_of(std::string_view path) {
  const auto at = path.find(kLevels);
  if (at == std::string_view::npos) return "of one kind";
  const auto rest = path.substr(at + kLevels.size());
  return std::string(rest.substr(0, rest.find('/')));
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

/// Apptainer's nvliblist.conf and rocmliblist.conf, and what has joined these drivers since. Those of general use that
/// are in the lists (libelf, libnuma, libpci) are for the image to have.
bool is_of_driver(std::string_view library) noexcept {
  static constexpr std::string_view kNames[] = {
      // of NVIDIA and of graphics
      "libcuda", "libcudadebugger", "libEGL", "libEGL_installertest", "libEGL_nvidia", "libGL", "libGLESv1_CM",
      "libGLESv1_CM_nvidia", "libGLESv2", "libGLESv2_nvidia", "libGLX", "libGLX_installertest", "libGLX_nvidia",
      "libGLdispatch", "libOpenCL", "libOpenGL", "libglx", "libnvcuvid", "libnvoptix", "libvdpau_nvidia",
      // of AMD
      "libMIOpen", "libamd_comgr", "libamdcomgr64", "libamdhip64", "libamdocl64", "libcltrace", "libcomgr", "libdrm",
      "libdrm_amdgpu", "libdrm_radeon", "libhc_am", "libhip_hcc", "libhipblas", "libhipfft", "libhiprand",
      "libhiprtc", "libhipsolver", "libhipsparse", "libhsa-runtime64", "libhsakmt", "libmcwamp", "libmcwamp_cpu",
      "libmcwamp_hsa", "libmiopengemm", "librccl", "librocblas", "librocfft", "librocfft-device", "librocm_smi64",
      "librocr_debug_agent64", "librocrand", "librocsolver", "librocsparse",
      // of Intel
      "libze_intel_gpu"};
  if (library.starts_with("libnvidia-")) return true;
  const auto name = library.substr(0, library.find(".so"));
  return name.size() != library.size() && std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Loader::Loader(const Tree& tree, const Programs& programs, LoaderFiles files, std::uint64_t most)
    : tree_(tree), programs_(programs), files_(std::move(files)), left_(most) {
  read_cache();
}

/// What programs need, where that is looked for and how often it is there multiply; a count of all bounds the product,
/// and is the same on every machine, as a time would not be.
bool Loader::spend() const {
  if (left_ == 0) spent_ = true;
  if (spent_) return false;
  --left_;
  return true;
}

void Loader::read_cache() {
  const auto start = files_.cache.find(kCacheMagic);
  if (start == std::string::npos) return;
  const auto bytes = as_bytes(files_.cache).subspan(start);
  if (bytes.size() < kCacheHeader) return;
  // It is in the byte order of its machine. Those that do not say which are older than glibc 2.33.
  const auto fits = [&](bool big) {
    return number_at(bytes.data() + kCacheCount, 4, big) <= (bytes.size() - kCacheHeader) / kCacheEntry;
  };
  const auto order = std::to_integer<unsigned>(bytes[kCacheOrder]) & 3;
  const bool big = order == kCacheBigEndian || (order == 0 && !fits(false) && fits(true));
  const auto count = number_at(bytes.data() + kCacheCount, 4, big);
  const auto text = [&](const std::byte* at) {
    const auto offset = static_cast<std::size_t>(number_at(at, 4, big));
    if (offset >= bytes.size()) return std::string_view();
    const auto rest = as_text(bytes.subspan(offset)).substr(0, PATH_MAX);
    return rest.substr(0, rest.find('\0'));
  };
  for (std::uint64_t i = 0; i < count && kCacheHeader + (i + 1) * kCacheEntry <= bytes.size(); ++i) {
    const auto* entry = bytes.data() + kCacheHeader + i * kCacheEntry;
    auto& cache = (number_at(entry + 16, 8, big) >> 62) != 0 ? cache_of_levels_ : cache_;
    cache.emplace(text(entry + 4), text(entry + 8));
  }
}

/// A file that the loader takes: one for another machine is passed over, and so is one that it may not open. What it
/// opens and cannot load ends the start, whatever is behind.
Loader::Found Loader::at(const std::string& path, std::string_view architecture) const {
  if (!spend()) return {};
  const auto found = walk_image_path(tree_, path);
  if (found.inode == kNone || tree_.inode(found.inode).type != EntryType::regular) return {};
  const Inode& file = tree_.inode(found.inode);
  const auto* object = programs_.elf(found.inode);
  if (object != nullptr && object->architecture != architecture) return {};
  const bool readable = (file.metadata.mode & 04) != 0;
  if (!readable || !found.closed.empty()) {
    if (closed_.empty())
      closed_ = readable ? fmt::format("{} is in {}, which not every user may enter", in_quotes(found.place),
                                       in_quotes(found.closed))
                         : fmt::format("not every user may read {} (mode {:04o})", in_quotes(found.place),
                                       file.metadata.mode);
    return {};
  }
  Found out{found.place, found.inode};
  if (file.size == 0 || programs_.is_no_elf(found.inode)) {
    out.fault = fmt::format("{} is {}", in_quotes(found.place), file.size == 0 ? "empty" : "no ELF file");
  } else if (object != nullptr && object->cut) {
    out.fault = fmt::format("{} is cut off", in_quotes(found.place));
  }
  return out;
}

/// A directory's own file comes first here, since that is the one for all processors. The loader takes that of the best
/// level which its processor has, but whether there is any is what is asked.
Loader::Found Loader::in_directory(const std::string& directory, const std::string& name, std::string_view architecture,
                                   bool musl) const {
  auto found = at(directory + "/" + name, architecture);
  if (found.inode != kNone || musl) return found;
  for (const auto level : levels_of(architecture)) {
    found = at(fmt::format("{}{}{}/{}", directory, kLevels, level, name), architecture);
    if (found.inode == kNone) continue;
    found.level = level;
    return found;
  }
  return {};
}

/// Any number of entries can have one name.
Loader::Found Loader::in_cache(const std::string& name, std::string_view architecture) const {
  if (!cache_.contains(name) && !cache_of_levels_.contains(name)) return {};
  const auto [entry, added] = cached_.try_emplace({name, architecture});
  auto& known = entry->second;
  if (added) {
    auto before = std::exchange(closed_, {});
    known.found = read_cached(name, architecture);
    known.closed = std::exchange(closed_, std::move(before));
  }
  if (closed_.empty()) closed_ = known.closed;
  return known.found;
}

Loader::Found Loader::read_cached(const std::string& name, std::string_view architecture) const {
  for (const auto* cache : {&cache_, &cache_of_levels_}) {
    const auto [first, last] = cache->equal_range(name);
    for (auto entry = first; entry != last; ++entry) {
      auto found = at(std::string(entry->second), architecture);
      if (found.inode == kNone) continue;
      if (cache == &cache_of_levels_) found.level = level_of(entry->second);
      return found;
    }
  }
  return {};
}

Loader::Found Loader::in_list(std::string_view list, const std::string& name, const Loaded& origin,
                              std::string_view architecture, bool musl) const {
  while (!list.empty() && spend()) {
    const auto part = list.substr(0, list.find_first_of(":\n"));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    if (part.empty()) continue;
    for (const auto& library :
         {fmt::format("lib/{}", triplet(architecture)), std::string("lib64"), std::string("lib")}) {
      std::string directory(part);
      for (const char* form : {"$ORIGIN", "${ORIGIN}"}) replace_all(directory, form, directory_of(origin.place));
      for (const char* form : {"$LIB", "${LIB}"}) replace_all(directory, form, library);
      for (const char* form : {"$PLATFORM", "${PLATFORM}"})
        replace_all(directory, form, architecture == "amd64" ? "x86_64" : architecture);
      if (!directory.starts_with('/')) break;
      if (auto found = in_directory(directory, name, architecture, musl); found.inode != kNone) return found;
      if (part.find("LIB") == std::string_view::npos) break;
    }
  }
  return {};
}

std::vector<std::string> Loader::default_directories(std::string_view architecture) const {
  const auto own = triplet(architecture);
  // Before /lib became a link, the C library lay below it.
  const auto has_libc = [&](std::string_view directory) {
    return tree_.resolve(fmt::format("{}/{}/libc.so.6", directory, own), true).has_value();
  };
  if (!own.empty() && (has_libc("usr/lib") || has_libc("lib"))) {
    return {fmt::format("/lib/{}", own), fmt::format("/usr/lib/{}", own), "/lib", "/usr/lib"};
  }
  if (!is_32_bit(architecture)) return {"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
  return {"/lib", "/usr/lib"};
}

Loader::Found Loader::search(const std::string& name, const std::vector<Loaded>& loaded, std::size_t by,
                             bool musl) const {
  const Loaded& object = loaded[by];
  const auto architecture = loaded[0].object->architecture;
  if (name.find('/') != std::string::npos) return name.starts_with('/') ? at(name, architecture) : Found{};
  const auto given = [&]() -> Found {
    for (const auto& directory : files_.library_path) {
      if (auto found = in_directory(directory, name, architecture, musl); found.inode != kNone) return found;
    }
    return {};
  };
  // What each says of the search, the object itself first, then what it was loaded for.
  const auto chain = [&](const auto& list_of) -> Found {
    for (std::size_t i = by; spend(); i = loaded[i].by) {
      const auto& list = list_of(*loaded[i].object);
      if (list) {
        if (auto found = in_list(*list, name, loaded[i], architecture, musl); found.inode != kNone) return found;
      }
      if (i == 0) break;
    }
    return {};
  };
  if (musl) {
    if (auto found = given(); found.inode != kNone) return found;
    const auto either = [](const ElfObject& o) { return o.dynamic.runpath ? o.dynamic.runpath : o.dynamic.rpath; };
    if (auto found = chain(either); found.inode != kNone) return found;
    const std::string_view path =
        files_.musl_path.empty() ? "/lib:/usr/local/lib:/usr/lib" : std::string_view(files_.musl_path);
    return in_list(path, name, object, architecture, musl);
  }
  if (!object.object->dynamic.runpath) {
    static const std::optional<std::string> kNothing;
    const auto rpath = [](const ElfObject& o) -> const std::optional<std::string>& {
      return o.dynamic.runpath ? kNothing : o.dynamic.rpath;
    };
    if (auto found = chain(rpath); found.inode != kNone) return found;
  }
  if (auto found = given(); found.inode != kNone) return found;
  if (object.object->dynamic.runpath) {
    if (auto found = in_list(*object.object->dynamic.runpath, name, object, architecture, musl); found.inode != kNone)
      return found;
  }
  if (auto found = in_cache(name, architecture); found.inode != kNone) return found;
  // Whatever program loads a library has brought its own loader, from a path of its own.
  if (is_glibc_loader(name)) {
    for (const std::string directory : {"/lib64/", "/lib/"}) {
      if (auto found = at(directory + name, architecture); found.inode != kNone) return found;
    }
  }
  if (object.object->dynamic.no_default_directories) return {};
  for (const auto& directory : default_directories(architecture)) {
    if (auto found = in_directory(directory, name, architecture, musl); found.inode != kNone) return found;
  }
  return {};
}

/// On Alpine the path of glibc's loader may be a link to musl's.
bool Loader::is_of_musl(const ElfObject& program) const {
  if (program.loader) {
    const auto found = walk_image_path(tree_, *program.loader);
    for (const auto& path : {*program.loader, found.link, found.place}) {
      if (path.find("/ld-musl-") != std::string::npos) return true;
    }
  }
  const auto& needed = program.dynamic.needed;
  return std::any_of(needed.begin(), needed.end(), [](const auto& name) { return name.starts_with("libc.musl-"); });
}

std::vector<Loader::Missing> Loader::missing(const std::string& path, InodeId inode, Reach reach) const {
  std::vector<Missing> out;
  const auto* program = programs_.elf(inode);
  if (program == nullptr || !program->dynamic.present) return out;
  const bool musl = is_of_musl(*program);
  std::vector<Loaded> loaded{{walk_image_path(tree_, path).place, program, 0}};
  std::map<std::string, std::size_t> names;  // what is loaded already, by each name that it has
  // The loader is there before all that it loads.
  if (program->loader && !program->loader->empty()) {
    const auto loader = walk_image_path(tree_, *program->loader);
    if (const auto* object = programs_.elf(loader.inode)) {
      names[std::string(name_of(*program->loader))] = loaded.size();
      if (!object->dynamic.soname.empty()) names.try_emplace(object->dynamic.soname, loaded.size());
      loaded.push_back({loader.place, object, 0});
    }
  }
  std::set<std::string> said;
  const auto within = [&](std::size_t i) { return i < loaded.size() && (i == 0 || reach == Reach::whole); };
  for (std::size_t i = 0; within(i) && loaded.size() < kMaxLoaded; ++i) {
    const auto* object = loaded[i].object;
    for (const auto& name : object->dynamic.needed) {
      if (!spend()) return {};
      if (names.contains(name) || said.contains(name) || (musl && is_part_of_musl(name))) continue;
      closed_.clear();
      const auto found = search(name, loaded, i, musl);
      if (spent_) return {};
      if (found.inode == kNone || !found.fault.empty()) {
        said.insert(name);
        out.push_back({name, "", loaded[i].place, "", found.inode == kNone ? closed_ : found.fault});
        continue;
      }
      if (!found.level.empty()) out.push_back({name, "", loaded[i].place, found.level, ""});
      names[name] = loaded.size();
      const auto* library = programs_.elf(found.inode);
      if (library == nullptr) {
        names[name] = 0;  // there, but nothing is known of it
        continue;
      }
      if (!library->dynamic.soname.empty()) names.try_emplace(library->dynamic.soname, loaded.size());
      loaded.push_back({found.place, library, i});
    }
  }
  if (musl) return out;
  std::map<std::string, std::size_t> too_old;  // of each library and kind of versions, where it is in `out`
  for (std::size_t i = 0; within(i); ++i) {
    const auto& object = loaded[i];
    for (const auto& need : object.object->needs) {
      if (!spend()) return {};
      const auto at = names.find(need.library);
      if (need.weak || at == names.end() || at->second == 0) continue;
      const auto& offers = loaded[at->second].object->offers;
      if (offers.empty() || std::binary_search(offers.begin(), offers.end(), need.version)) continue;
      const auto number = need.version.rfind('_') + 1;  // of GLIBC_2.38; of a name without any, 0
      const auto [first, added] = too_old.try_emplace(need.library + "/" + need.version.substr(0, number), out.size());
      if (added) {
        out.push_back({need.library, need.version, object.place, "", ""});
      } else if (auto& told = out[first->second]; is_older(told.version.substr(number), need.version.substr(number))) {
        told = {need.library, need.version, object.place, "", ""};
      }
    }
  }
  return out;
}

InodeId Loader::glibc(std::string_view architecture) const {
  for (const auto& directory : default_directories(architecture)) {
    if (const auto found = at(directory + "/libc.so.6", architecture); found.inode != kNone) return found.inode;
  }
  return kNone;
}

}  // namespace sifkit::check

// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/on_demand.h>

#include <cerrno>
#include <cstring>
#include <new>

#include <dlfcn.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

void* OnDemandLibrary::find(const char* function) {
  void* handle = handle_.load();
  if (handle == nullptr) {
    errno = 0;
    handle = ::dlopen(soname_, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      const bool lacked_memory = errno == ENOMEM;
      const char* const reason = ::dlerror();
      // The loader has no number for it, and not always a word. Its words are those of strerror(), in the C locale that the
      // program stays in.
      if (lacked_memory || reason == nullptr || std::strstr(reason, std::strerror(ENOMEM)) != nullptr) throw std::bad_alloc();
      throw Error(ErrorKind::not_found, fmt::format("cannot load {}: {}", soname_, reason), fmt::format("install it (on Debian: {})", package_));
    }
    handle_ = handle;  // another thread's is the same one
  }
  void* const address = ::dlsym(handle, function);
  if (address == nullptr) {
    throw Error(ErrorKind::not_found, fmt::format("{} is too old: it has no {}", soname_, function), fmt::format("install a newer one (on Debian: {})", package_));
  }
  return address;
}

}  // namespace sifkit

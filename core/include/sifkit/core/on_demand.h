// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include <sifkit/core/export.h>

namespace sifkit {

/// A shared library that is loaded at the first call of one of its functions. For those that few commands need and that
/// bring so many others that loading them takes longer than most commands do. Safe from several threads; never unloaded.
class SIFKIT_API OnDemandLibrary {
 public:
  /// Both are literals: the name that the loader looks for, and the Debian package it is in, for the error's hint.
  constexpr OnDemandLibrary(const char* soname, const char* package) noexcept : soname_(soname), package_(package) {}

  /// The address of a function. Throws `not_found` where the library, or the function in it, is missing.
  void* find(const char* function);

 private:
  const char* soname_;
  const char* package_;
  std::atomic<void*> handle_{nullptr};
};

/// What is called like a function of that signature. `Function::address()` says where it is, once.
template <class Function, class Signature>
struct OnDemandCall;

template <class Function, class Result, class... Parameters>
struct OnDemandCall<Function, Result(Parameters...)> {
  Result operator()(Parameters... parameters) const {
    static const auto target = reinterpret_cast<Result (*)(Parameters...)>(Function::address());
    return target(parameters...);
  }
};

template <class Function, class Result, class... Parameters>
struct OnDemandCall<Function, Result(Parameters..., ...)> {
  template <class... More>
  Result operator()(Parameters... parameters, More... more) const {
    static const auto target = reinterpret_cast<Result (*)(Parameters..., ...)>(Function::address());
    return target(parameters..., more...);
  }
};

}  // namespace sifkit

/// Declares, in the namespace where it stands, an object that is called like the C function of that name and hides it.
/// The function is found in `library` at the first call. Its header must have been included. A program that has everything
/// linked in (SIFKIT_PORTABLE) calls the function itself.
#ifdef SIFKIT_LINKED_ON_DEMAND
#define SIFKIT_ON_DEMAND(library, function) using ::function
#else
#define SIFKIT_ON_DEMAND(library, function)                                                             \
  struct function##_on_demand : ::sifkit::OnDemandCall<function##_on_demand, decltype(::function)> { \
    static void* address() { return library.find(#function); }                                          \
  };                                                                                                    \
  inline constexpr function##_on_demand function {}
#endif

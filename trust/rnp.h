// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <rnp/rnp_err.h>

#include <sifkit/core/bytes.h>
#include <sifkit/core/crypto.h>
#include <sifkit/core/error.h>
#include <sifkit/core/freed_by.h>
#include <sifkit/core/secret.h>

#include "armor.h"
#include "rnp_functions.h"

/// librnp's handles with owners, and its results as errors.
namespace sifkit::trust::rnp {

template <class Handle, auto function>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, FreedBy<function>>;

using Ffi = Owned<rnp_ffi_t, rnp_ffi_destroy>;
using Input = Owned<rnp_input_t, rnp_input_destroy>;
using Output = Owned<rnp_output_t, rnp_output_destroy>;
using Key = Owned<rnp_key_handle_t, rnp_key_handle_destroy>;

/// The library gives many names to a lack of memory: a bad key, no key, a bad state. Whoever comes to a verdict by it begins
/// with the former and ends with the latter, which throws std::bad_alloc where an allocation has failed in between.
inline void expect_memory() noexcept { errno = 0; }
inline void require_memory() {
  if (errno == ENOMEM) throw std::bad_alloc();
}

inline void check(rnp_result_t result, std::string_view what) {
  if (result == RNP_SUCCESS) return;
  require_memory();
  if (result == RNP_ERROR_OUT_OF_MEMORY) throw std::bad_alloc();
  const auto kind = result == RNP_ERROR_RNG ? ErrorKind::io : ErrorKind::malformed;  // no random numbers: the system's
  throw Error(kind, fmt::format("{}: {}", what, rnp_result_to_string(result)));
}

/// The library without keys.
inline Ffi engine() {
  rnp_ffi_t ffi = nullptr;
  // Where librnp uses OpenSSL, it unloads what it has loaded of it: prepared before, OpenSSL keeps the rest.
  prepare_crypto();
  expect_memory();
  check(rnp_ffi_create(&ffi, "GPG", "GPG"), "start OpenPGP");
  return Ffi(ffi);
}

/// Packets as librnp cannot misread them: it takes binary ones for armored text where they hold the beginning of some.
class ArmoredInput {
 public:
  ArmoredInput(ByteView packets, std::string_view label) : text_(write_armor(packets, label)) {
    rnp_input_t input = nullptr;
    check(rnp_input_from_memory(&input, reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size(), false), "OpenPGP data");
    input_.reset(input);
  }
  ~ArmoredInput() { wipe(text_); }
  ArmoredInput(const ArmoredInput&) = delete;
  ArmoredInput& operator=(const ArmoredInput&) = delete;

  rnp_input_t get() const noexcept { return input_.get(); }

 private:
  std::string text_;
  Input input_;
};

inline Output memory_output() {
  rnp_output_t output = nullptr;
  check(rnp_output_to_memory(&output, 0), "OpenPGP output");
  return Output(output);
}

inline std::string bytes_of(const Output& output) {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  check(rnp_output_memory_get_buf(output.get(), &bytes, &size, false), "OpenPGP output");
  return {reinterpret_cast<const char*>(bytes), size};
}

inline Key located(rnp_ffi_t ffi, const std::string& fingerprint) {
  rnp_key_handle_t key = nullptr;
  rnp_locate_key(ffi, "fingerprint", fingerprint.c_str(), &key);
  return Key(key);
}

}  // namespace sifkit::trust::rnp

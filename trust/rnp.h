// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <rnp/rnp_err.h>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/freed_by.h>

#include "rnp_functions.h"

/// librnp's handles with owners, and its results as errors.
namespace sifkit::trust::rnp {

template <class Handle, auto function>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, FreedBy<function>>;

using Ffi = Owned<rnp_ffi_t, rnp_ffi_destroy>;
using Input = Owned<rnp_input_t, rnp_input_destroy>;
using Output = Owned<rnp_output_t, rnp_output_destroy>;
using Key = Owned<rnp_key_handle_t, rnp_key_handle_destroy>;
using VerifyOp = Owned<rnp_op_verify_t, rnp_op_verify_destroy>;
using SignOp = Owned<rnp_op_sign_t, rnp_op_sign_destroy>;
using SignatureHandle = Owned<rnp_signature_handle_t, rnp_signature_handle_destroy>;
using KeyIterator = Owned<rnp_identifier_iterator_t, rnp_identifier_iterator_destroy>;

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
  expect_memory();
  check(rnp_ffi_create(&ffi, "GPG", "GPG"), "start OpenPGP");
  return Ffi(ffi);
}

inline const std::uint8_t* octets(ByteView bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

inline Input input_over(ByteView bytes) {
  rnp_input_t input = nullptr;
  check(rnp_input_from_memory(&input, octets(bytes), bytes.size(), false), "OpenPGP data");
  return Input(input);
}

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

inline std::string taken(char* text) {
  std::string out = text == nullptr ? "" : text;
  rnp_buffer_destroy(text);
  return out;
}

/// Of the primary key, upper-case hex.
inline std::string fingerprint_of(rnp_key_handle_t key) {
  char* text = nullptr;
  bool sub = false;
  rnp_key_is_sub(key, &sub);
  const auto result = sub ? rnp_key_get_primary_fprint(key, &text) : rnp_key_get_fprint(key, &text);
  if (result != RNP_SUCCESS) return {};
  std::string out = taken(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

/// Of the key itself.
inline std::string own_fingerprint_of(rnp_key_handle_t key) {
  char* text = nullptr;
  return rnp_key_get_fprint(key, &text) == RNP_SUCCESS ? taken(text) : std::string();
}

inline Key located(rnp_ffi_t ffi, const std::string& fingerprint) {
  rnp_key_handle_t key = nullptr;
  rnp_locate_key(ffi, "fingerprint", fingerprint.c_str(), &key);
  return Key(key);
}

/// GnuPG writes secret keys without their secret, too. Where it is then; empty for a whole key.
inline std::string_view secret_elsewhere(rnp_key_handle_t key) {
  char* text = nullptr;
  const std::string kind = rnp_key_get_protection_type(key, &text) == RNP_SUCCESS ? taken(text) : std::string();
  return kind == "GPG-Smartcard" ? "on a smartcard, which is not asked" : kind == "GPG-None" ? "left out" : "";
}

/// Bytes from the key.
inline std::string user_of(rnp_key_handle_t key) {
  char* text = nullptr;
  return rnp_key_get_primary_uid(key, &text) == RNP_SUCCESS ? taken(text) : std::string();
}

}  // namespace sifkit::trust::rnp

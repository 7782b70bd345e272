// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <cstdlib>
#include <cstring>
#include <system_error>

#include <sifkit/records/error.h>

namespace sifkit::capi {

namespace {

/// Made before it is needed, and freed by nobody.
sifkit_error* out_of_memory() noexcept {
  static sifkit_error error{ErrorKind::limit, "out of memory", "", R"({"context":[],"exit_code":10,"hint":null,"kind":"limit","message":"out of memory","schema":"sifkit/error/v1"})"};
  return &error;
}
[[maybe_unused]] const sifkit_error* const made_early = out_of_memory();

}  // namespace

int tell(sifkit_error** error, const Error& what) noexcept {
  if (error != nullptr) {
    try {
      const auto hint = what.hint().text();
      *error = new sifkit_error{what.kind(), what.what(), hint, records::record_text(records::error_record(what, hint), -1)};
    } catch (...) {
      *error = out_of_memory();
    }
  }
  return exit_code(what.kind());
}

int tell_current(sifkit_error** error) noexcept {
  try {
    try {
      throw;
    } catch (const Error& known) {
      return tell(error, known);
    } catch (const std::bad_alloc&) {
    } catch (const std::system_error& other) {
      return tell(error, Error(ErrorKind::io, other.what(), "the limits on threads or open files are too low"));
    } catch (const std::exception& other) {
      return tell(error, Error(ErrorKind::internal, other.what()));
    }
  } catch (...) {
  }
  if (error != nullptr) *error = out_of_memory();
  return exit_code(ErrorKind::limit);
}

void require(const void* argument, std::string_view name) {
  if (argument == nullptr) throw Error(ErrorKind::usage, std::string(name) + " is a null pointer");
}

void give(std::string_view bytes, char** to) {
  if (to == nullptr) return;
  auto* const copy = static_cast<char*>(std::malloc(bytes.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  if (!bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
  copy[bytes.size()] = '\0';
  *to = copy;
}

}  // namespace sifkit::capi

// As sifkit.h declares them: functions of the global namespace, which the library shows.
using namespace sifkit;
using namespace sifkit::capi;

extern "C" {

const char* sifkit_error_kind(const sifkit_error* error) { return error == nullptr ? "" : to_string(error->kind).data(); }
int sifkit_error_exit_code(const sifkit_error* error) { return error == nullptr ? 0 : exit_code(error->kind); }
const char* sifkit_error_message(const sifkit_error* error) { return error == nullptr ? "" : error->message.c_str(); }
const char* sifkit_error_hint(const sifkit_error* error) { return error == nullptr ? "" : error->hint.c_str(); }
const char* sifkit_error_json(const sifkit_error* error) { return error == nullptr ? "" : error->json.c_str(); }

void sifkit_error_free(sifkit_error* error) {
  if (error != out_of_memory()) delete error;
}

void sifkit_free(void* memory) { std::free(memory); }

}  // extern "C"

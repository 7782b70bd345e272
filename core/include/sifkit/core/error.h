// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/hint.h>

namespace sifkit {

/// What went wrong, named for what the caller can do about it. Every kind has an exit code of its own.
enum class ErrorKind : std::uint8_t {
  usage,           ///< bad flag, bad reference, contradictory options
  not_found,       ///< no such file, image, tag or object
  exists,          ///< the target is there and replacing it was not asked for
  io,              ///< the system refused; the message carries errno's text
  no_space,        ///< disk full or over quota
  malformed,       ///< the input breaks its own format
  integrity,       ///< digest, size or diff_id mismatch
  unsupported,     ///< well formed, but not handled
  limit,           ///< over a stated limit
  denied,          ///< authentication or authorization refused
  network,         ///< unreachable, timed out, rate limited
  unsigned_image,  ///< nothing signs what was asked for
  untrusted,       ///< signed, but by no key that is trusted
  tampered,        ///< signed data does not match
  internal,        ///< a bug in this library
  cancelled,       ///< stopped on request (SIGINT, SIGTERM)
};

/// The word for a kind as it stands in JSON output, for example "no_space".
SIFKIT_API std::string_view to_string(ErrorKind kind) noexcept;

/// The process exit code for a kind (documented in sifkit(1)).
SIFKIT_API int exit_code(ErrorKind kind) noexcept;

/// The one exception type of the library.
///
/// `message()` says what was expected and what was found, in lower case and without a full stop. Context frames name
/// the place, outermost last added; `what()` joins them with the message. A hint tells the user what to do.
/// Values are immutable but for `add_context` and `set_hint`; an object belongs to one thread at a time.
class SIFKIT_API Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message, Hint hint = {});

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& message() const noexcept { return message_; }
  const Hint& hint() const noexcept { return hint_; }

  /// The frames, outermost first.
  const std::vector<std::string>& context() const noexcept { return context_; }

  /// Puts `frame` in front of everything known so far.
  void add_context(std::string frame);

  void set_hint(Hint hint) { hint_ = std::move(hint); }

  /// "outer: inner: message", without the hint.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  void render();

  ErrorKind kind_;
  std::string message_;
  Hint hint_;
  std::vector<std::string> context_;
  std::string text_;
};

/// Throws what errno says: `no_space` for ENOSPC and EDQUOT, `not_found` for ENOENT, `denied` for EACCES and EPERM,
/// `io` otherwise. `what` reads like "open 'x.tar'". errno is taken before anything else runs.
[[noreturn]] SIFKIT_API void throw_errno(std::string_view what);

/// The same for an error number that was saved earlier.
[[noreturn]] SIFKIT_API void throw_errno(std::string_view what, int error_number);

/// Runs `body`; an Error that leaves it carries the text of `frame()` as one more context frame.
template <class Frame, class Body>
auto in_context(Frame&& frame, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (Error& error) {
    error.add_context(frame());
    throw;
  }
}

/// Escapes bytes that would disturb a terminal (C style, `\x1b`) and cuts after `limit` bytes.
SIFKIT_API std::string printable(std::string_view text, std::size_t limit = 256);

/// `printable` between single quotes.
SIFKIT_API std::string in_quotes(std::string_view text);

}  // namespace sifkit

/// An invariant of the library. Its failure is a bug, reported as ErrorKind::internal.
#define SIFKIT_CHECK(condition)                                                                      \
  do {                                                                                               \
    if (!(condition)) throw ::sifkit::Error(::sifkit::ErrorKind::internal, "check failed: " #condition); \
  } while (false)

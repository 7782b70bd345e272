// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/error.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace sifkit {

namespace {

struct KindFacts {
  std::string_view name;
  int exit_code;
};

constexpr KindFacts kKinds[] = {
    {"usage", 2},      {"not_found", 3},   {"exists", 4}, {"io", 5},       {"no_space", 6}, {"malformed", 7},
    {"integrity", 8},  {"unsupported", 9}, {"limit", 10}, {"denied", 11},  {"network", 12}, {"unsigned", 13},
    {"untrusted", 14}, {"tampered", 15},   {"internal", 70}, {"cancelled", 130},
};

const KindFacts& facts(ErrorKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }

}  // namespace

std::string_view to_string(ErrorKind kind) noexcept { return facts(kind).name; }

int exit_code(ErrorKind kind) noexcept { return facts(kind).exit_code; }

Error::Error(ErrorKind kind, std::string message, Hint hint)
    : kind_(kind), message_(std::move(message)), hint_(std::move(hint)) {
  render();
}

void Error::add_context(std::string frame) {
  context_.insert(context_.begin(), std::move(frame));
  render();
}

void Error::render() {
  text_.clear();
  for (const auto& frame : context_) text_.append(frame).append(": ");
  text_.append(message_);
}

void throw_errno(std::string_view what) {
  const int error_number = errno;
  throw_errno(what, error_number);
}

void throw_errno(std::string_view what, int error_number) {
  ErrorKind kind = ErrorKind::io;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: kind = ErrorKind::no_space; break;
    case ENOENT: kind = ErrorKind::not_found; break;
    case EACCES:
    case EPERM: kind = ErrorKind::denied; break;
    default: break;
  }
  std::string text = std::generic_category().message(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z' && text.size() > 1 && text[1] >= 'a') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  Hint hint;
  switch (error_number) {
    case EFBIG: hint = "the file system, or what the job may write (ulimit -f), sets this bound"; break;
    case EMFILE: hint = "the job may not have so many files open (ulimit -n)"; break;
    default: break;
  }
  throw Error(kind, std::string(what) + ": " + text, std::move(hint));
}

std::string printable(std::string_view text, std::size_t limit) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  std::size_t used = 0;
  for (const char c : text) {
    if (used++ == limit) {
      out += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

}  // namespace sifkit

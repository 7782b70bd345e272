// SPDX-License-Identifier: Apache-2.0
#include "support/file_faults.h"

#include <cerrno>
#include <csignal>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace sifkit::testing {

namespace {

/// Tests that use it do so from one thread; the others only pass through while it is off.
struct State {
  bool active = false;
  std::size_t calls = 0;
  std::size_t fault = 0;
  bool dies = false;
  FileFaults::Moment moment = FileFaults::Moment::before;
  int error_number = 0;
  bool lasting = false;
  std::vector<FileFaults::Operation> operations;
};

State& state() {
  static State instance;
  return instance;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool counting() { return state().active; }

void die() { ::kill(::getpid(), SIGKILL); }

/// A part of a write, up to the end of a sector: nothing smaller is ever torn.
size_t part_of(size_t size, off_t offset) {
  const auto end = (static_cast<size_t>(offset) + size / 2) / 512 * 512;
  return end > static_cast<size_t>(offset) ? end - static_cast<size_t>(offset) : 0;
}

/// `half` does a part of what `whole` does.
template <class Whole, class Half>
auto through(Whole&& whole, Half&& half) -> decltype(whole()) {
  auto& now = state();
  if (!now.active) return whole();
  ++now.calls;
  const bool here = now.fault != 0 && (now.calls == now.fault || (now.lasting && now.calls > now.fault));
  if (!here) return whole();
  if (!now.dies) {
    errno = now.error_number;
    return -1;
  }
  if (now.moment == FileFaults::Moment::halfway) half();
  if (now.moment == FileFaults::Moment::after) whole();
  die();
  return -1;
}

void record(FileFaults::Operation::Kind kind, std::uint64_t offset = 0, std::string bytes = {}) {
  if (state().active) state().operations.push_back({kind, offset, std::move(bytes)});
}

}  // namespace

FileFaults::FileFaults() {
  state() = State{};
  state().active = true;
}

FileFaults::~FileFaults() { state() = State{}; }

void FileFaults::fail_at(std::size_t call, int error_number, bool lasting) {
  state().fault = call;
  state().dies = false;
  state().error_number = error_number;
  state().lasting = lasting;
}

void FileFaults::die_at(std::size_t call, Moment moment) {
  state().fault = call;
  state().dies = true;
  state().moment = moment;
}

bool FileFaults::reached() const { return state().calls >= state().fault; }

const std::vector<FileFaults::Operation>& FileFaults::operations() const { return state().operations; }

}  // namespace sifkit::testing

using sifkit::testing::next;
using sifkit::testing::part_of;
using sifkit::testing::record;
using sifkit::testing::through;
using Kind = sifkit::testing::FileFaults::Operation::Kind;

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  static const auto real = next<decltype(pwrite)>("pwrite");
  const auto put = through([&] { return real(fd, bytes, size, offset); }, [&] { real(fd, bytes, part_of(size, offset), offset); });
  if (put > 0) record(Kind::write, static_cast<std::uint64_t>(offset), {static_cast<const char*>(bytes), static_cast<std::size_t>(put)});
  return put;
}

int fsync(int fd) {
  static const auto real = next<decltype(fsync)>("fsync");
  // A test does not wait for a disk.
  const int result = through([&] { return sifkit::testing::counting() ? 0 : real(fd); }, [] {});
  if (result == 0) record(Kind::sync);
  return result;
}

int ftruncate(int fd, off_t length) noexcept {
  static const auto real = next<decltype(ftruncate)>("ftruncate");
  const int result = through([&] { return real(fd, length); }, [] {});
  if (result == 0) record(Kind::truncate, static_cast<std::uint64_t>(length));
  return result;
}

ssize_t copy_file_range(int from, off64_t* in, int to, off64_t* out, size_t size, unsigned flags) {
  static const auto real = next<decltype(copy_file_range)>("copy_file_range");
  return through([&] { return real(from, in, to, out, size, flags); }, [&] { real(from, in, to, out, size / 2, flags); });
}

int linkat(int from_directory, const char* from, int to_directory, const char* to, int flags) noexcept {
  static const auto real = next<decltype(linkat)>("linkat");
  return through([&] { return real(from_directory, from, to_directory, to, flags); }, [] {});
}

int renameat(int from_directory, const char* from, int to_directory, const char* to) noexcept {
  static const auto real = next<decltype(renameat)>("renameat");
  return through([&] { return real(from_directory, from, to_directory, to); }, [] {});
}
}

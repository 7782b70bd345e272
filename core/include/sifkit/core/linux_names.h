// SPDX-License-Identifier: Apache-2.0
#pragma once

// Names of Linux that glibc has and musl, or a glibc before 2.30, lacks, so that sources are the same for all. The numbers
// are the kernel's.

#include <cstdint>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
inline constexpr unsigned RENAME_NOREPLACE = 1;
inline constexpr unsigned RENAME_EXCHANGE = 2;

inline int renameat2(int from, const char* old_name, int to, const char* new_name, unsigned flags) noexcept {
  return static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, flags));
}
#endif

#ifdef __GLIBC__
#define SIFKIT_OLD_GLIBC !__GLIBC_PREREQ(2, 30)
#else
#define SIFKIT_OLD_GLIBC 0
#endif
#if SIFKIT_OLD_GLIBC
#include <linux/stat.h>

inline ssize_t copy_file_range(int from, off64_t* in, int to, off64_t* out, std::size_t size, unsigned flags) noexcept {
  return ::syscall(SYS_copy_file_range, from, in, to, out, size, flags);
}
inline ssize_t getdents64(int directory, void* entries, std::size_t size) noexcept {
  return ::syscall(SYS_getdents64, directory, entries, size);
}
inline ssize_t getrandom(void* into, std::size_t size, unsigned flags) noexcept {
  return ::syscall(SYS_getrandom, into, size, flags);
}
inline int statx(int directory, const char* path, int flags, unsigned mask, struct statx* status) noexcept {
  return static_cast<int>(::syscall(SYS_statx, directory, path, flags, mask, status));
}
#else
#include <sys/random.h>
#endif

#ifndef STATX_ATTR_IMMUTABLE
inline constexpr unsigned STATX_ATTR_IMMUTABLE = 0x10;
inline constexpr unsigned STATX_ATTR_APPEND = 0x20;
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
inline constexpr unsigned STATX_ATTR_MOUNT_ROOT = 0x2000;
#endif

// SPDX-License-Identifier: Apache-2.0
#pragma once

// Names of Linux that glibc has and musl lacks, so that sources are the same for both. The numbers are the kernel's.

#include <cstdio>

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

#ifndef STATX_ATTR_IMMUTABLE
inline constexpr unsigned STATX_ATTR_IMMUTABLE = 0x10;
inline constexpr unsigned STATX_ATTR_APPEND = 0x20;
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
inline constexpr unsigned STATX_ATTR_MOUNT_ROOT = 0x2000;
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into the program by tests: makes one call to the C library fail. SIFKIT_FAULT is CALL:N:WHAT, where N counts
 * from 1 over all threads and WHAT is an error number, "short" (a part of the bytes only) or "sigN" (a signal, then the
 * call as usual). SIFKIT_NO_TMPFILE makes files without a name impossible, SIFKIT_NO_LINKS hard links, as on some file
 * systems. SIFKIT_UNLINKAT is
 * "vague" (of a directory that is not empty nothing is said but EPERM, as over SFTP) or "stuck" (no call comes back). With
 * SIFKIT_LINKS_FOLLOWED what is set on a link is set on what it leads to, as over SFTP. SIFKIT_FLOCK is the error number
 * of every flock, as on file systems that have no locks. With SIFKIT_NO_THREADS there are none to be had.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kPass = 0, kShort = -1 };

/* An error number, kPass or kShort. */
static int fault(const char* call) {
  static atomic_long calls;
  const char* wanted = getenv("SIFKIT_FAULT");
  const size_t length = strlen(call);
  if (wanted == NULL || strncmp(wanted, call, length) != 0 || wanted[length] != ':') return kPass;
  char* rest;
  const long n = strtol(wanted + length + 1, &rest, 10);
  if (atomic_fetch_add(&calls, 1) + 1 != n) return kPass;
  ++rest;
  if (strcmp(rest, "short") == 0) return kShort;
  if (strncmp(rest, "sig", 3) == 0) {
    kill(getpid(), atoi(rest + 3));
    const struct timespec pause = {0, 20 * 1000 * 1000}; /* for the thread that waits for signals */
    nanosleep(&pause, NULL);
    return kPass;
  }
  return atoi(rest);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(name)                  \
  const int error = fault(#name);   \
  if (error > 0) {                  \
    errno = error;                  \
    return -1;                      \
  }

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  FAIL(pwrite)
  return REAL(pwrite)(fd, bytes, error == kShort ? (size + 1) / 2 : size, at);
}

ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  FAIL(pread)
  return REAL(pread)(fd, bytes, error == kShort ? (size + 1) / 2 : size, at);
}

int fsync(int fd) {
  FAIL(fsync)
  return REAL(fsync)(fd);
}

int syncfs(int fd) {
  FAIL(syncfs)
  return REAL(syncfs)(fd);
}

ssize_t getrandom(void* bytes, size_t size, unsigned flags) {
  FAIL(getrandom)
  return REAL(getrandom)(bytes, size, flags);
}

int ftruncate(int fd, off_t size) {
  FAIL(ftruncate)
  return REAL(ftruncate)(fd, size);
}

int linkat(int from, const char* old, int to, const char* name, int flags) {
  if (getenv("SIFKIT_NO_LINKS") != NULL) {
    errno = EPERM;
    return -1;
  }
  FAIL(linkat)
  return REAL(linkat)(from, old, to, name, flags);
}

int renameat(int from, const char* old, int to, const char* name) {
  FAIL(renameat)
  return REAL(renameat)(from, old, to, name);
}

int renameat2(int from, const char* old, int to, const char* name, unsigned flags) {
  FAIL(renameat2)
  return REAL(renameat2)(from, old, to, name, flags);
}

int rename(const char* old, const char* name) {
  FAIL(rename)
  return REAL(rename)(old, name);
}

int mkdir(const char* path, mode_t mode) {
  FAIL(mkdir)
  return REAL(mkdir)(path, mode);
}

int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_TMPFILE) == O_TMPFILE && getenv("SIFKIT_NO_TMPFILE") != NULL) {
    errno = EOPNOTSUPP;
    return -1;
  }
  FAIL(openat)
  return REAL(openat)(directory, path, flags, mode);
}

int flock(int fd, int operation) {
  const char* error = getenv("SIFKIT_FLOCK");
  if (error == NULL) return REAL(flock)(fd, operation);
  errno = atoi(error);
  return -1;
}

int unlinkat(int directory, const char* path, int flags) {
  const char* mode = getenv("SIFKIT_UNLINKAT");
  while (mode != NULL && strcmp(mode, "stuck") == 0) pause();
  const int result = REAL(unlinkat)(directory, path, flags);
  if (result != 0 && errno == ENOTEMPTY && mode != NULL) errno = EPERM;
  return result;
}

int utimensat(int directory, const char* path, const struct timespec times[2], int flags) {
  return REAL(utimensat)(directory, path, times, getenv("SIFKIT_LINKS_FOLLOWED") != NULL ? flags & ~AT_SYMLINK_NOFOLLOW : flags);
}

int lchown(const char* path, uid_t user, gid_t group) {
  return getenv("SIFKIT_LINKS_FOLLOWED") != NULL ? chown(path, user, group) : REAL(lchown)(path, user, group);
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  if (getenv("SIFKIT_NO_THREADS") != NULL) return EAGAIN;
  const int error = fault("pthread_create");
  return error > 0 ? error : REAL(pthread_create)(thread, attributes, start, argument);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into the program by tests: makes memory run out. SIFKIT_MALLOC_FAULT is N, for the N-th allocation of the
 * process alone, or "N+", for that one and all after it. N counts from 1, over all threads, from main on: before, the
 * libraries set themselves up. A process that ends by itself writes how many it asked for to the file SIFKIT_MALLOC_COUNT.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* dlsym allocates; glibc has these names for it. */
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static atomic_bool counting;
static atomic_long asked;
static long first = LONG_MAX;
static bool all_after;

static bool fails(void) {
  if (!atomic_load(&counting)) return false;
  const long n = atomic_fetch_add(&asked, 1) + 1;
  if (n != first && !(n > first && all_after)) return false;
  errno = ENOMEM;
  return true;
}

typedef int Main(int, char**, char**);
static Main* real_main;

static int counted_main(int argc, char** argv, char** environment) {
  const char* fault = getenv("SIFKIT_MALLOC_FAULT");
  char* rest = NULL;
  if (fault != NULL) first = strtol(fault, &rest, 10);
  all_after = rest != NULL && *rest == '+';
  atomic_store(&counting, true);
  return real_main(argc, argv, environment);
}

typedef int Start(Main*, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);

int __libc_start_main(Main* program, int argc, char** argv, void (*init)(void), void (*fini)(void), void (*rtld_fini)(void), void* stack_end) {
  real_main = program;
  return ((Start*)dlsym(RTLD_NEXT, "__libc_start_main"))(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }

void* calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }

void* realloc(void* old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }

void* memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** into, size_t alignment, size_t size) {
  void* got = memalign(alignment, size);
  if (got == NULL) return ENOMEM;
  *into = got;
  return 0;
}

__attribute__((destructor)) static void tell(void) {
  const char* path = getenv("SIFKIT_MALLOC_COUNT");
  const long total = atomic_load(&asked);
  atomic_store(&counting, false);
  FILE* file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld\n", total);
  fclose(file);
}

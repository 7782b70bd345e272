/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIFKIT_TESTS_CAPI_CHECKS_H
#define SIFKIT_TESTS_CAPI_CHECKS_H

/* What the C programs of these tests check with. Each includes it once. */

#include <sifkit.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

static void check(int good, const char *what, int line) {
  if (good) return;
  fprintf(stderr, "line %d: not so: %s\n", line, what);
  ++failures;
}
#define CHECK(condition) check((condition) != 0, #condition, __LINE__)

static void check_text(const char *found, const char *expected, int line) {
  if (found != NULL && strcmp(found, expected) == 0) return;
  fprintf(stderr, "line %d: expected \"%s\", found \"%s\"\n", line, expected, found == NULL ? "(null)" : found);
  ++failures;
}
#define CHECK_TEXT(found, expected) check_text(found, expected, __LINE__)

static void check_has(const char *text, const char *part, int line) {
  if (text != NULL && strstr(text, part) != NULL) return;
  fprintf(stderr, "line %d: no \"%s\" in \"%s\"\n", line, part, text == NULL ? "(null)" : text);
  ++failures;
}
#define CHECK_HAS(text, part) check_has(text, part, __LINE__)

/* The code, kind and message of a failure, all of them. */
static void check_error(int code, sifkit_error *error, int expected, const char *kind, const char *message, int line) {
  if (code != expected || error == NULL) {
    fprintf(stderr, "line %d: expected exit code %d, found %d (%s)\n", line, expected, code, sifkit_error_message(error));
    ++failures;
  }
  check(sifkit_error_exit_code(error) == expected, "the error has the exit code", line);
  check_text(sifkit_error_kind(error), kind, line);
  check_text(sifkit_error_message(error), message, line);
  sifkit_error_free(error);
}
#define CHECK_ERROR(call, expected, kind, message)                    \
  do {                                                                \
    sifkit_error *error = NULL;                                       \
    const int code_ = call;                                           \
    check_error(code_, error, expected, kind, message, __LINE__);     \
  } while (0)

static void check_success(int code, sifkit_error *error, int line) {
  if (code == 0 && error == NULL) return;
  fprintf(stderr, "line %d: failed with %d: %s\n", line, code, sifkit_error_message(error));
  ++failures;
  sifkit_error_free(error);
}
#define CHECK_SUCCESS(call)                                           \
  do {                                                                \
    sifkit_error *error = NULL;                                       \
    const int code_ = call;                                           \
    check_success(code_, error, __LINE__);                            \
  } while (0)

static char *path_of(const char *directory, const char *name) {
  char *path = malloc(strlen(directory) + strlen(name) + 2);
  if (path == NULL) abort();
  sprintf(path, "%s/%s", directory, name);
  return path;
}

static char *message_with(const char *format, const char *path) {
  char *text = malloc(strlen(format) + strlen(path) + 1);
  if (text == NULL) abort();
  sprintf(text, format, path);
  return text;
}

static void set(sifkit_options *options, const char *name, const char *value) {
  CHECK_SUCCESS(sifkit_options_set(options, name, value, &error));
}

#endif

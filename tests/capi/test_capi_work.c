/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface as a C program uses it: copies, checks, compares, lists packages, and stops from another thread.
 *
 * test_capi_work DIRECTORY ARCHIVE OTHER
 *   DIRECTORY is empty and may be written; ARCHIVE is a tar of a root file system with /etc/motd ("hello\n"), OTHER one
 *   where that has other bytes. */
#include "checks.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static char *with_scheme(const char *scheme, const char *path) {
  char *text = malloc(strlen(scheme) + strlen(path) + 1);
  if (text == NULL) abort();
  sprintf(text, "%s%s", scheme, path);
  return text;
}

static void test_copy(const char *directory, const char *image) {
  sifkit_options *options = sifkit_options_new();
  char *path = path_of(directory, "app.oci.tar");
  char *target = with_scheme("oci-archive:", path);
  char *text = message_with("'%s' exists", path);
  char *record = NULL;
  CHECK_SUCCESS(sifkit_copy(image, target, NULL, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/copy/v1\"");
  CHECK_HAS(record, "\"layers\":1,");
  CHECK_HAS(record, "\"manifest_digest\":\"sha256:");
  sifkit_free(record);
  CHECK_ERROR(sifkit_copy(image, target, NULL, NULL, &error), 4, "exists", text);
  set(options, "force", NULL);
  CHECK_SUCCESS(sifkit_copy(image, target, options, NULL, &error));
  set(options, "all", NULL);
  { /* as it is, so its index stays */
    char *again = with_scheme(target, ".copy");
    CHECK_SUCCESS(sifkit_copy(target, again, options, &record, &error));
    CHECK_HAS(record, "\"images\":1,");
    CHECK_HAS(record, "\"config_digest\":null");
    sifkit_free(record);
    set(options, "compress", "zstd");
    CHECK_ERROR(sifkit_copy(target, again, options, NULL, &error), 2, "usage",
                "all copies every image as it is: compress cannot be combined with it");
    free(again);
  }
  CHECK_ERROR(sifkit_copy(image, "app.sif", NULL, &record, &error), 2, "usage",
              "'app.sif': expected docker://NAME, docker-daemon:NAME, oci:DIR, oci-archive:FILE or docker-archive:FILE");
  CHECK(record == NULL);
  CHECK_ERROR(sifkit_copy(NULL, target, NULL, NULL, &error), 2, "usage", "source is a null pointer");
  CHECK_ERROR(sifkit_copy(image, NULL, NULL, NULL, &error), 2, "usage", "target is a null pointer");
  sifkit_options_free(options);
  free(text);
  free(target);
  free(path);
}

static void test_findings(const char *image, const char *archive, const char *other) {
  sifkit_options *options = sifkit_options_new();
  char *record = NULL;
  CHECK_SUCCESS(sifkit_check(image, NULL, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/check/v1\"");
  CHECK_HAS(record, "\"findings\":[");
  sifkit_free(record);
  CHECK_ERROR(sifkit_options_set(options, "glibc", "two", &error), 2, "usage",
              "option 'glibc': expected a version such as 2.28, got 'two'");
  set(options, "glibc", "2.28");
  set(options, "for", "linux/arm64");
  set(options, "deep", NULL);
  CHECK_SUCCESS(sifkit_check(image, options, &record, &error));
  sifkit_free(record);

  CHECK_SUCCESS(sifkit_diff(archive, image, NULL, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/diff/v1\"");
  CHECK_HAS(record, "\"equal\":true");
  CHECK_HAS(record, "\"packages\":[]");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_diff(archive, other, options, &record, &error));
  CHECK_HAS(record, "\"equal\":false");
  CHECK_HAS(record, "\"path\":\"/etc/motd\"");
  CHECK_HAS(record, "\"packages\":[]");
  sifkit_free(record);
  set(options, "ignore", "etc/motd");
  CHECK_SUCCESS(sifkit_diff(archive, other, options, &record, &error));
  CHECK_HAS(record, "\"equal\":true");
  sifkit_free(record);
  CHECK_ERROR(sifkit_diff(archive, NULL, NULL, &record, &error), 2, "usage", "second is a null pointer");

  CHECK_SUCCESS(sifkit_sbom(image, NULL, &record, &error));
  CHECK_HAS(record, "\"spdxVersion\": \"SPDX-2.3\"");
  CHECK_HAS(record, "\"name\": \"app\"");
  sifkit_free(record);
  set(options, "format", "cyclonedx");
  set(options, "name", "mine");
  CHECK_SUCCESS(sifkit_sbom(image, options, &record, &error));
  CHECK_HAS(record, "\"bomFormat\": \"CycloneDX\"");
  CHECK_HAS(record, "\"name\": \"mine\"");
  sifkit_free(record);
  { /* what is not a format of a function does not pass for it */
    char *build = with_scheme(image, ".other");
    CHECK_ERROR(sifkit_build(build, archive, options, NULL, &error), 2, "usage",
                "option 'format': expected sif or squashfs or sandbox, got 'cyclonedx'");
    CHECK(access(build, F_OK) != 0);
    free(build);
    set(options, "format", "squashfs");
    CHECK_ERROR(sifkit_sbom(image, options, &record, &error), 2, "usage",
                "option 'format': expected spdx or cyclonedx, got 'squashfs'");
    CHECK(record == NULL);
  }
  CHECK_ERROR(sifkit_sbom(image, NULL, NULL, &error), 2, "usage", "document is a null pointer");
  CHECK_ERROR(sifkit_check(NULL, NULL, NULL, &error), 2, "usage", "source is a null pointer");
  sifkit_options_free(options);
}

static void test_refused_transfers(const char *directory, const char *archive, const char *image) {
  sifkit_options *options = sifkit_options_new();
  char *target = path_of(directory, "pulled.sif");
  const char *files[2];
  files[0] = image;
  files[1] = NULL;
  CHECK_ERROR(sifkit_pull(target, "alpine:3", NULL, NULL, &error), 2, "usage",
              "source 'alpine:3': expected docker://, oras://, library://, http:// or https://");
  CHECK_ERROR(sifkit_pull(target, NULL, NULL, NULL, &error), 2, "usage", "uri is a null pointer");
  set(options, "verify", NULL);
  CHECK_ERROR(sifkit_pull(target, "docker://alpine:3", options, NULL, &error), 2, "usage",
              "only SIF files are verified; an image of layers has no signature of theirs");
  CHECK_ERROR(sifkit_options_set(options, "digest", "md5:1", &error), 2, "usage",
              "option 'digest': digest: digest algorithm 'md5' cannot be verified (sha256, sha384 and sha512 can)");
  CHECK(access(target, F_OK) != 0);

  CHECK_ERROR(sifkit_push(files, 1, "docker://x", NULL, NULL, &error), 2, "usage", "'docker://x': expected oras://NAME");
  CHECK_ERROR(sifkit_push(files, 0, "oras://x", NULL, NULL, &error), 2, "usage", "there is no file to push");
  CHECK_ERROR(sifkit_push(files, 2, "oras://x", NULL, NULL, &error), 2, "usage", "a name of a file is a null pointer");
  CHECK_ERROR(sifkit_push(NULL, 1, "oras://x", NULL, NULL, &error), 2, "usage", "files is a null pointer");
  files[0] = archive;
  {
    sifkit_error *error = NULL;
    CHECK(sifkit_push(files, 1, "oras://x", NULL, NULL, &error) == 9);
    CHECK_TEXT(sifkit_error_kind(error), "unsupported");
    sifkit_error_free(error);
  }
  sifkit_options_free(options);
  free(target);
}

struct job {
  const char *target;
  const char *source;
  const sifkit_options *options;
  sifkit_error *error;
  int code;
};

static void *build(void *argument) {
  struct job *job = argument;
  job->code = sifkit_build(job->target, job->source, job->options, NULL, &job->error);
  return NULL;
}

/* A build that waits for the rest of its input. */
static void test_cancel_from_another_thread(const char *directory) {
  sifkit_options *options = sifkit_options_new();
  char *target = path_of(directory, "cancelled.sif");
  char *pipe = path_of(directory, "pipe");
  struct job job;
  pthread_t thread;
  int writer;
  memset(&job, 0, sizeof job);
  job.target = target;
  job.source = pipe;
  job.options = options;
  CHECK(mkfifo(pipe, 0600) == 0);
  CHECK(pthread_create(&thread, NULL, build, &job) == 0);
  writer = open(pipe, O_WRONLY); /* returns when the build reads */
  CHECK(writer >= 0);
  CHECK(write(writer, "some", 4) == 4);
  sifkit_options_cancel(options);
  close(writer); /* what has come is no archive, but that is not what the caller is told */
  CHECK(pthread_join(thread, NULL) == 0);
  check_error(job.code, job.error, 130, "cancelled", "stopped on request", __LINE__);
  CHECK(access(target, F_OK) != 0);
  sifkit_options_free(options);
  free(pipe);
  free(target);
}

int main(int argc, char **argv) {
  char *image;
  if (argc != 4) return 2;
  image = path_of(argv[1], "app.sif");
  CHECK_SUCCESS(sifkit_build(image, argv[2], NULL, NULL, &error));
  test_copy(argv[1], image);
  test_findings(image, argv[2], argv[3]);
  test_refused_transfers(argv[1], argv[2], image);
  test_cancel_from_another_thread(argv[1]);
  free(image);
  if (failures == 0) puts("the C interface: all as expected");
  return failures == 0 ? 0 : 1;
}

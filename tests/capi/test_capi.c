/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface as a C program uses it: builds, inspects, lists, reads, signs and verifies, with every kind of error
 * on the way.
 *
 * test_capi DIRECTORY ARCHIVE KEY PUBLIC OTHER
 *   DIRECTORY is empty and may be written; ARCHIVE is a tar of a root file system with /etc/motd ("hello\n"), /bin/tool
 *   (a symbolic link to ../etc/motd) and /big (1 MiB of zeros); KEY, PUBLIC and OTHER are PEM keys, OTHER of another pair. */
#include "checks.h"

#include <unistd.h>

#define FIRST_OBJECT 32176 /* where a build puts it */

struct seen {
  unsigned calls;
  unsigned stages;
  uint64_t least_total;
  int stop_at; /* the call at which to stop; 0: none */
};

static int see_progress(void *user, const char *stage, uint64_t done, uint64_t total) {
  struct seen *seen = user;
  ++seen->calls;
  if (done == 0) ++seen->stages;
  CHECK(stage[0] != '\0');
  if (total != 0) CHECK(done <= total);
  return seen->stop_at != 0 && seen->calls >= (unsigned)seen->stop_at;
}

static void keep_message(void *user, const char *level, const char *text) {
  char *kept = user;
  if (strlen(kept) + strlen(level) + strlen(text) + 3 < 4096) sprintf(kept + strlen(kept), "%s: %s\n", level, text);
}

static int keep_bytes(void *user, const void *bytes, size_t size) {
  char *kept = user;
  strncat(kept, bytes, size);
  return 0;
}

static int take_no_bytes(void *user, const void *bytes, size_t size) {
  (void)bytes;
  (void)size;
  ++*(int *)user;
  return 1;
}

static void test_versions(void) {
  char *record = NULL;
  char version[32];
  CHECK(sifkit_c_api() == SIFKIT_C_API);
  CHECK(sscanf(sifkit_version(), "%31[0-9.]", version) == 1 && strcmp(version, sifkit_version()) == 0);
  CHECK_SUCCESS(sifkit_version_record(&record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/version/v1\"");
  CHECK_HAS(record, sifkit_version());
  CHECK_HAS(record, "\"libsquashfs\":\"1.");
  sifkit_free(record);
}

static void test_options(void) {
  sifkit_options *options = sifkit_options_new();
  CHECK(options != NULL);
  CHECK_ERROR(sifkit_options_set(options, "no-such", NULL, &error), 2, "usage", "unknown option 'no-such'");
  CHECK_ERROR(sifkit_options_set(options, "threads", "-1", &error), 2, "usage", "option 'threads': expected a number from 0 to 4294967295, got '-1'");
  CHECK_ERROR(sifkit_options_set(options, "threads", NULL, &error), 2, "usage", "option 'threads': expected a value, got a null pointer, which is one of flags");
  CHECK_ERROR(sifkit_options_set(options, "force", "yes", &error), 2, "usage", "option 'force': expected true or false, got 'yes'");
  CHECK_ERROR(sifkit_options_set(options, "label", "=x", &error), 2, "usage", "option 'label': expected NAME=VALUE, got '=x'");
  CHECK_ERROR(sifkit_options_set(options, "format", "zip", &error), 2, "usage", "option 'format': expected sif, squashfs, sandbox, oci, docker, spdx or cyclonedx, got 'zip'");
  CHECK_ERROR(sifkit_options_set(options, "xattrs", "all", &error), 2, "usage", "option 'xattrs': expected portable, keep, user or none, got 'all'");
  CHECK_ERROR(sifkit_options_set(options, "limit", "entries=x", &error), 2, "usage", "option 'limit': expected NAME=NUMBER, with K, M, G or T behind it");
  CHECK_ERROR(sifkit_options_set(options, "creds", "me", &error), 2, "usage", "option 'creds': expected USER:PASSWORD");
  CHECK_ERROR(sifkit_options_set(NULL, "force", NULL, &error), 2, "usage", "options is a null pointer");
  CHECK_ERROR(sifkit_options_set(options, NULL, NULL, &error), 2, "usage", "name is a null pointer");
  {
    static const char *const files[] = {"authfile", "base",         "certificate",   "certificate-intermediates", "certificate-roots",
                                        "key",      "dest-authfile", "src-authfile", "policy"};
    size_t i;
    for (i = 0; i < sizeof files / sizeof *files; ++i) {
      char *text = message_with("option '%s': expected the name of a file, got ''", files[i]);
      CHECK_ERROR(sifkit_options_set(options, files[i], "", &error), 2, "usage", text);
      free(text);
      text = message_with("option '%s': expected a value, got a null pointer, which is one of flags", files[i]);
      CHECK_ERROR(sifkit_options_set(options, files[i], NULL, &error), 2, "usage", text);
      free(text);
    }
  }
  CHECK_ERROR(sifkit_options_set(options, "retry-delay", "1s", &error), 2, "usage", "option 'retry-delay': expected seconds from 0 to 60, got '1s'");
  CHECK_ERROR(sifkit_options_set(options, "retry-delay", "61", &error), 2, "usage", "option 'retry-delay': expected seconds from 0 to 60, got '61'");
  CHECK_ERROR(sifkit_options_set(options, "connections", "0", &error), 2, "usage", "option 'connections': expected a number from 1 to 64, got '0'");
  set(options, "retry-delay", "0.5");
  CHECK(sifkit_options_set(options, "no-such", NULL, NULL) == 2); /* nobody wants the error */
  sifkit_options_free(options);
  sifkit_options_free(NULL);
  sifkit_error_free(NULL);
  sifkit_image_close(NULL);
}

static void test_build(const char *directory, const char *archive, const char *image) {
  sifkit_options *options = sifkit_options_new();
  struct seen seen = {0, 0, 0, 0};
  char messages[4096] = "";
  char *record = NULL;
  char *other = path_of(directory, "other.sif");
  char *text = NULL;

  set(options, "label", "colour=blue");
  set(options, "threads", "1");
  sifkit_options_on_progress(options, see_progress, &seen);
  sifkit_options_on_message(options, keep_message, messages);
  CHECK_SUCCESS(sifkit_build(image, archive, options, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/build/v1\"");
  CHECK_HAS(record, "\"layers\":1,");
  CHECK(seen.calls > 1 && seen.stages >= 1);
  CHECK(access(image, R_OK) == 0);
  sifkit_free(record);

  text = message_with("'%s' exists", image);
  CHECK_ERROR(sifkit_build(image, archive, options, NULL, &error), 4, "exists", text);
  free(text);

  text = message_with("open '%s': no such file or directory", other);
  record = (char *)"never a text that is kept";
  CHECK_ERROR(sifkit_build(other, other, options, &record, &error), 3, "not_found", text);
  CHECK(record == NULL);
  free(text);

  seen.calls = 0;
  seen.stop_at = 1;
  CHECK_ERROR(sifkit_build(other, archive, options, NULL, &error), 130, "cancelled", "stopped on request");
  CHECK(access(other, F_OK) != 0);
  seen.stop_at = 0;
  sifkit_options_cancel(options);
  CHECK_ERROR(sifkit_build(other, archive, options, NULL, &error), 130, "cancelled", "stopped on request");
  CHECK(access(other, F_OK) != 0);
  { /* what reports nothing, too, stops before it begins */
    sifkit_image *opened = NULL;
    CHECK_ERROR(sifkit_inspect(image, options, NULL, &error), 130, "cancelled", "stopped on request");
    CHECK_ERROR(sifkit_image_open(image, options, &opened, &error), 130, "cancelled", "stopped on request");
    CHECK(opened == NULL);
  }

  CHECK_ERROR(sifkit_build("-", archive, NULL, NULL, &error), 2, "usage",
              "an image cannot be written to standard output: it is not written sequentially");
  CHECK_ERROR(sifkit_build("oci:layout:x", archive, NULL, NULL, &error), 2, "usage", "the target 'oci:layout:x' is not the path of a file");
  CHECK_ERROR(sifkit_build("oras://h/x", archive, NULL, NULL, &error), 2, "usage", "the target 'oras://h/x' is not the path of a file");
  CHECK(access("-", F_OK) != 0 && access("oci:layout:x", F_OK) != 0);
  CHECK_ERROR(sifkit_build(NULL, archive, NULL, NULL, &error), 2, "usage", "target is a null pointer");
  CHECK_ERROR(sifkit_build(other, NULL, NULL, NULL, &error), 2, "usage", "source is a null pointer");
  sifkit_options_free(options);
  free(other);
}

static void test_inspect_and_digest(const char *image) {
  char *record = NULL;
  sifkit_options *options = sifkit_options_new();
  CHECK_SUCCESS(sifkit_inspect(image, NULL, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/image/v1\"");
  CHECK_HAS(record, "\"kind\":\"SIF\"");
  CHECK_HAS(record, "\"colour\":\"blue\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_digest(image, NULL, &record, &error));
  CHECK_HAS(record, "{\"file\":\"sha256:");
  CHECK_HAS(record, "\"partition\":\"sha256:");
  sifkit_free(record);
  set(options, "tree", NULL);
  CHECK_SUCCESS(sifkit_digest(image, options, &record, &error));
  CHECK_HAS(record, "\"definition\":\"sifkit-tree/v1\"");
  sifkit_free(record);
  sifkit_options_free(options);
}

static void test_files(const char *source, int is_archive) {
  sifkit_image *image = NULL;
  char *record = NULL;
  char *bytes = NULL;
  size_t size = 0;
  char kept[64] = "";
  int calls = 0;
  CHECK_SUCCESS(sifkit_image_open(source, NULL, &image, &error));
  if (image == NULL) return;
  CHECK_SUCCESS(sifkit_image_list(image, "/etc", 0, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/ls/v1\"");
  CHECK_HAS(record, "\"path\":\"/etc/motd\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_image_list(image, "/", 1, &record, &error));
  CHECK_HAS(record, "\"path\":\"/bin/tool\"");
  CHECK((strstr(record, "\"path\":\"/.singularity.d\"") == NULL) == is_archive);
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_image_list(image, "/bin/tool", 0, &record, &error)); /* the link, as `ls` has it */
  CHECK_HAS(record, "\"path\":\"/bin/tool\"");
  CHECK_HAS(record, "\"type\":\"symlink\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_image_list(image, "etc/", 0, &record, &error));
  CHECK_HAS(record, "\"path\":\"etc/motd\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_image_list(image, "/bin/../etc", 0, &record, &error));
  CHECK_HAS(record, "\"path\":\"/bin/../etc/motd\"");
  sifkit_free(record);
  CHECK_ERROR(sifkit_image_list(image, "/etc/motd/", 0, &record, &error), 3, "not_found", "'/etc/motd/' is not a directory");
  CHECK_SUCCESS(sifkit_image_stat(image, "/bin/tool", 0, &record, &error));
  CHECK_HAS(record, "\"target\":\"../etc/motd\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_image_stat(image, "/bin/tool", 1, &record, &error));
  CHECK_HAS(record, "\"size\":6,");
  sifkit_free(record);

  CHECK_SUCCESS(sifkit_image_read(image, "/bin/tool", keep_bytes, kept, &error));
  CHECK_TEXT(kept, "hello\n");
  CHECK_SUCCESS(sifkit_image_read_all(image, "/etc/motd", 6, &bytes, &size, &error));
  CHECK(size == 6);
  CHECK_TEXT(bytes, "hello\n");
  sifkit_free(bytes);
  CHECK_SUCCESS(sifkit_image_read_all(image, "/big", 1 << 20, &bytes, &size, &error));
  CHECK(size == 1 << 20 && bytes[0] == 0 && bytes[size - 1] == 0);
  sifkit_free(bytes);
  {
    sifkit_error *error = NULL;
    CHECK(sifkit_image_read_all(image, "/big", (1 << 20) - 1, &bytes, &size, &error) == 10);
    CHECK_TEXT(sifkit_error_kind(error), "limit");
    CHECK(bytes == NULL);
    sifkit_error_free(error);
  }
  CHECK_ERROR(sifkit_image_read(image, "/big", take_no_bytes, &calls, &error), 130, "cancelled", "stopped on request");
  CHECK(calls == 1);
  CHECK_ERROR(sifkit_image_read(image, "/etc", keep_bytes, kept, &error), 2, "usage", "'/etc' is a directory, not a regular file");
  CHECK_ERROR(sifkit_image_read(image, "/etc/motd", NULL, NULL, &error), 2, "usage", "write is a null pointer");
  {
    sifkit_error *error = NULL;
    CHECK(sifkit_image_list(image, "/no/such", 0, &record, &error) == 3);
    CHECK_TEXT(sifkit_error_kind(error), "not_found");
    CHECK_HAS(sifkit_error_json(error), "\"schema\":\"sifkit/error/v1\"");
    CHECK(record == NULL);
    sifkit_error_free(error);
  }
  sifkit_image_close(image);
  CHECK_ERROR(sifkit_image_list(NULL, "/", 0, NULL, &error), 2, "usage", "image is a null pointer");
  CHECK_ERROR(sifkit_image_open(source, NULL, NULL, &error), 2, "usage", "image is a null pointer");
}

/* An open image whose options are stopped while it is read, and later. */
static int cancel_at_bytes(void *user, const void *bytes, size_t size) {
  (void)bytes;
  (void)size;
  sifkit_options_cancel(user);
  return 0;
}

static void test_cancelled_image(const char *source) {
  sifkit_options *options = sifkit_options_new();
  sifkit_image *image = NULL;
  char *record = NULL;
  CHECK_SUCCESS(sifkit_image_open(source, options, &image, &error));
  if (image == NULL) return;
  CHECK_SUCCESS(sifkit_image_stat(image, "/etc", 0, &record, &error));
  sifkit_free(record);
  CHECK_ERROR(sifkit_image_read(image, "/big", cancel_at_bytes, options, &error), 130, "cancelled", "stopped on request");
  CHECK_ERROR(sifkit_image_list(image, "/", 1, &record, &error), 130, "cancelled", "stopped on request");
  CHECK_ERROR(sifkit_image_stat(image, "/etc", 0, &record, &error), 130, "cancelled", "stopped on request");
  CHECK(record == NULL);
  sifkit_image_close(image);
  sifkit_options_free(options);
}

/* What would pass for verified, or for signed. */
static void test_refused_trust(const char *directory, const char *image, const char *public_key) {
  static const char *const chain[] = {"certificate-intermediates", "certificate-roots", "ocsp-verify"};
  char *target = path_of(directory, "refused.sif");
  sifkit_options *options;
  size_t i;
  for (i = 0; i < sizeof chain / sizeof *chain; ++i) {
    char *text = message_with("%s requires certificate", chain[i]);
    options = sifkit_options_new();
    set(options, "key", public_key);
    set(options, chain[i], i == 2 ? NULL : public_key);
    CHECK_ERROR(sifkit_verify(image, options, NULL, &error), 2, "usage", text);
    CHECK_ERROR(sifkit_pull(target, "http://127.0.0.1:1/x.sif", options, NULL, &error), 2, "usage", text);
    sifkit_options_free(options);
    free(text);
  }
  options = sifkit_options_new();
  set(options, "key", public_key);
  set(options, "certificate", public_key);
  CHECK_ERROR(sifkit_verify(image, options, NULL, &error), 2, "usage", "a certificate and keys to verify with cannot be combined");
  sifkit_options_free(options);

  options = sifkit_options_new();
  set(options, "require-fingerprint", "0123456789012345678901234567890123456789");
  CHECK_ERROR(sifkit_pull(target, "http://127.0.0.1:1/x.sif", options, NULL, &error), 2, "usage", "require-fingerprint is asked by sifkit_verify, not by a pull");
  sifkit_options_free(options);

  CHECK(access(target, F_OK) != 0);
  free(target);
}

static void test_signatures(const char *directory, const char *archive, const char *image, const char *key, const char *public_key,
                            const char *other_key) {
  sifkit_options *signer = sifkit_options_new();
  sifkit_options *verifier = sifkit_options_new();
  sifkit_options *stranger = sifkit_options_new();
  char *record = NULL;
  char *signed_image = path_of(directory, "signed.sif");
  sifkit_error *error = NULL;
  set(signer, "key", key);
  set(verifier, "key", public_key);
  set(stranger, "key", other_key);

  CHECK(sifkit_verify(image, verifier, &record, &error) == 13);
  CHECK_TEXT(sifkit_error_kind(error), "unsigned");
  CHECK_HAS(record, "\"verified\":false");
  CHECK(sifkit_error_hint(error)[0] != '\0');
  sifkit_error_free(error);
  sifkit_free(record);

  CHECK_SUCCESS(sifkit_sign(image, signer, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/sign/v1\"");
  sifkit_free(record);
  CHECK_SUCCESS(sifkit_verify(image, verifier, &record, &error));
  CHECK_HAS(record, "\"schema\":\"sifkit/verify/v1\"");
  CHECK_HAS(record, "\"verified\":true");
  sifkit_free(record);

  CHECK(sifkit_verify(image, stranger, NULL, &error) == 14);
  CHECK_TEXT(sifkit_error_kind(error), "untrusted");
  sifkit_error_free(error);

  CHECK_SUCCESS(sifkit_build(signed_image, archive, signer, NULL, &error));
  CHECK_SUCCESS(sifkit_verify(signed_image, verifier, NULL, &error));

  {
    FILE *file = fopen(signed_image, "r+b"); /* a byte of the first object's data, which is text */
    CHECK(file != NULL && fseek(file, FIRST_OBJECT, SEEK_SET) == 0 && fputc(0, file) == 0 && fclose(file) == 0);
  }
  CHECK(sifkit_verify(signed_image, verifier, &record, &error) == 15);
  CHECK_TEXT(sifkit_error_kind(error), "tampered");
  CHECK_HAS(record, "\"kind\":\"tampered\"");
  sifkit_error_free(error);
  sifkit_free(record);

  CHECK(sifkit_verify(archive, verifier, &record, &error) == 9); /* no SIF, so no record */
  CHECK_TEXT(sifkit_error_kind(error), "unsupported");
  CHECK(record == NULL);
  sifkit_error_free(error);

  sifkit_options_free(signer);
  sifkit_options_free(verifier);
  sifkit_options_free(stranger);
  free(signed_image);
}

int main(int argc, char **argv) {
  char *image;
  if (argc != 6) return 2;
  image = path_of(argv[1], "app.sif");
  test_versions();
  test_options();
  test_build(argv[1], argv[2], image);
  test_inspect_and_digest(image);
  test_files(image, 0);
  test_files(argv[2], 1);
  test_cancelled_image(image);
  test_cancelled_image(argv[2]);
  test_signatures(argv[1], argv[2], image, argv[3], argv[4], argv[5]);
  test_refused_trust(argv[1], image, argv[4]);
  free(image);
  if (failures == 0) puts("the C interface: all as expected");
  return failures == 0 ? 0 : 1;
}

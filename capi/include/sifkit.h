/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface of libsifkit: container images to SIF files, and what is in them.
 *
 * Every function that can fail returns 0, or the exit code that the program has for that kind of failure (sifkit(1)), and
 * then sets `*error` if `error` is no null pointer. No C++ exception leaves any function. Texts are UTF-8 or the bytes of
 * a path, and end with a zero byte. Records are JSON texts with a "schema", the same that the program prints with --json
 * (docs/formats.md). What comes through a `char **` is freed by sifkit_free, whatever the function returned.
 *
 * Functions may be called from any thread. An object belongs to one thread at a time, but for sifkit_options_cancel.
 *
 * Names, signatures and meanings stay as they are while SIFKIT_C_API is the same number; new functions, options and members
 * of records may be added. No struct has members that a caller sees.
 */
#ifndef SIFKIT_H
#define SIFKIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIFKIT_C_API 1

#define SIFKIT_PUBLIC __attribute__((visibility("default")))

/* The version of the library, "0.2.0", and the SIFKIT_C_API that it was built with. */
SIFKIT_PUBLIC const char *sifkit_version(void);
SIFKIT_PUBLIC int sifkit_c_api(void);

/* ------------------------------------------------------------------------------------------------------------ errors */

typedef struct sifkit_error sifkit_error;

/* A stable word: usage, not_found, exists, io, no_space, malformed, integrity, unsupported, limit, denied, network,
 * unsigned, untrusted, tampered, internal, cancelled. */
SIFKIT_PUBLIC const char *sifkit_error_kind(const sifkit_error *error);
SIFKIT_PUBLIC int sifkit_error_exit_code(const sifkit_error *error);
/* What is wrong, and where. */
SIFKIT_PUBLIC const char *sifkit_error_message(const sifkit_error *error);
/* What to do about it; "" where there is nothing to say. */
SIFKIT_PUBLIC const char *sifkit_error_hint(const sifkit_error *error);
/* All of that: sifkit/error/v1. */
SIFKIT_PUBLIC const char *sifkit_error_json(const sifkit_error *error);
SIFKIT_PUBLIC void sifkit_error_free(sifkit_error *error);

/* Frees a text or bytes that a function gave. */
SIFKIT_PUBLIC void sifkit_free(void *memory);

/* ----------------------------------------------------------------------------------------------------------- options */

/* What a call is to do beside its arguments. A null pointer stands for an object on which nothing was set. */
typedef struct sifkit_options sifkit_options;

/* A null pointer where there is no memory. */
SIFKIT_PUBLIC sifkit_options *sifkit_options_new(void);
SIFKIT_PUBLIC void sifkit_options_free(sifkit_options *options);

/* Sets an option, which has the name of the program's without dashes. The value of a flag is "true" or "false"; a null
 * pointer stands for "true", and is refused as the value of anything else. Those marked + may be set several times. An
 * option that a function does not use is ignored by it, but for a "format" of another function. What is fetched from
 * registries is kept in the program's cache (SIFKIT_CACHEDIR and the like), and SIFKIT_LIBRARY counts as for the program.
 *
 * Sources:  platform, tmpdir, docker-host, service-timeout, authfile, creds, no-https, retries, retry-delay (seconds),
 *           connections, disable-cache, library, limit+ (NAME=NUMBER)
 * Build:    force, format (sif, squashfs, sandbox), threads, compress, block-size, fast, all-root, xattrs, exclude+,
 *           label+ (NAME=VALUE), env+ (NAME=VALUE), reproducible, source-date-epoch, base, no-base, verify-after,
 *           dry-run, clamp-names, sign; key+ signs, too
 * Sign:     key+ (a file; without one, the user's rings), key-name, passphrase, replace, group-id+, sif-id+
 * Verify:   key+ (a file; without one, the rings of the user and the site), certificate, certificate-intermediates,
 *           certificate-roots, ocsp-verify, policy, require-digest, require-fingerprint+, ignore-others, strict-layout,
 *           legacy-insecure, at (seconds since 1970), group-id+, sif-id+
 * Digest:   tree, without-singularity
 * Copy:     force, compress (gzip, zstd or none, with a level as in zstd:19), format (oci, docker), all; src-creds,
 *           src-authfile, src-no-https, dest-creds, dest-authfile, dest-no-https
 * Pull:     force, digest, verify; key+, certificate and what belongs to it, policy, at as for Verify; refused: the other
 *           demands of Verify, from require-digest to legacy-insecure
 * Push:     annotation+ (NAME=VALUE)
 * Check:    for (OS/ARCH), glibc, deep
 * Diff:     ignore+, ignore-times, with-singularity
 * SBOM:     format (spdx or cyclonedx), name, source-date-epoch */
SIFKIT_PUBLIC int sifkit_options_set(sifkit_options *options, const char *name, const char *value, sifkit_error **error);

/* How far a call is: the bytes done of a stage, and its total, 0 where that is not known. Called on the thread of the call.
 * Anything but 0 stops the call, which then fails with the kind "cancelled". Builds, copies, pulls, pushes, signing,
 * verifying, digests and diffs report; the others what they fetch, or read of layers, which of a SIF on disk is nothing;
 * those of an open image need not. sifkit_options_cancel stops what does not report. */
typedef int (*sifkit_progress_function)(void *user, const char *stage, uint64_t done, uint64_t total);
SIFKIT_PUBLIC void sifkit_options_on_progress(sifkit_options *options, sifkit_progress_function function, void *user);

/* What is said on the way. `level` is "debug", "info", "warning" or "error". Called from several threads, one at a time. */
typedef void (*sifkit_message_function)(void *user, const char *level, const char *text);
SIFKIT_PUBLIC void sifkit_options_on_message(sifkit_options *options, sifkit_message_function function, void *user);

/* What was dropped or changed, or is amiss with an image. `kind` is a stable word, as in sifkit/build/v1; `hint` says what
 * to do about it, or is "". Where this is set, it is not told as a message. Called on the thread of the call, at its end. */
typedef void (*sifkit_warning_function)(void *user, const char *kind, const char *text, const char *hint);
SIFKIT_PUBLIC void sifkit_options_on_warning(sifkit_options *options, sifkit_warning_function function, void *user);

/* Stops every call that has these options, now and later; one that waits for the writer of a pipe, when something comes.
 * From any thread. */
SIFKIT_PUBLIC void sifkit_options_cancel(sifkit_options *options);

/* ------------------------------------------------------------------------------------------------------------- images */

/* Converts the image that `source` names ("docker://alpine:3", "docker-archive:app.tar", …) into `target`, the path of a
 * file, which appears whole or not at all; sifkit_copy writes elsewhere. Record: sifkit/build/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_build(const char *target, const char *source, const sifkit_options *options, char **record,
                               sifkit_error **error);

/* What an image is and says of itself: "summary", "attributes" as Apptainer's inspect has them, "oci_config".
 * Record: sifkit/image/v1. */
SIFKIT_PUBLIC int sifkit_inspect(const char *source, const sifkit_options *options, char **record, sifkit_error **error);

/* Digests of an image as it is stored, or, with the option tree, of what is in it. Record: sifkit/digest/v1. */
SIFKIT_PUBLIC int sifkit_digest(const char *source, const sifkit_options *options, char **record, sifkit_error **error);

/* Signs a SIF file in place. Record: sifkit/sign/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_sign(const char *file, const sifkit_options *options, char **record, sifkit_error **error);

/* Verifies the signatures of a SIF file, or of "oras://NAME" or "library://NAME": 0 where everything that was asked for is
 * signed by keys that are trusted. What was found is in the record, of a failure, too, if the file could be read; else that
 * is a null pointer.
 * Record: sifkit/verify/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_verify(const char *file, const sifkit_options *options, char **record, sifkit_error **error);

/* Writes the image of a source to "docker://NAME", "docker-daemon:NAME", "oci:DIR[:TAG]", "oci-archive:FILE[:TAG]" or
 * "docker-archive:FILE[:NAME]". Record: sifkit/copy/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_copy(const char *source, const char *target, const sifkit_options *options, char **record,
                              sifkit_error **error);

/* Fetches "docker://NAME", "oras://NAME" or the URL of a SIF file as a SIF file. A null pointer as `target` stands for the
 * name that the image gives it, in the working directory. With "verify", or with "key", "certificate" or "policy", as
 * sifkit_verify takes them, a SIF file gets its name once its signatures are verified; what else that demands is refused
 * here (usage). Record: sifkit/pull/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_pull(const char *target, const char *uri, const sifkit_options *options, char **record,
                              sifkit_error **error);

/* Puts SIF files, each of an architecture of its own, into a registry as "oras://NAME". Other images go there by
 * sifkit_copy. Record: sifkit/push/v1. `record` may be null. */
SIFKIT_PUBLIC int sifkit_push(const char *const *files, size_t count, const char *uri, const sifkit_options *options,
                              char **record, sifkit_error **error);

/* Judges whether an image will run on a cluster, and what in it should not be there. Returns 0 whatever was found: the
 * record says it, in "errors" and "findings". Record: sifkit/check/v1. */
SIFKIT_PUBLIC int sifkit_check(const char *source, const sifkit_options *options, char **record, sifkit_error **error);

/* What makes the second image of the first. Credentials that are for one registry are refused where the two are of two
 * (usage). Returns 0 whatever was found: the record says it, in "equal" and "files".
 * Record: sifkit/diff/v1. */
SIFKIT_PUBLIC int sifkit_diff(const char *first, const char *second, const sifkit_options *options, char **record,
                              sifkit_error **error);

/* The packages in an image as a software bill of materials, SPDX 2.3 or CycloneDX 1.5, which is a JSON text. */
SIFKIT_PUBLIC int sifkit_sbom(const char *source, const sifkit_options *options, char **document, sifkit_error **error);

/* The version, and those of the libraries in use, null for one that is not installed. Record: sifkit/version/v1. */
SIFKIT_PUBLIC int sifkit_version_record(char **record, sifkit_error **error);

/* -------------------------------------------------------------------------------------------- files inside an image */

/* An image of any source, open to be looked into. Nothing of it is unpacked, mounted or run. */
typedef struct sifkit_image sifkit_image;

/* The functions and pointers that the options name are used until the image is closed. */
SIFKIT_PUBLIC int sifkit_image_open(const char *source, const sifkit_options *options, sifkit_image **image,
                                    sifkit_error **error);
SIFKIT_PUBLIC void sifkit_image_close(sifkit_image *image);

/* The files in a directory of the image, with `recursive` those in its directories, too; of another file that one. A link
 * to a directory is followed, one to another file told itself. Paths begin as `path` does. Record: sifkit/ls/v1. */
SIFKIT_PUBLIC int sifkit_image_list(sifkit_image *image, const char *path, int recursive, char **record,
                                    sifkit_error **error);

/* One file, with `follow` what a link leads to. Record: sifkit/stat/v1. */
SIFKIT_PUBLIC int sifkit_image_stat(sifkit_image *image, const char *path, int follow, char **record, sifkit_error **error);

/* Takes the next bytes of a file; anything but 0 stops the reading, which then fails with the kind "cancelled". */
typedef int (*sifkit_write_function)(void *user, const void *bytes, size_t size);

/* Gives the bytes of a regular file to a function. Links are followed. */
SIFKIT_PUBLIC int sifkit_image_read(sifkit_image *image, const char *path, sifkit_write_function write, void *user,
                                    sifkit_error **error);

/* The same as one piece of memory, with a zero byte behind it that does not count; kind "limit" where the file has more
 * than `most` bytes. */
SIFKIT_PUBLIC int sifkit_image_read_all(sifkit_image *image, const char *path, size_t most, char **bytes, size_t *size,
                                        sifkit_error **error);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * A C program that uses the installed library: says whether the signatures of a SIF hold.
 *
 * main IMAGE KEY */
#include <sifkit.h>

#include <stdio.h>

int main(int argc, char **argv) {
  sifkit_options *options = sifkit_options_new();
  sifkit_error *error = NULL;
  int code;
  if (argc != 3 || options == NULL) return 2;
  code = sifkit_options_set(options, "key", argv[2], &error);
  if (code == 0) code = sifkit_verify(argv[1], options, NULL, &error);
  printf("%s: %s\n", sifkit_version(), code == 0 ? "verified" : sifkit_error_message(error));
  sifkit_error_free(error);
  sifkit_options_free(options);
  return code;
}

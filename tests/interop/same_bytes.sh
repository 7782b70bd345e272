#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The same image gives the same bytes: for root and for a user who may do nothing special, for any number of threads,
# time zone, locale, umask and directory.
. "$(dirname "$0")/lib.sh"
need python3 jq
need_root

# Owners, devices, attributes, capabilities, holes and odd names, from several stacks.
for seed in 5 12 17 large; do python3 "$here/layer_stacks.py" "$seed" "$work/stack-$seed"; rm -rf "$work/stack-$seed/tree"; done
chmod -R a+rX "$work"
mkdir -m 1777 "$work/out"

try_it() {
  (
    cd "$work"
    umask "${UMASK:-022}"
    "$@" build -q -F -j "${THREADS:-2}" --verify-after "out/${OUT:-x}.sif" "oci:stack-$seed/layout" 2>"$work/log" || { echo "$*:"; cat "$work/log"; exit 1; }
  )
}
same() {
  cmp "$work/out/first.sif" "$work/out/x.sif" || { echo "stack $seed: $1 changes the bytes"; exit 1; }
  [ "$(stat -c %a "$work/out/x.sif")" = "$(printf %o $((0777 & ~${UMASK:-022})))" ] || { echo "mode $(stat -c %a "$work/out/x.sif") with umask ${UMASK:-022}"; exit 1; }
  rm "$work/out/x.sif"
}

confined=(python3 "$here/confined.py")
if "${confined[@]}" unshare --user true 2>/dev/null; then echo "a confined user may make name spaces"; exit 1; fi
for seed in 5 12 17 large; do
  [ ! -e "$work/stack-$seed/refused" ] || { echo "stack $seed cannot be extracted; take another"; exit 1; }
  OUT=first try_it "$SIFKIT"
  try_it "${confined[@]}" "$SIFKIT" && same "an ordinary user"
  [ $seed != large ] || continue
  for threads in 1 16; do THREADS=$threads try_it "$SIFKIT"; same "-j $threads"; done
  try_it env TZ=Pacific/Kiritimati "$SIFKIT"; same "a time zone"
  try_it env LC_ALL=tr_TR.UTF-8 "$SIFKIT"; same "a locale"
  try_it env LC_ALL=C "$SIFKIT"; same "a locale"
  UMASK=077 try_it "$SIFKIT"; UMASK=077 same "a umask"
  UMASK=0 try_it "$SIFKIT"; UMASK=0 same "no umask"
done
echo "always the same bytes"

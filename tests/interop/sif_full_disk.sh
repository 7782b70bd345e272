#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Edits of an image on a disk of every small size: done, or refused with exit code 6 and the image as it was. The image may
# have holes, which take room when they are written.
. "$(dirname "$0")/lib.sh"
need openssl
need_root

cd "$work"
mkdir mnt
openssl genpkey -algorithm ed25519 -out key.pem 2>/dev/null
head -c 60000 /dev/urandom >object
"$SIFKIT" sif new x.sif
"$SIFKIT" sif add x.sif object --datatype 7 --groupid 1
"$SIFKIT" sif add x.sif key.pem --datatype 7
"$SIFKIT" sif del 1 x.sif
"$SIFKIT" sif add x.sif object --datatype 7 --groupid 1
before=$(sha256sum <x.sif)

done=0 full=0
attempt() {
  local found=0
  mount -t tmpfs -o "size=${size}k" none mnt || skip "no tmpfs to be had"
  if cp --sparse=$sparse x.sif mnt/x.sif 2>/dev/null; then
    "$SIFKIT" "$@" 2>error || found=$?
    if [ "$found" -eq 0 ]; then
      done=$((done + 1))
    elif [ "$found" -ne 6 ] || [ "$(sha256sum <mnt/x.sif)" != "$before" ] || [ "$(ls -A mnt)" != x.sif ]; then
      echo "$size KiB: sifkit $* ends with $found and leaves $(ls -lA mnt)"
      cat error
      exit 1
    else
      full=$((full + 1))
    fi
  fi
  umount mnt
}
for sparse in never always; do
  for size in $(seq 136 8 320); do
    attempt sif add mnt/x.sif object --datatype 7
    attempt sif set 2 mnt/x.sif --name y
    attempt sif compact mnt/x.sif
    attempt sign -q --key key.pem mnt/x.sif
  done
done
echo "$done edits done, $full refused"
[ "$done" -gt 10 ] && [ "$full" -gt 10 ]

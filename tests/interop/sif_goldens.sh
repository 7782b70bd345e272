#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Text that siftool prints for images made by others, to the byte.
. "$(dirname "$0")/lib.sh"
corpus=${SIFKIT_SHARED:-$(dirname "$0")/../../../shared}/corpus/sif
[ -d "$corpus" ] || skip "no corpus of SIF images beside the project"

checked=0
check() {
  local golden=$1
  shift
  "$SIFKIT" "$@" 2>/dev/null | cmp -s - "$golden" || {
    echo "sifkit $* differs from $golden"
    exit 1
  }
  checked=$((checked + 1))
}

# OneObjectOCIBlob -> one-object-oci-blob
image_of() {
  sed -E 's/([a-z0-9])([A-Z])/\1-\2/g; s/([A-Z]+)([A-Z][a-z])/\1-\2/g' <<<"$1" | tr '[:upper:]' '[:lower:]'
}

for golden in "$corpus"/golden/{Header,List}/*.golden; do
  verb=$(basename "$(dirname "$golden")" | tr '[:upper:]' '[:lower:]')
  check "$golden" sif "$verb" "$corpus/images/$(image_of "$(basename "$golden" .golden)").sif"
done
info() {
  check "$corpus/golden/Info/$3.golden" sif info "$2" "$corpus/images/$1.sif"
}
info one-object-time 1 Time
info one-object-generic-json 1 GenericJSON
info one-object-crypt-message 1 CryptMessage
info one-object-sbom 1 SBOM
info one-object-oci-root-index 1 OCIRootIndex
info one-object-oci-blob 1 OCIBlob
info two-groups-signed-pgp 1 DataPartitionRaw
info two-groups-signed-pgp 2 DataPartitionSquashFS
info two-groups-signed-pgp 3 DataPartitionEXT3
info two-groups-signed-pgp 4 DataSignature
check "$corpus/golden/Dump/One.golden" sif dump 1 "$corpus/images/one-group.sif"
check "$corpus/golden/Dump/Two.golden" sif dump 2 "$corpus/images/one-group.sif"
echo "$checked goldens"
[ "$checked" -eq 50 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# OCI-SIF: the objects of an OCI layout in a SIF made by siftool and in one made here, which are the same to the byte and
# read the same with either program.
. "$(dirname "$0")/lib.sh"
need siftool jq openssl
cd "$work"

digest() { echo "sha256:$(sha256sum <"$1" | cut -c -64)"; }
described() { printf '{"mediaType":"%s","digest":"%s","size":%d}' "$2" "$(digest "$1")" "$(stat -c %s "$1")"; }
head -c 300000 /dev/urandom >layer
printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["%s"]}}' "$(digest layer)" >config
printf '{"schemaVersion":2,"config":%s,"layers":[%s]}' "$(described config application/vnd.oci.image.config.v1+json)" \
  "$(described layer application/vnd.sylabs.image.layer.v1.squashfs)" >manifest
printf '{"schemaVersion":2,"manifests":[%s]}' "$(described manifest application/vnd.oci.image.manifest.v1+json)" >index

"$SIFKIT" sif new --deterministic ours.sif
cp ours.sif theirs.sif
for blob in layer config manifest; do
  "$SIFKIT" sif add ours.sif $blob --datatype 11 --groupid 1
  siftool add theirs.sif $blob --datatype 11 --groupid 1
done
"$SIFKIT" sif add ours.sif index --datatype 10 --groupid 1
siftool add theirs.sif index --datatype 10 --groupid 1
cmp ours.sif theirs.sif

same() {
  cmp <("$SIFKIT" sif "$@" ours.sif) <(siftool "$@" theirs.sif) || {
    echo "$*: not what siftool prints"
    exit 1
  }
}
same header
same list
for id in 1 2 3 4; do
  same info $id
  same dump $id
done

# The image as a reader walks it: by digest, from the root index to the layer.
found() { "$SIFKIT" sif list --json ours.sif | jq ".objects[] | select(.digest == \"$1\") | .id"; }
root=$("$SIFKIT" sif list --json ours.sif | jq '.objects[] | select(.type == "OCI.RootIndex") | .id')
of_manifest=$("$SIFKIT" sif dump "$root" ours.sif | jq -r '.manifests[0].digest')
of_layer=$("$SIFKIT" sif dump "$(found "$of_manifest")" ours.sif | jq -r '.layers[0].digest')
"$SIFKIT" sif dump "$(found "$of_layer")" ours.sif | cmp - layer

# It has no one root to look into, which the error says.
code=0
"$SIFKIT" ls ours.sif 2>error || code=$?
[ $code -eq 3 ]
grep -q 'it holds an OCI image' error

# A digest that is set is what siftool shows then.
other=sha256:$(printf '7%.0s' {1..64})
"$SIFKIT" sif set 2 ours.sif --digest "$other"
siftool info 2 ours.sif | holds -x "  Digest:  *$other"
cmp <("$SIFKIT" sif info 2 ours.sif) <(siftool info 2 ours.sif)

# Signatures cover OCI objects as any others.
openssl genpkey -algorithm ed25519 -out key.pem
"$SIFKIT" sign -q --key key.pem ours.sif
openssl pkey -in key.pem -pubout -out key.pub
"$SIFKIT" verify -q --key key.pub ours.sif
"$SIFKIT" sif set 2 ours.sif --digest "$(digest config)" --quiet
code=0
"$SIFKIT" verify -q --key key.pub ours.sif 2>/dev/null || code=$?
[ $code -eq 15 ]
echo "OCI-SIF: the same bytes and text as siftool's"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Signatures made by others, with the verdict that each must get.
. "$(dirname "$0")/lib.sh"
corpus=${SIFKIT_SHARED:-$(dirname "$0")/../../../shared}/corpus/sif
[ -d "$corpus" ] || skip "no corpus of SIF images beside the project"

export HOME=$work
checked=0
# expect CODE IMAGE [OPTIONS…]
expect() {
  local code=$1 image=$2 found=0
  shift 2
  "$SIFKIT" verify -q "$corpus/images/$image.sif" "$@" 2>"$work/error" || found=$?
  if [ "$found" -ne "$code" ]; then
    echo "verify $image $*: expected exit code $code, got $found"
    cat "$work/error"
    exit 1
  fi
  checked=$((checked + 1))
}

verified=0 not_found=3 unsigned=13 untrusted=14 tampered=15
pgp=$corpus/keys/private.asc
key() { echo "$corpus/keys/$1-public.pem"; }

for image in empty empty-id empty-launch-script one-object-generic-json one-group two-groups one-group-signed-legacy \
  one-group-signed-legacy-all one-group-signed-legacy-group two-groups-signed-legacy; do
  expect $unsigned $image --key "$pgp"
done
expect $verified one-group-signed-pgp --key "$pgp"
expect $untrusted one-group-signed-pgp --key "$(key rsa)"
expect $untrusted one-group-signed-pgp
expect $verified two-groups-signed-pgp --key "$pgp"
expect $verified two-groups-signed-pgp --key "$pgp" -g 1
expect $verified two-groups-signed-pgp --key "$pgp" -g 2
expect $verified two-groups-signed-pgp --key "$pgp" -i 3
expect $not_found two-groups-signed-pgp --key "$pgp" -g 3
expect $not_found two-groups-signed-pgp --key "$pgp" -i 9
expect $verified one-group-signed-pgp --key "$pgp" --require-fingerprint 12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84
expect $untrusted one-group-signed-pgp --key "$pgp" --require-fingerprint 00045C8C0B1004D058DE4BEDA20C27EE7FF7BA84
for image in one-group-signed-dsse two-groups-signed-dsse; do
  expect $verified $image --key "$(key ed25519)"
  expect $verified $image --key "$(key rsa)"
  expect $untrusted $image --key "$(key ecdsa)"
  expect $untrusted $image --key "$pgp"
done

# Ours, over an unsigned image of theirs, by each of their keys.
for kind in ed25519 rsa ecdsa; do
  cp "$corpus/images/two-groups.sif" "$work/x.sif"
  "$SIFKIT" sign -q --key "$corpus/keys/$kind-private.pem" "$work/x.sif"
  "$SIFKIT" verify -q --key "$(key $kind)" "$work/x.sif"
done
cp "$corpus/images/two-groups.sif" "$work/x.sif"
"$SIFKIT" sign -q --key "$pgp" "$work/x.sif"
"$SIFKIT" verify -q --key "$pgp" "$work/x.sif"
printf 'X' | dd of="$work/x.sif" bs=1 seek=37000 conv=notrunc status=none
if "$SIFKIT" verify -q --key "$pgp" "$work/x.sif" 2>/dev/null; then exit 1; else [ $? -eq $tampered ]; fi
echo "$checked rows"

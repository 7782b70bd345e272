#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Signatures made by others, with the verdict that each must get, and ours over their images by their keys.
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

verified=0 usage=2 not_found=3 unsigned=13 untrusted=14 tampered=15
pgp=$corpus/keys/private.asc
pem() { echo "$corpus/keys/$1-public.pem"; }
legacy=(--legacy-insecure --key "$pgp")

empty=(empty empty-id empty-launch-script)
single=(one-object-generic-json one-object-time one-object-crypt-message one-object-sbom one-object-oci-root-index one-object-oci-blob)
plain=(one-group two-groups)
old=(one-group-signed-legacy one-group-signed-legacy-all one-group-signed-legacy-group two-groups-signed-legacy
  two-groups-signed-legacy-all two-groups-signed-legacy-group)
new=(one-group-signed-pgp two-groups-signed-pgp one-group-signed-dsse two-groups-signed-dsse)
for image in "${empty[@]}" "${single[@]}" "${plain[@]}"; do
  for options in "" --all --legacy-insecure "--legacy-insecure --all"; do
    # shellcheck disable=SC2086
    expect $unsigned "$image" --key "$pgp" $options
  done
done
for image in "${old[@]}"; do expect $unsigned "$image" --key "$pgp"; done
for image in "${new[@]}"; do
  expect $unsigned "$image" "${legacy[@]}"
  expect $unsigned "$image" "${legacy[@]}" --all
done

expect $verified one-group-signed-pgp --key "$pgp"
expect $untrusted one-group-signed-pgp --key "$(pem rsa)"
expect $untrusted one-group-signed-pgp
for options in "" "-g 1" "-g 2" "-i 1" "-i 2" "-i 3" --all --local "--groupid 1" "--id 3"; do
  # shellcheck disable=SC2086
  expect $verified two-groups-signed-pgp --key "$pgp" $options
done
expect $verified two-groups-signed-pgp -k "$pgp"
expect $not_found two-groups-signed-pgp --key "$pgp" -g 3
expect $not_found two-groups-signed-pgp --key "$pgp" -i 9
expect $usage two-groups-signed-pgp --key "$pgp" -i 4
expect $usage two-groups-signed-pgp --key "$pgp" -i 0
expect $usage two-groups-signed-pgp --key "$pgp" -g 0
fingerprint=12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84
expect $verified one-group-signed-pgp --key "$pgp" --require-fingerprint $fingerprint
expect $verified one-group-signed-pgp --key "$pgp" --require-fingerprint "1204 5c8c 0b10 04d0 58de  4bed a20c 27ee 7ff7 ba84"
expect $untrusted one-group-signed-pgp --key "$pgp" --require-fingerprint 0${fingerprint:1}
expect $usage one-group-signed-pgp --key "$pgp" --require-fingerprint A20C27EE7FF7BA84
for image in one-group-signed-dsse two-groups-signed-dsse; do
  expect $verified $image --key "$(pem ed25519)"
  expect $verified $image --key "$(pem rsa)"
  expect $verified $image --key "$(pem ed25519)" --require-fingerprint SHA256:x6l8ZblpSSXGaPMCzySedWg88BwIFcz8jlPb6el0mFs
  expect $untrusted $image --key "$(pem ecdsa)"
  expect $untrusted $image --key "$pgp"
done

# Legacy: image, then the codes without options, with --all, -g 1, -i 1, -i 2.
while read -r image codes; do
  options=("" --all "-g 1" "-i 1" "-i 2")
  for code in $codes; do
    # shellcheck disable=SC2086
    expect "${!code}" "$image" "${legacy[@]}" ${options[0]}
    options=("${options[@]:1}")
  done
done <<EOF
one-group-signed-legacy        verified unsigned unsigned unsigned verified
one-group-signed-legacy-all    verified verified unsigned verified verified
one-group-signed-legacy-group  unsigned unsigned verified unsigned unsigned
two-groups-signed-legacy       verified unsigned unsigned unsigned verified
two-groups-signed-legacy-all   verified unsigned unsigned verified verified
two-groups-signed-legacy-group unsigned unsigned verified unsigned unsigned
EOF
expect $untrusted one-group-signed-legacy --legacy-insecure
"$SIFKIT" verify "${legacy[@]}" "$corpus/images/one-group-signed-legacy-all.sif" --all >"$work/text"
[ "$(grep -c 'header and descriptors are not protected' "$work/text")" -eq 2 ]

# Ours, over their unsigned images by their keys, is theirs: both PEM keys signed together.
for image in one-group two-groups; do
  cp "$corpus/images/$image.sif" "$work/x.sif"
  "$SIFKIT" sign -q --key "$corpus/keys/ed25519-private.pem" --key "$corpus/keys/rsa-private.pem" "$work/x.sif"
  cmp "$work/x.sif" "$corpus/images/$image-signed-dsse.sif"
done
for kind in ed25519 rsa ecdsa; do
  cp "$corpus/images/two-groups.sif" "$work/x.sif"
  SIFKIT_SIGN_KEY=$corpus/keys/$kind-private.pem "$SIFKIT" sign -q "$work/x.sif"
  APPTAINER_VERIFY_KEY=$(pem $kind) "$SIFKIT" verify -q "$work/x.sif"
done
cp "$corpus/images/two-groups.sif" "$work/x.sif"
"$SIFKIT" sign -q --key "$pgp" -k 0 "$work/x.sif"
"$SIFKIT" verify -q --key "$pgp" "$work/x.sif"

# A whole other tool agrees.
if command -v gpg >/dev/null; then
  export GNUPGHOME=$work/gpg
  mkdir -m 700 "$GNUPGHOME"
  gpg --quiet --batch --import "$pgp" 2>/dev/null
  "$SIFKIT" sif dump 4 "$work/x.sif" >"$work/message"
  gpg --quiet --verify "$work/message" 2>"$work/error" || { cat "$work/error"; exit 1; }
fi

printf 'X' | dd of="$work/x.sif" bs=1 seek=37000 conv=notrunc status=none
if "$SIFKIT" verify -q --key "$pgp" "$work/x.sif" 2>/dev/null; then exit 1; else [ $? -eq $tampered ]; fi
# Of several files the worst counts, and every one has a record.
code=0
"$SIFKIT" verify --json=v1 --key "$pgp" "$corpus/images/one-group-signed-pgp.sif" "$work/x.sif" "$work/none" >"$work/json" 2>/dev/null || code=$?
[ $code -eq $tampered ]
[ "$(jq -c '[.images[] | [.verified, .kind]]' "$work/json")" = '[[true,null],[false,"tampered"],[false,"not_found"]]' ]
echo "$checked rows"

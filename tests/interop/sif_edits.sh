#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Edits of images made by others: the results of siftool 2.24, known by their digests.
. "$(dirname "$0")/lib.sh"
corpus=${SIFKIT_SHARED:-$(dirname "$0")/../../../shared}/corpus/sif
[ -d "$corpus" ] || skip "no corpus of SIF images beside the project"

printf '\xfa\xce\xfe\xed' >"$work/object"
image=$work/x.sif
checked=0

# begin NAME: the next steps change a copy of this image.
begin() { cp "$corpus/images/$1.sif" "$image"; }
step() {
  local verb=$1
  shift
  "$SIFKIT" sif "$verb" "$@" || {
    echo "sifkit sif $verb $* fails"
    exit 1
  }
}
# becomes SIZE DIGEST
becomes() {
  if [ "$(stat -c %s "$image")" -ne "$1" ] || [ "$(sha256sum <"$image" | cut -c -64)" != "$2" ]; then
    echo "row $((checked + 1)): not what siftool makes"
    exit 1
  fi
  checked=$((checked + 1))
}

begin one-group
step del 1 "$image"
becomes 40960 05a647fc6cdfb342b7393f8a7b368dfa7ad9bf075eaa51372f94481f07502d4f
step add "$image" "$work/object" --datatype 7 --groupid 1
becomes 40964 94d836257d532680664655ad8fb3c9339fbf01a71b573e08ce1e8ad2c010b671
begin one-group
step setprim 1 "$image"
becomes 40960 9ec6e36e3898be608a59d4dffb2e1bc1386f7ded62eb260f3d0cf5971e7b680c
begin two-groups
step setprim 3 "$image"
becomes 303104 80bd904778e493389624a952a1ab148055074adf28da5dfce16ba0d74daa76b8
begin one-group-signed-pgp
step del 3 "$image" --quiet
becomes 42008 014819cc660162c98e762342b8505d10972b75862289ba8f03117985aadd7e28
begin empty
step add "$image" "$work/object" --datatype 1
becomes 32180 97fb7979af424b5039ecc59b86b465e63c9631825c04b58cc8efc3c6c7e5b793
begin empty
step add "$image" - --datatype 4 --parttype 2 --partfs 1 --partarch 2 --groupid 1 <"$work/object"
becomes 32772 b6b16072ba63fd43a4cccb64d56f97278d61fb0923ccb2dfcddd5eef9dcac711
begin empty
step add "$image" "$work/object" --datatype 11
becomes 32180 4d948298706dee8cfc5ae85d23a5092b8c17eb4cb1626f1cac0a41684a9872ab
begin empty
cat "$work/object" | step add "$image" - --datatype 10
becomes 32180 d0d8431051262016afc941959c4c40b1ef8376f3235cceeed23ee79bed50dd80
begin empty
step add "$image" "$work/object" --datatype 8
becomes 32180 1327249b3722696afe85ed5825d34ade619fa9b74729da5f56b55bd0c66de234

# The same image as the corpus has, from nothing.
step new --force --deterministic "$image"
cmp "$image" "$corpus/images/empty.sif"

# Signatures stay valid when everything has moved.
begin two-groups
step del 1 "$image"
"$SIFKIT" sign -q --key "$corpus/keys/ed25519-private.pem" "$image"
dd if=/dev/urandom bs=1000 count=9 status=none >>"$image"
step compact "$image"
"$SIFKIT" verify -q --key "$corpus/keys/ed25519-public.pem" "$image"
[ "$("$SIFKIT" sif list --json "$image" | grep -c '"size"')" -eq 4 ]
echo "$checked results"
[ "$checked" -eq 10 ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys from here to GnuPG and back, and what each signs checked by the other.
. "$(dirname "$0")/lib.sh"
need gpg gpg-agent jq python3
export HOME=$work GNUPGHOME=$work/gnupg SIFKIT_PASSPHRASE=secret
mkdir -m 700 "$GNUPGHOME"
trap '[ $? -eq 0 ] || tail -20 "$work/gpg.log"; gpgconf --kill all 2>/dev/null || true; rm -rf "$work"' EXIT
gpg() { command gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase secret "$@" 2>>"$work/gpg.log"; }
listed() { "$SIFKIT" key list --json "$@" | jq -r '.keys[].fingerprint'; }

mkdir "$work/tree"
"$SIFKIT" build -q "$work/plain.sif" "dir:$work/tree"
# The text of an image's signature, as GnuPG sees it.
verified_by_gpg() {
  local id
  id=$("$SIFKIT" sif list --json "$1" | jq '[.objects[].id] | max')
  "$SIFKIT" sif dump "$id" "$1" >"$work/signature.asc"
  gpg --status-fd 1 --verify "$work/signature.asc" | holds "^\[GNUPG:\] VALIDSIG $2 "
}

# Ours, to GnuPG: the pair, what it signs, and its revocation.
for algorithm in ed25519 rsa4096; do
  ours=$("$SIFKIT" key newpair --json -N "Ours $algorithm" -E "$algorithm@example.org" --algorithm $algorithm | jq -r .key.fingerprint)
  "$SIFKIT" key export "$ours" | gpg --import
  "$SIFKIT" key export --secret --armor -o "$work/$algorithm.asc" "$ours"
  gpg --import "$work/$algorithm.asc"
  echo text >"$work/text"
  gpg --local-user "$ours" --detach-sign "$work/text"
  gpg --status-fd 1 --verify "$work/text.sig" "$work/text" | holds "^\[GNUPG:\] VALIDSIG $ours "
  rm "$work/text.sig"
  cp "$work/plain.sif" "$work/$algorithm.sif"
  "$SIFKIT" sign -q --key-name "$ours" "$work/$algorithm.sif"
  verified_by_gpg "$work/$algorithm.sif" "$ours"
  gpg --with-colons --fixed-list-mode --list-keys "$ours" >"$work/listed"
  [ "$(awk -F: '$1 == "pub" {print $7}' "$work/listed")" = "$("$SIFKIT" key list --json | jq ".keys[] | select(.fingerprint == \"$ours\") | .expires")" ]
  gpg --import "$work/.config/sifkit/keys/revocations/$ours.asc"
  gpg --with-colons --list-keys "$ours" | holds '^pub:r:'
done

# Secret keys of which the primary one is elsewhere sign with their subkey; without one they are not taken for keys whose
# passphrase is wrong.
gpg --quick-generate-key "Offline <offline@example.net>" ed25519 cert 1y
offline=$(gpg --with-colons --list-keys offline@example.net | awk -F: '$1 == "fpr" && !found++ {print $10}')
gpg --quick-add-key "$offline" ed25519 sign 1y
gpg --export-secret-subkeys "$offline" >"$work/offline.pgp"
"$SIFKIT" key import -q "$work/offline.pgp"
cp "$work/plain.sif" "$work/offline.sif"
"$SIFKIT" sign -q --key-name offline@example.net "$work/offline.sif"
"$SIFKIT" verify -q --require-fingerprint "$offline" "$work/offline.sif"
verified_by_gpg "$work/offline.sif" "$(gpg --with-colons --list-keys "$offline" | awk -F: '$1 == "fpr" {last = $10} END {print last}')"
gpg --quick-generate-key "Stub <stub@example.net>" ed25519 cert,sign 1y
stub=$(gpg --with-colons --list-keys stub@example.net | awk -F: '$1 == "fpr" && !found++ {print $10}')
gpg --quick-add-key "$stub" cv25519 encr 1y
gpg --export-secret-subkeys "$stub" >"$work/stub.pgp"
python3 - "$work/stub.pgp" "$work/card.pgp" <<'END'
import sys

packet = open(sys.argv[1], "rb").read()
at = packet.index(b"GNU\1")  # the way to lock a key that means: not here (2: on a card, with its serial number behind)
size = packet[1] if packet[0] & 3 == 0 else int.from_bytes(packet[1:3], "big")
start = 2 if packet[0] & 3 == 0 else 3
body = packet[start : at] + b"GNU\2\x10" + bytes(16)
open(sys.argv[2], "wb").write(b"\xc5\xff" + len(body).to_bytes(4, "big") + body + packet[start + size :])
END
for kind in stub card; do
  cp "$work/plain.sif" "$work/$kind.sif"
  code=0
  "$SIFKIT" sign -q --key "$work/$kind.pgp" "$work/$kind.sif" 2>"$work/said" || code=$?
  [ $code = 9 ]
  case $kind in
  stub) grep -q 'the secret of this key is left out' "$work/said" ;;
  card) grep -q 'the secret of this key is on a smartcard, which is not asked' "$work/said" ;;
  esac
  cmp "$work/plain.sif" "$work/$kind.sif"
done

# GnuPG's, to us: every kind of key that can sign images, locked, with subkeys, armored and binary.
for kind in rsa2048 ed25519 nistp256 nistp384 nistp521 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 secp256k1; do
  gpg --quick-generate-key "Theirs $kind <$kind@example.net>" $kind cert,sign 1y
  theirs=$(gpg --with-colons --list-keys "$kind@example.net" | awk -F: '$1 == "fpr" && !found++ {print $10}')
  case $kind in
  rsa*) gpg --quick-add-key "$theirs" rsa2048 encrypt 1y ;;
  ed25519) gpg --quick-add-key "$theirs" cv25519 encrypt 1y ;;
  nistp521) gpg --quick-add-key "$theirs" nistp521 encrypt 1y ;;
  esac
  gpg --armor --export-secret-keys "$theirs" | "$SIFKIT" key import -q -
  listed --secret | holds -x "$theirs"
  listed | holds -x "$theirs"
  cp "$work/plain.sif" "$work/$kind.sif"
  "$SIFKIT" sign -q --key-name "$theirs" "$work/$kind.sif"
  verified_by_gpg "$work/$kind.sif" "$theirs"
  "$SIFKIT" verify -q "$work/$kind.sif"
  # What is handed on is what came.
  gpg --export "$theirs" | "$SIFKIT" key import -q --keydir "$work/passing" -
  cmp <("$SIFKIT" key export --keydir "$work/passing" "$theirs") <(gpg --export "$theirs")
done

# A change made by GnuPG arrives: another user id, then a revocation.
theirs=$(gpg --with-colons --list-keys ed25519@example.net | awk -F: '$1 == "fpr" && !found++ {print $10}')
gpg --quick-add-uid "$theirs" 'Another <another@example.net>'
[ "$(gpg --export "$theirs" | "$SIFKIT" key import --json - | jq -r '.keys[0].change')" = updated ]
"$SIFKIT" key list --json | jq -e ".keys[] | select(.fingerprint == \"$theirs\") | .user_ids | index(\"Another <another@example.net>\")" >/dev/null
sed 's/^:---/---/' "$GNUPGHOME/openpgp-revocs.d/$theirs.rev" | sed -n '/^-----BEGIN/,$p' | "$SIFKIT" key import -q -
"$SIFKIT" key list --json | jq -e ".keys[] | select(.fingerprint == \"$theirs\") | .problem | startswith(\"is revoked\")" >/dev/null
code=0
"$SIFKIT" verify -q "$work/ed25519.sif" 2>"$work/error" || code=$?
[ "$code" -eq 14 ]

# Keys that sign nothing here: too weak, out of date.
gpg --quick-generate-key 'Old <old@example.net>' ed25519 sign seconds=1
sleep 2
gpg --export old@example.net | "$SIFKIT" key import -q - 2>/dev/null
"$SIFKIT" key list --json | jq -e '.keys[] | select(.user_ids[0] == "Old <old@example.net>") | .problem | startswith("has expired on ")' >/dev/null
echo "GnuPG: all as expected"

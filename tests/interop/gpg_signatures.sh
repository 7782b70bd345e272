#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys that gpg has made sign images; gpg verifies what they sign. Keys that may not be used are refused.
. "$(dirname "$0")/lib.sh"
need gpg jq openssl python3
export HOME=$work GNUPGHOME=$work/gpg
mkdir -m 700 "$GNUPGHOME"
trap 'gpgconf --kill all 2>/dev/null || true; rm -rf "$work"' EXIT

mkdir -p "$work/tree/etc"
echo 'hello' >"$work/tree/etc/motd"
"$SIFKIT" build -q "$work/plain.sif" "dir:$work/tree"
fresh() { cp "$work/plain.sif" "$work/image.sif"; }
fails_with() {
  local code=$1 found=0
  shift
  "$@" >"$work/out" 2>"$work/error" || found=$?
  [ "$found" -eq "$code" ] || { echo "$*: expected exit code $code, got $found"; cat "$work/error"; exit 1; }
  # Libraries have nothing to say to the user.
  if grep -v -e '^sifkit: ' -e '^  hint: ' "$work/error"; then echo "$*: these lines are not ours"; exit 1; fi
}
malformed=7 unsupported=9 denied=11 untrusted=14 tampered=15

# new_key NAME ALGORITHM USAGE PASSPHRASE [OPTION…]
new_key() {
  local name=$1 algorithm=$2 usage=$3 word=$4
  shift 4
  gpg "$@" --quiet --batch --pinentry-mode loopback --passphrase "$word" --quick-gen-key "$name <$name@example.org>" "$algorithm" "$usage" "${expire:-never}" 2>/dev/null
  gpg "$@" --quiet --batch --pinentry-mode loopback --passphrase "$word" --armor --export-secret-keys "$name@example.org" >"$work/$name.asc" 2>/dev/null
  gpg --quiet --batch --armor --export "$name@example.org" >"$work/$name.pub" 2>/dev/null
}

# gpg_accepts NAME: the signature in the image, made with that key
gpg_accepts() {
  "$SIFKIT" sif dump "$("$SIFKIT" sif list --json "$work/image.sif" | jq '.objects[] | select(.type == "Signature") | .id')" "$work/image.sif" >"$work/message"
  gpg --quiet --verify "$work/message" 2>"$work/error" || { echo "gpg refuses what $1 has signed"; cat "$work/error" "$work/message"; exit 1; }
}

# The numbers of a signature have no fixed length: each length of the base64's last group comes up in some of these.
new_key lengths nistp521 sign ""
for _ in {1..16}; do
  fresh
  "$SIFKIT" sign -q --key "$work/lengths.asc" "$work/image.sif"
  gpg_accepts lengths
done

for algorithm in rsa2048 ed25519 nistp256 nistp384 nistp521; do
  for word in "" "open sesame"; do
    name=$algorithm${word:+-locked}
    new_key "$name" "$algorithm" sign "$word"
    fresh
    printf '%s\n' "$word" >"$work/word"
    "$SIFKIT" sign -q --key "$work/$name.asc" --passphrase-file "$work/word" "$work/image.sif"
    "$SIFKIT" verify -q --key "$work/$name.pub" "$work/image.sif"
    gpg_accepts "$name"
  done
done

# Which key, and its passphrase.
cat "$work"/{rsa2048,ed25519-locked}.asc >"$work/two.asc"
fresh
fails_with 2 "$SIFKIT" sign --key "$work/two.asc" "$work/image.sif"
fails_with $denied "$SIFKIT" sign --key "$work/two.asc" -k 1 --passphrase-fd 3 "$work/image.sif" 3<<<"wrong"
cmp "$work/plain.sif" "$work/image.sif"
SIFKIT_PASSPHRASE="open sesame" "$SIFKIT" sign -q --key "$work/two.asc" --key-name ed25519-locked@example.org "$work/image.sif"
"$SIFKIT" verify -q --key "$work/ed25519-locked.pub" "$work/image.sif"
fails_with $untrusted "$SIFKIT" verify --key "$work/rsa2048.pub" "$work/image.sif"

# Keys come through a pipe, too; nothing, and GnuPG's own box of keys, are none.
"$SIFKIT" verify -q --key <(gpg --export ed25519-locked@example.org) "$work/image.sif"
: > "$work/empty"
fails_with $malformed "$SIFKIT" verify --key "$work/empty" "$work/image.sif"
fails_with $unsupported "$SIFKIT" verify --key "$GNUPGHOME/pubring.kbx" "$work/image.sif"
grep -q "gpg --export" "$work/error"

# A subkey may sign where the descriptor names the primary key, if each of the two has signed the other.
new_key certifier ed25519 cert ""
fingerprint_of() { gpg --with-colons --list-keys certifier@example.org | awk -F: -v n="$1" '$1 == "fpr" && !--n {print $10}'; }
primary=$(fingerprint_of 1)
gpg --quiet --batch --pinentry-mode loopback --passphrase "" --quick-add-key "$primary" ed25519 sign never 2>/dev/null
subkey=$(fingerprint_of 2)
fresh
"$SIFKIT" sign -q --key "$work/ed25519.asc" "$work/image.sif"
python3 "$here/subkeys.py" text "$work/image.sif" | gpg --quiet --batch --digest-algo SHA256 --local-user "$subkey!" --clearsign >"$work/message"
python3 "$here/subkeys.py" put "$work/image.sif" "$work/message" "$primary"
gpg --export certifier@example.org >"$work/certifier.gpg"
"$SIFKIT" verify -q --key "$work/certifier.gpg" "$work/image.sif"
python3 "$here/subkeys.py" text "$work/image.sif" | gpg --quiet --batch --digest-algo SHA256 --default-sig-expire seconds=1 --local-user "$subkey!" --clearsign >"$work/brief"
cp "$work/image.sif" "$work/brief.sif"
python3 "$here/subkeys.py" put "$work/brief.sif" "$work/brief" "$primary"
sleep 2
fails_with $untrusted "$SIFKIT" verify -q --key "$work/certifier.gpg" "$work/brief.sif"
grep -q 'the signature has expired' "$work/error"
python3 "$here/subkeys.py" strip "$work/certifier.gpg" >"$work/stripped.gpg"
fails_with $untrusted "$SIFKIT" verify -q --key "$work/stripped.gpg" "$work/image.sif"
grep -q 'has not signed its primary key in turn' "$work/error"
sed 's/"version":1/"version": 1/' "$work/message" >"$work/changed"
python3 "$here/subkeys.py" put "$work/image.sif" "$work/changed" "$primary"
fails_with $tampered "$SIFKIT" verify -q --key "$work/certifier.gpg" "$work/image.sif"
python3 "$here/subkeys.py" put "$work/image.sif" "$work/message" "$subkey"
fails_with $tampered "$SIFKIT" verify -q --key "$work/certifier.gpg" "$work/image.sif"

fresh
fails_with $denied "$SIFKIT" sign --key "$work/certifier.asc" "$work/image.sif"
grep -q 'the key is not for signing' "$work/error"
new_key weak rsa1024 sign ""
fails_with $denied "$SIFKIT" sign --key "$work/weak.asc" "$work/image.sif"
cmp "$work/plain.sif" "$work/image.sif"

# Expired now, though good when it signed: signed through a copy of the key that does not expire yet.
now=$(date +%s)
expire=seconds=4 new_key brief ed25519 sign ""
"$SIFKIT" sign -q --key "$work/brief.asc" "$work/image.sif"
"$SIFKIT" verify -q --key "$work/brief.pub" "$work/image.sif"
while [ "$(date +%s)" -lt $((now + 7)) ]; do sleep 1; done
fails_with $untrusted "$SIFKIT" verify --key "$work/brief.pub" "$work/image.sif"
grep -q 'the key has expired' "$work/out"
fails_with $denied "$SIFKIT" sign --key "$work/brief.asc" "$work/image.sif"

# Revoked.
fresh
new_key gone ed25519 sign ""
"$SIFKIT" sign -q --key "$work/gone.asc" "$work/image.sif"
"$SIFKIT" verify -q --key "$work/gone.pub" "$work/image.sif"
sed 's/^:-----/-----/' "$GNUPGHOME/openpgp-revocs.d/$(gpg --with-colons --list-keys gone@example.org | awk -F: '/^fpr/ && !found++ {print $10}').rev" | gpg --quiet --batch --import 2>/dev/null
gpg --quiet --batch --armor --export gone@example.org >"$work/gone.pub"
fails_with $untrusted "$SIFKIT" verify --key "$work/gone.pub" "$work/image.sif"
grep -q 'the key is revoked' "$work/out"

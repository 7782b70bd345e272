#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Certificates: what a chain must be, and what OCSP responders (openssl's, on loopback) say.
. "$(dirname "$0")/lib.sh"
need openssl python3
export HOME=$work
cd "$work"
verified=0 network=12 untrusted=14 malformed=7
responders=()
trap 'kill "${responders[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >extensions <<EOF
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[between]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:http://127.0.0.1:$port
[leaf]
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
authorityInfoAccess = OCSP;URI:http://127.0.0.1:$port
[no_responder]
extendedKeyUsage = codeSigning
[any]
keyUsage = critical, digitalSignature
[server]
extendedKeyUsage = serverAuth
[encrypting]
keyUsage = critical, keyEncipherment
extendedKeyUsage = codeSigning
[not_ca]
basicConstraints = critical, CA:FALSE
[responder]
extendedKeyUsage = OCSPSigning
EOF
serial=0
# certificate NAME SECTION ISSUER [OPTION…]: signs with an EC key made on the way.
certificate() {
  local name=$1 section=$2 issuer=$3
  shift 3
  serial=$((serial + 1))
  [ -e "$name.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key" 2>/dev/null
  local sign=(-CA "$issuer.pem" -CAkey "$issuer.key")
  [ "$name" != "$issuer" ] || sign=(-signkey "$name.key")
  openssl req -new -key "$name.key" -subj "/O=Example/CN=$name" -out "$name.csr"
  openssl x509 -req -in "$name.csr" "${sign[@]}" -set_serial $serial -days 30 -extfile extensions -extensions "$section" -out "$name.pem" "$@" 2>/dev/null
}
certificate root root root
certificate between between root
certificate leaf leaf between

mkdir -p tree/etc && echo hello >tree/etc/motd
"$SIFKIT" build -q image.sif "dir:tree"
"$SIFKIT" sign -q --key leaf.key image.sif

# expect CODE TEXT OPTIONS…: the text is in what is printed.
expect() {
  local code=$1 text=$2 found=0
  shift 2
  "$SIFKIT" verify image.sif "$@" >out 2>&1 || found=$?
  if [ "$found" -ne "$code" ] || ! grep -q -- "$text" out; then
    echo "verify $*: expected exit code $code and '$text', got $found:"
    cat out
    exit 1
  fi
}
chain=(--certificate-intermediates between.pem --certificate-roots root.pem)
expect $verified 'CN=leaf,O=Example' --certificate leaf.pem "${chain[@]}"
cat leaf.pem between.pem >both.pem
expect $verified 'VERIFIED' --certificate both.pem --certificate-roots root.pem
expect $verified 'VERIFIED' --certificate leaf.pem --certificate-roots between.pem
APPTAINER_VERIFY_CERTIFICATE=leaf.pem APPTAINER_VERIFY_INTERMEDIATES=between.pem APPTAINER_VERIFY_ROOTS=root.pem expect $verified 'CN=leaf'
expect $untrusted 'unable to get' --certificate leaf.pem --certificate-roots root.pem
expect $untrusted 'unable to get' --certificate leaf.pem --certificate-intermediates between.pem
cp leaf.key other.key && certificate other leaf root
expect $verified 'VERIFIED' --certificate other.pem --certificate-roots root.pem
certificate stranger leaf between
expect $untrusted 'made by none of the given keys' --certificate stranger.pem "${chain[@]}"

for section in any server encrypting; do
  cp leaf.key $section.key
  certificate $section $section between
done
expect $verified 'VERIFIED' --certificate any.pem "${chain[@]}"
expect $untrusted 'extended key usages' --certificate server.pem "${chain[@]}"
expect $untrusted 'key usages' --certificate encrypting.pem "${chain[@]}"
# Expired: the leaf, and a certificate between (CVE-2026-24122).
cp leaf.key stale.key
certificate stale leaf between -days -1
expect $untrusted 'has expired' --certificate stale.pem "${chain[@]}"
cp between.key aged.key
certificate aged between root -days -1
openssl x509 -req -in leaf.csr -CA aged.pem -CAkey aged.key -set_serial 90 -days 30 -extfile extensions -extensions leaf -out under_aged.pem 2>/dev/null
expect $untrusted 'has expired' --certificate under_aged.pem --certificate-intermediates aged.pem --certificate-roots root.pem
# One who is no authority signs; SHA-1; RSA of 1024 bits.
certificate layman not_ca root
cp leaf.key fake.key
certificate fake leaf layman
expect $untrusted 'invalid CA' --certificate fake.pem --certificate-intermediates layman.pem --certificate-roots root.pem
certificate sha1 leaf between -sha1
expect $untrusted 'too weak' --certificate sha1.pem "${chain[@]}"
openssl genrsa -out short.key 1024 2>/dev/null
certificate short leaf between
expect $untrusted 'too weak' --certificate short.pem "${chain[@]}"
# Files that are not what they should be.
# Text around blocks is for people; what is no whole block is none.
{ openssl x509 -in leaf.pem -text; echo '# the leaf'; } >text.pem
expect $verified VERIFIED --certificate text.pem "${chain[@]}"
{ echo junk; sed '/^-----END/d' leaf.pem; } >junk.pem
expect $malformed 'has no end' --certificate junk.pem "${chain[@]}"
expect $malformed 'expected a certificate' --certificate leaf.key "${chain[@]}"
expect 2 'excludes' --certificate leaf.pem --key leaf.key

# OCSP. The responder of `serve` says of leaf (3) and between (2) what the index says.
entry() { printf '%s\t491231235959Z\t%s\t%02X\tunknown\t/O=Example/CN=%s\n' "$1" "$2" "$3" "$4"; }
certificate answers responder between
certificate root_answers responder root
serve() {
  local index=$1
  shift
  openssl ocsp -port "$port" -index "$index" "$@" >responder.log 2>&1 &
  responders=($!)
  local i
  for i in $(seq 50); do
    if grep -q waiting responder.log; then return; fi
    sleep 0.1
  done
  cat responder.log
  exit 1
}
end() {
  kill "${responders[@]}"
  wait "${responders[@]}" 2>/dev/null || true
  responders=()
}
{ entry V '' 2 between; entry V '' 3 leaf; } >good
{ entry V '' 2 between; entry R 240101000000Z,keyCompromise 3 leaf; } >leaf_revoked
: >empty_index
cat root.pem between.pem >authorities.pem
ocsp=("${chain[@]}" --ocsp-verify)
expect $network 'OCSP' --certificate leaf.pem "${ocsp[@]}"
expect $untrusted 'names no responder' --certificate any.pem "${ocsp[@]}"
certificate alone any alone
expect $untrusted 'its own root' --certificate alone.pem --certificate-roots alone.pem --ocsp-verify
# A certificate straight under the root: one question.
cp leaf.key direct.key && certificate direct leaf root
direct=(--certificate direct.pem --certificate-roots root.pem --ocsp-verify)
entry V '' $serial direct >direct_good
entry R 240101000000Z,keyCompromise $serial direct >direct_revoked
serve direct_good -CA root.pem -rsigner root_answers.pem -rkey root_answers.key -ndays 1
expect $verified 'VERIFIED' "${direct[@]}"
APPTAINER_VERIFY_OCSP=1 expect $verified 'VERIFIED' --certificate direct.pem --certificate-roots root.pem
expect $verified 'VERIFIED' "${direct[@]}" --ocsp-verify=false
end
serve direct_revoked -CA root.pem -rsigner root.pem -rkey root.key -ndays 1
expect $untrusted 'revoked since 2024-01-01 00:00:00 UTC: keyCompromise' "${direct[@]}"
expect $verified 'VERIFIED' --certificate direct.pem --certificate-roots root.pem
end
serve empty_index -CA root.pem -rsigner root.pem -rkey root.key -ndays 1
expect $untrusted 'does not know' "${direct[@]}"
end
# Not the issuer's word: another authority of the same root, and one who may not answer.
serve direct_good -CA root.pem -rsigner stranger.pem -rkey stranger.key -ndays 1
expect $untrusted 'does not hold' "${direct[@]}"
end
# In a longer chain every certificate is asked for; here its responder knows only one issuer.
serve good -CA between.pem -rsigner answers.pem -rkey answers.key -ndays 1
expect $untrusted 'certificate' --certificate leaf.pem "${ocsp[@]}"
end

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys to and from a keyserver on the loopback interface, one that behaves and one that does not.
. "$(dirname "$0")/lib.sh"
need python3 jq openssl
server=$(dirname "$0")/../support/hkp_server.py
export HOME=$work SIFKIT_PASSPHRASE=secret
unset http_proxy https_proxy all_proxy
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

# start FOLDER [CERTIFICATE KEY]: sets $port
start() {
  mkdir -p "$1"
  python3 "$server" "$@" 2>/dev/null &
  servers+=($!)
  for _ in $(seq 200); do
    [ -e "$1/port" ] && break
    sleep 0.05
  done
  port=$(cat "$1/port")
}

# refused CODE TEXT COMMAND…: fails with this exit code and says this
refused() {
  local code=$1 text=$2 found=0
  shift 2
  "$SIFKIT" key "$@" >"$work/out" 2>"$work/err" || found=$?
  if [ "$found" -ne "$code" ] || ! grep -q -- "$text" "$work/err"; then
    echo "key $*: expected exit code $code and '$text', got $found:"
    cat "$work/out" "$work/err"
    exit 1
  fi
}

new_key() { "$SIFKIT" key newpair --json -N "$1" -E "$1@example.org" --keydir "$work/maker" | jq -r .key.fingerprint; }
export_key() { "$SIFKIT" key export --keydir "$work/maker" "$@"; }

start "$work/hkp"
hkp=hkp://127.0.0.1:$port
ada=$(new_key ada)
bob=$(new_key bob)
export_key -a "$ada" >"$work/hkp/$ada.asc"
cat >"$work/hkp/index" <<END
info:1:2
pub:$ada:22:256:1700000000:1800000000:r
uid:Ada%20Lovelace%20%3Cada@example.org%3E:1700000000::
uid:%1B[31mred:1700000000::
pub:${bob:24}:1:4096:::
END

# search
[ "$("$SIFKIT" key search --json -u "$hkp" ada@example.org | jq -c '[.keys[] | [.id, .bits, .created, .expires, .flags, .user_ids[0]]]')" = \
  "[[\"$ada\",256,1700000000,1800000000,\"r\",\"Ada Lovelace <ada@example.org>\"],[\"${bob:24}\",4096,null,null,\"\",null]]" ]
"$SIFKIT" key search -u "$hkp" ada@example.org >"$work/table" 2>"$work/talk"
grep -qF "$ada  2023-11-14  2027-01-15  r" "$work/table"
grep -qF '\x1b[31mred' "$work/table"
grep -qF "asking http://127.0.0.1:$port" "$work/talk"
refused 3 "has no key for 'nobody'" search -u "$hkp" nobody
SIFKIT_KEYSERVER=$hkp "$SIFKIT" key search -q ada@example.org >/dev/null
# One odd key does not hide the others, and its user ids are nobody else's.
printf 'pub:12345678:1:2048:::\nuid:Odd <ada@example.org>:::\npub:%s:22:256:::\nuid:Ada:::\npub:v6:27:256:::\nuid:Other:::\n' "$ada" >"$work/hkp/index"
[ "$("$SIFKIT" key search --json -u "$hkp" ada@example.org 2>"$work/talk" | jq -c '[.keys[] | [.id, .user_ids]]')" = "[[\"$ada\",[\"Ada\"]]]" ]
grep -qF '2 of the keys that the server lists have no fingerprint or long key ID and are not shown' "$work/talk"
for i in $(seq 1001); do printf 'pub:%040d:1:2048:::\n' "$i"; done >"$work/hkp/index"
refused 10 'more than 1000 keys' search -u "$hkp" 1:2048
printf '<html>ada</html>' >"$work/hkp/index"
refused 7 'expected a list of keys' search -u "$hkp" ada

# pull
"$SIFKIT" key pull -q -u "$hkp" "$ada"
[ "$("$SIFKIT" key list --json | jq -r '.keys[].fingerprint')" = "$ada" ]
cmp <(export_key "$ada") <("$SIFKIT" key export "$ada")
refused 3 'status 404' pull -u "$hkp" "$bob"
refused 2 'not a full fingerprint' pull -u "$hkp" "${ada:24}"
misbehave() { echo "$*" >"$work/hkp/mode"; }
export_key -a "$bob" >"$work/bob.asc"
misbehave "file $work/bob.asc"
refused 8 "asked for the public key $ada, the server gave the public key $bob" pull -u "$hkp" "$ada"
cat "$work/hkp/$ada.asc" "$work/bob.asc" >"$work/both.asc"
misbehave "file $work/both.asc"
refused 8 'expected one key' pull -u "$hkp" "$ada"
export_key -s -a -o "$work/secret.asc" "$ada"
misbehave "file $work/secret.asc"
refused 8 'gave the secret key' pull -u "$hkp" "$ada"
misbehave "file $0"
refused 7 'expected OpenPGP keys' pull -u "$hkp" "$ada"
misbehave short
refused 12 "http://127.0.0.1:$port" pull -u "$hkp" "$ada"
misbehave endless
refused 10 'over the limit' pull -u "$hkp" "$ada"
misbehave trailer
refused 10 'headers of the answer are over the limit' pull -u "$hkp" "$ada"
misbehave loop
refused 12 'redirects' pull -u "$hkp" "$ada"
[ "$(grep -c "$ada" "$work/hkp/log")" -lt 20 ]
misbehave status 500
refused 12 'status 500: no \\x1b\[31mthanks$' pull -u "$hkp" "$ada"
misbehave status 403
refused 11 'status 403' pull -u "$hkp" "$ada"
misbehave status 429
refused 12 'status 429' pull -u "$hkp" "$ada"
misbehave redirect file:///etc/passwd
refused 12 '' pull -u "$hkp" "$ada"
refused 12 'status 307' push --keydir "$work/maker" -u "$hkp" "$ada"
rm "$work/hkp/mode"
[ "$("$SIFKIT" key list --json | jq '.keys | length')" = 1 ]

# push
"$SIFKIT" key push -q --keydir "$work/maker" -u "$hkp" "$bob"
cmp "$work/hkp/added.asc" "$work/bob.asc"
refused 3 'no public key' push --keydir "$work/maker" -u "$hkp" nobody

# TLS: only with a certificate that is trusted, and never down to plain HTTP
openssl req -quiet -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null ||
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null
start "$work/hkps" "$work/tls.pem" "$work/tls.key"
hkps=hkps://127.0.0.1:$port
export_key -a "$bob" >"$work/hkps/$bob.asc"
refused 12 'certificate' pull -u "$hkps" "$bob"
refused 12 '' pull -u "hkps://localhost:$port" --cacert "$work/tls.pem" "$bob"
"$SIFKIT" key pull -q -u "$hkps" --cacert "$work/tls.pem" "$bob"
echo "redirect http://127.0.0.1:$(cat "$work/hkp/port")" >"$work/hkps/mode"
refused 12 '' pull -u "$hkps" --cacert "$work/tls.pem" "$ada"
if grep -q redirected "$work/hkp/log"; then
  echo "a redirect from HTTPS to HTTP was followed"
  exit 1
fi

# Verifying asks no server: nothing answers there, and nothing is asked.
requests=$(wc -l <"$work/hkp/log")
mkdir "$work/tree"
"$SIFKIT" build -q "$work/app.sif" "dir:$work/tree"
"$SIFKIT" key newpair -q -N eve --keydir "$work/eve"
"$SIFKIT" key export -s -o "$work/eve.key" eve --keydir "$work/eve"
"$SIFKIT" sign -q --key "$work/eve.key" "$work/app.sif"
code=0
SIFKIT_KEYSERVER=$hkp "$SIFKIT" verify -q "$work/app.sif" 2>/dev/null || code=$?
[ "$code" -eq 14 ]
[ "$(wc -l <"$work/hkp/log")" -eq "$requests" ]

# A server that never answers does not outlive Ctrl-C.
python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); open("'"$work"'/deaf", "w").write(str(s.getsockname()[1])); time.sleep(60)' &
servers+=($!)
while [ ! -s "$work/deaf" ]; do sleep 0.05; done
"$SIFKIT" key pull -u "http://127.0.0.1:$(cat "$work/deaf")" "$ada" 2>/dev/null &
pull=$!
sleep 0.5
kill -TERM $pull
code=0
wait $pull || code=$?
[ "$code" -eq 143 ]
echo "keyserver: all as expected"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A service behind TLS that asks for a client's certificate: as the variables of the docker program say, and as a
# context says. Nothing is sent to a service that cannot show who it is.
. "$(dirname "$0")/lib.sh"
need python3 openssl

cd "$work"
mkdir certs home root
export HOME=$work/home
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }
# signed NAME SUBJECT EXTENSION: NAME.pem by the authority, for the key NAME-key.pem
signed() {
  new_key "$1-key.pem"
  openssl req -new -key "$1-key.pem" -subj "/CN=$2" -out request.pem
  openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile <(echo "$3") -out "$1.pem" 2>/dev/null
}
cd certs
new_key ca-key.pem
openssl req -x509 -new -key ca-key.pem -subj /CN=authority -days 2 -out ca.pem
signed server 127.0.0.1 subjectAltName=IP:127.0.0.1
signed elsewhere example.org subjectAltName=DNS:example.org
signed client client extendedKeyUsage=clientAuth
cd ..
mkdir client other
cp certs/ca.pem client/ca.pem
cp certs/client.pem client/cert.pem
cp certs/client-key.pem client/key.pem
new_key other-key.pem
openssl req -x509 -new -key other-key.pem -subj /CN=other -days 2 -out other/ca.pem

echo text >root/file
tar -C root -cf layer.tar file
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(sha256sum <layer.tar | cut -d' ' -f1)" >config.json
printf '[{"Config":"config.json","RepoTags":["good:latest"],"Layers":["layer.tar"]}]' >manifest.json
tar -cf archive.tar layer.tar config.json manifest.json

servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
# start NAME FOLDER: a service whose port is in NAME
start() {
  python3 "$here/mock_engine.py" "$1" archive.tar "$2" &
  servers+=($!)
  for _ in $(seq 100); do [ -s "$1" ] && return; sleep 0.05; done
  echo "no service"
  exit 1
}
start port certs
mkdir wrong
cp certs/ca.pem wrong
cp certs/elsewhere.pem wrong/server.pem
cp certs/elsewhere-key.pem wrong/server-key.pem
start wrong-port wrong

taken() { # VARIABLE=VALUE…
  rm -f x.sif
  env "$@" "$SIFKIT" build -q x.sif docker-daemon:good
  [ "$("$SIFKIT" cat x.sif file)" = text ]
}
refused() { # TEXT VARIABLE=VALUE…
  local text=$1 code=0
  shift
  rm -f x.sif
  env "$@" "$SIFKIT" build -q x.sif docker-daemon:good 2>error || code=$?
  [ $code -eq 12 ] && grep -q "$text" error && [ ! -e x.sif ] || { echo "$*: exit code $code, expected 12 and '$text'"; cat error; exit 1; }
}
at=tcp://127.0.0.1:$(cat port)
taken DOCKER_HOST="$at" DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$work/client"
taken DOCKER_HOST="https://${at#tcp://}" DOCKER_CERT_PATH="$work/client"
cp -r client home/.docker
taken DOCKER_HOST="$at" DOCKER_TLS_VERIFY=1
rm -r home/.docker

refused 'certificate' DOCKER_HOST="$at" DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$work/other"
grep -q "hint: the certificates for it are ca.pem, cert.pem and key.pem in '$work/other'" error
cp client/ca.pem other/ca.pem # the service is known, but who asks is not
refused 'alert\|reset\|certificate' DOCKER_HOST="$at" DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$work/other"
refused "$(cat wrong-port): .*127.0.0.1" DOCKER_HOST="tcp://127.0.0.1:$(cat wrong-port)" DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$work/client"
refused 127.0.0.1 DOCKER_HOST="$at" # TLS is not spoken unless somebody says so
# What the user has set not to be checked is not, and is told.
env DOCKER_HOST="tcp://127.0.0.1:$(cat wrong-port)" DOCKER_TLS=1 DOCKER_CERT_PATH="$work/client" "$SIFKIT" images docker-daemon:good >/dev/null 2>error
grep -q 'not verified' error

# A context, laid down as the docker program does.
id=$(printf far | sha256sum | cut -d' ' -f1)
mkdir -p "home/.docker/contexts/meta/$id" "home/.docker/contexts/tls/$id"
echo '{"currentContext":"far"}' >home/.docker/config.json
printf '{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"%s","SkipTLSVerify":false}}}' "$at" >"home/.docker/contexts/meta/$id/meta.json"
cp -r client "home/.docker/contexts/tls/$id/docker"
taken
rm "home/.docker/contexts/tls/$id/docker/ca.pem"
refused 'certificate'

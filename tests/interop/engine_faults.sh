#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A service that is not there, that refuses, lies, hangs or dies: what is said, the exit code, and nothing left behind.
. "$(dirname "$0")/lib.sh"
need python3 jq
[ "$(id -u)" -ne 0 ] || need setpriv

mkdir "$work/out" "$work/scratch" "$work/root"
export DOCKER_HOST=unix://$work/engine.sock TMPDIR=$work/scratch
out=$work/out/x.sif

# An archive as a service sends it, with a layer too large for memory.
head -c 3000000 /dev/urandom >"$work/root/data"
tar -C "$work/root" -cf "$work/layer.tar" data
diff_id=$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$diff_id" >"$work/config.json"
printf '[{"Config":"config.json","RepoTags":["good:latest"],"Layers":["layer.tar"]}]' >"$work/manifest.json"
tar -C "$work" -cf "$work/archive.tar" layer.tar config.json manifest.json

# refused CODE TEXT COMMAND…
refused() {
  local code=$1 text=$2 found=0
  shift 2
  timeout 30 "$@" >"$work/stdout" 2>"$work/error" || found=$?
  if [ $found -ne "$code" ] || ! grep -qF -- "$text" "$work/error"; then
    echo "$*: expected exit code $code and '$text', got $found and:"
    cat "$work/error"
    exit 1
  fi
  if [ -n "$(ls -A "$work/out" "$work/scratch" | grep -v :)" ]; then
    echo "$*: left behind:"
    ls -A "$work/out" "$work/scratch"
    exit 1
  fi
}
build() {
  local code=$1 name=$2 text=$3
  shift 3
  refused "$code" "$text" "$SIFKIT" build -q "$out" "docker-daemon:$name" "$@"
}

network=12 denied=11 not_found=3 malformed=7 unsupported=9 limit=10

build $network good "is the service running?"
: >"$work/engine.sock"
build $network good "Connection refused"
rm "$work/engine.sock"

python3 "$here/mock_engine.py" "$work/engine.sock" "$work/archive.tar" &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -S "$work/engine.sock" ] && break; sleep 0.05; done

"$SIFKIT" build -q "$out" docker-daemon:good
cmp <("$SIFKIT" cat "$out" /data) "$work/root/data"
rm "$out"
"$SIFKIT" images docker-daemon: | holds "^@0 *one:latest two:v2 *linux/amd64 *abababababab "
"$SIFKIT" images docker-daemon:two:v2 | holds two:v2
"$SIFKIT" inspect docker-daemon:good >/dev/null

build $not_found absent "there are: one:latest, two:v2"
build $network old-api "client version 1.12 is too old"
build $malformed not-docker "not-docker"
build $network no-http "$DOCKER_HOST"
build $network no-answer "$DOCKER_HOST"
build $denied forbidden "authorization denied by plugin"
build $limit endless "limit"
build $network no-room "no space left on device"
build $network closes "$DOCKER_HOST"
build $network chunk-cut "$DOCKER_HOST"
build $malformed short "short"
build $network error-after-200 'the graph driver has \x1b[31mfailed'
build $network empty "empty"
build $unsupported other-image "plan9"
build $network hangs "silent" --service-timeout 1
build $network hangs-midway "silent" --service-timeout 1
refused $network "silent" "$SIFKIT" inspect docker-daemon:hangs --service-timeout 1
refused $not_found "there are: one:latest, two:v2" "$SIFKIT" inspect docker-daemon:absent
refused 2 "one:latest, two:v2" "$SIFKIT" build "$out" docker-daemon:
refused 6 "standard output" sh -c '"$SIFKIT" images docker-daemon:one >/dev/full'
refused $not_found "there are: one:latest, two:v2" "$SIFKIT" images docker-daemon:absent
DOCKER_HOST=$work/engine.sock refused $unsupported "unix://$work/engine.sock" "$SIFKIT" images docker-daemon:

# What cannot be written is told before anything is fetched, here from a service that would not answer.
: >"$work/there.sif"
refused 4 "there.sif' exists" timeout 10 "$SIFKIT" build "$work/there.sif" docker-daemon:hangs
refused $not_found "open the output directory" timeout 10 "$SIFKIT" build "$work/none/x.sif" docker-daemon:hangs

# A stop while the service is silent, or sends.
for name in hangs hangs-midway slow; do
  refused 130 "stopped" timeout --preserve-status -s INT -k 20 0.7 "$SIFKIT" build -q "$out" docker-daemon:$name
done

# A sender that repeats itself, as timeout(1) does, is no reason to say less.
refused 143 "stopped" sh -c '"$SIFKIT" build -q "$0" docker-daemon:hangs & sleep 0.5; kill -TERM $!; sleep 0.03; kill -TERM $!; wait $!' "$out"

# The service dies while it sends.
(
  sleep 1
  kill $server
) &
build $network slow "$DOCKER_HOST"

# A socket with no room for another connection, and one that somebody else may use.
rm -f "$work/engine.sock"
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
[w.setblocking(False) for w in waiting]
[w.connect_ex(sys.argv[1]) for w in waiting]
import time; time.sleep(60)' "$work/engine.sock" &
server=$!
for _ in $(seq 100); do [ -S "$work/engine.sock" ] && break; sleep 0.05; done
sleep 0.2
build $network good "$DOCKER_HOST" --service-timeout 1
chmod 0 "$work/engine.sock"
chmod 755 "$work"
if [ "$(id -u)" -eq 0 ]; then
  chmod 777 "$work/out" "$work/scratch"
  refused $denied "docker save" setpriv --reuid=65534 --regid=65534 --clear-groups "$SIFKIT" build -q "$out" docker-daemon:good
else
  build $denied good "docker save"
fi
echo "every fault is told"

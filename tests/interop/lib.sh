# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the tests against other people's tools: SIFKIT names the program. Exit code 77 is "skipped".
set -Eeuo pipefail
trap 'echo "${BASH_SOURCE[0]##*/}, line $LINENO: failed: $BASH_COMMAND" >&2' ERR
export LC_ALL=C.UTF-8
export PATH=$PATH:/usr/sbin:/sbin
# Keys are where HOME says, if anywhere.
export SIFKIT_DISABLE_CACHE=1
unset SIFKIT_CONFIGDIR XDG_CONFIG_HOME APPTAINER_CONFIGDIR SINGULARITY_CONFIGDIR APPTAINER_KEYSDIR SINGULARITY_SYPGPDIR

skip() {
  echo "skipped: $*"
  exit 77
}

need() {
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || skip "no $tool"
  done
}

need_root() {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
}

need_terminal() {
  python3 -c 'import os; os.openpty()' 2>/dev/null || skip "no pseudo-terminals here"
}

# grep that reads to the end: -q closes the pipe at the first match, which would fail whoever writes into it.
holds() { grep "$@" | cat >/dev/null; }

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; chmod -R u+rwx "$work" 2>/dev/null || true; rm -rf "$work"' EXIT

# A Docker daemon of the test's own: DOCKER_HOST, and TCP on $port. It ends with the test.
start_dockerd() {
  need dockerd docker
  need_root
  export DOCKER_HOST=unix://$work/docker.sock
  port=$((20000 + $$ % 20000))
  dockerd --iptables=false --bridge=none --storage-driver=vfs --host="$DOCKER_HOST" --host="tcp://127.0.0.1:$port" --tls=false \
    --data-root="$work/data" --exec-root="$work/exec" --pidfile="$work/docker.pid" >"$work/dockerd.log" 2>&1 &
  daemon=$!
  trap 'umount "$work/mnt" 2>/dev/null || true; kill $daemon 2>/dev/null || true; wait $daemon 2>/dev/null || true; rm -rf "$work" 2>/dev/null || true' EXIT
  for _ in $(seq 120); do
    docker info >/dev/null 2>&1 && return
    kill -0 $daemon 2>/dev/null || skip "dockerd does not start here: $(grep -o 'msg=.*' "$work/dockerd.log" | tail -1)"
    sleep 0.5
  done
  skip "dockerd does not answer"
}

# A registry of the test's own at $host, with TLS ($work/certs) and the user alice ($password), and a HOME that knows
# neither. It ends with the test.
start_registry() {
  need docker-registry htpasswd openssl curl
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  host=localhost:$port
  export HOME=$work/home
  mkdir -p "$HOME" "$work/certs"
  unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy REGISTRY_AUTH_FILE DOCKER_CONFIG XDG_RUNTIME_DIR
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$work/key.pem" -out "$work/certs/ca.crt" 2>/dev/null
  password='s3cret: p%w'
  htpasswd -Bbn alice "$password" >"$work/htpasswd"
  cat >"$work/config.yml" <<EOF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/store}}
auth: {htpasswd: {realm: test, path: $work/htpasswd}}
http: {addr: "127.0.0.1:$port", tls: {certificate: $work/certs/ca.crt, key: $work/key.pem}}
EOF
  serve_registry
  trap 'kill $registry; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
}

serve_registry() {
  docker-registry serve "$work/config.yml" >>"$work/registry.log" 2>&1 &
  registry=$!
  for _ in $(seq 100); do
    curl -s --cacert "$work/certs/ca.crt" "https://$host/v2/" >/dev/null && break
    sleep 0.1
  done
}

# Where the file system starts in a SIF.
partition_offset() {
  "$SIFKIT" sif list --json "$1" | jq '.objects[] | select(.partition == "*System") | .offset'
}

# mounted SIF: makes the SIF's root visible at $work/mnt.
mounted() {
  mkdir -p "$work/mnt"
  mount -o "loop,ro,offset=$(partition_offset "$1")" "$1" "$work/mnt" || skip "no loop mounts here"
}

# same_trees WHAT EXPECTED FOUND [OPTIONS…]
same_trees() {
  local what=$1
  shift
  python3 "$here/compare_trees.py" "$@" >"$work/differences" || {
    echo "$what differs:"
    cat "$work/differences"
    exit 1
  }
}

# same_image A B: one image from two sources; only the definition, which names the source, may differ.
same_image() {
  local sif
  for sif in "$1" "$2"; do
    "$SIFKIT" ls -R --json "$sif" | jq -c '.files[]' | grep -v -e 'singularity.d/labels.json' -e 'singularity.d/Singularity' >"$sif.list"
    "$SIFKIT" sif header --json "$sif" | jq -r .id >>"$sif.list"
    partition_offset "$sif" >>"$sif.list"
  done
  diff "$1.list" "$2.list"
}

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The user's story with a real Docker daemon of its own: run, commit, then a SIF straight from the daemon, from a pipe,
# from a saved archive and from a container. What comes out is compared with Docker's own export.
. "$(dirname "$0")/lib.sh"
need dockerd docker jq rsync dpkg-deb
need_root

export DOCKER_HOST=unix://$work/docker.sock
dockerd --iptables=false --bridge=none --storage-driver=vfs --host="$DOCKER_HOST" --data-root="$work/data" \
  --exec-root="$work/exec" --pidfile="$work/docker.pid" >"$work/dockerd.log" 2>&1 &
daemon=$!
trap 'umount "$work/mnt" 2>/dev/null || true; kill $daemon 2>/dev/null || true; wait $daemon 2>/dev/null || true; rm -rf "$work" 2>/dev/null || true' EXIT
for _ in $(seq 60); do
  docker info >/dev/null 2>&1 && break
  kill -0 $daemon 2>/dev/null || skip "dockerd does not start here"
  sleep 0.5
done
docker info >/dev/null 2>&1 || skip "dockerd does not answer"

cd "$work"
mkdir packages root
(cd packages && apt-get download -qq busybox-static base-files) || skip "no Debian packages to be had"
for package in packages/*.deb; do dpkg-deb --extract "$package" root; done
mkdir -p root/{dev,proc,sys,tmp}
ln -s busybox root/bin/sh
tar --numeric-owner -C root -c . | docker import - base >/dev/null

docker run --network=none --name change base /bin/busybox sh -c '
  export PATH=/bin; busybox mkdir -p /opt/gone /opt/kept
  busybox echo one > /opt/gone/x; busybox echo two > /opt/kept/y; busybox ln /opt/kept/y /opt/kept/z
  busybox chmod 0 /opt/kept/y; busybox mkfifo /opt/fifo; busybox mknod /opt/null c 1 3' >/dev/null
docker commit change first >/dev/null
docker run --network=none --name again first /bin/busybox sh -c '
  export PATH=/bin; busybox rm -r /opt/gone; busybox echo new > /opt/gone; busybox cp /bin/busybox /opt/suid
  busybox chmod 4755 /opt/suid; busybox chown 1000:1001 /opt/suid' >/dev/null
docker commit -c 'ENV WORDS="a b"' -c 'CMD ["/bin/busybox","echo","it works"]' again my_app >/dev/null

"$SIFKIT" build -q daemon.sif docker-daemon://my_app:latest
docker save my_app | "$SIFKIT" build -q pipe.sif -
docker save -o my_app.tar my_app
"$SIFKIT" build -q --verify-after archive.sif docker-archive://my_app.tar
"$SIFKIT" build -q container.sif docker-container:again

mkdir exported
docker export again | tar --numeric-owner -xpC exported
# Docker puts its own files over these.
rm -rf exported/.dockerenv exported/dev exported/proc exported/sys exported/etc/{hostname,hosts,mtab,resolv.conf}
for image in daemon pipe archive container; do
  mounted $image.sif
  # Folders that Docker mounted on have the time of that.
  found=$(differences exported mnt | grep -vE '^\*deleting|^\.d\.\.t\.+ (etc/|tmp/|var/|home/|root/)' || true)
  umount mnt
  if [ -n "$found" ]; then
    echo "$image: the trees differ:"
    head -20 <<<"$found"
    exit 1
  fi
done
# The definition names the source; all else is the same.
for image in pipe archive; do
  cmp <("$SIFKIT" ls -R daemon.sif | grep -v -e labels.json -e /Singularity) <("$SIFKIT" ls -R $image.sif | grep -v -e labels.json -e /Singularity)
  [ "$("$SIFKIT" sif header --json daemon.sif | jq .id)" = "$("$SIFKIT" sif header --json $image.sif | jq .id)" ]
done
"$SIFKIT" images docker-daemon:my_app | grep -q 'my_app:latest'
if "$SIFKIT" build none.sif docker-daemon:none 2>error.txt; then exit 1; fi
grep -q 'my_app:latest' error.txt
[ ! -e none.sif ]
echo "four ways, one image"

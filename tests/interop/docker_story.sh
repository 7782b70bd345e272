#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The user's story with a real Docker daemon of its own: run, install, commit, then a SIF straight from the daemon, from a
# pipe, from a saved archive and from a container. What comes out is compared with Docker's own export.
. "$(dirname "$0")/lib.sh"
need jq python3 dpkg-deb

start_dockerd

cd "$work"
mkdir packages root
(cd packages && apt-get download -qq -o APT::Sandbox::User=root busybox-static base-files) || skip "no Debian packages to be had"
# A package to install in the container, whose scripts run there.
mkdir -p made/DEBIAN made/opt/made
printf 'Package: made\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: made\n' >made/DEBIAN/control
printf '#!/bin/sh\necho configured >/opt/made/state\n' >made/DEBIAN/postinst
chmod 755 made/DEBIAN/postinst
dpkg-deb --build --root-owner-group made made.deb >/dev/null
for package in packages/*.deb; do dpkg-deb --extract "$package" root; done
mkdir -p root/{dev,proc,sys,tmp}
ln -s busybox root/bin/sh
tar --numeric-owner -C root -c . | docker import - base >/dev/null

docker run --network=none -v "$work/made.deb:/made.deb:ro" --name change base /bin/busybox sh -c '
  export PATH=/tmp:/bin; busybox --install -s /tmp
  mkdir -p /var/lib/dpkg/info; touch /var/lib/dpkg/status; busybox dpkg -i /made.deb
  mkdir -p /opt/gone /opt/kept
  echo one > /opt/gone/x; echo two > /opt/kept/y; ln /opt/kept/y /opt/kept/z
  chmod 0 /opt/kept/y; mkfifo /opt/fifo; mknod /opt/null c 1 3; rm /tmp/*' >run.log 2>&1 || { cat run.log; exit 1; }
docker commit change first >/dev/null
docker run --network=none --name again first /bin/busybox sh -c '
  export PATH=/bin; busybox rm -r /opt/gone; busybox echo new > /opt/gone; busybox cp /bin/busybox /opt/suid
  busybox chmod 4755 /opt/suid; busybox chown 1000:1001 /opt/suid' >/dev/null
docker commit -c 'ENV WORDS="a b"' -c 'CMD ["/bin/busybox","echo","it works"]' again my_app >/dev/null
docker tag my_app registry.example.org:5000/team/my_app:v2
id=$(docker image inspect --format '{{.Id}}' my_app)

"$SIFKIT" build -q daemon.sif docker-daemon://my_app:latest
docker save my_app | "$SIFKIT" build -q pipe.sif -
docker save -o my_app.tar my_app
"$SIFKIT" build -q --verify-after archive.sif docker-archive://my_app.tar
"$SIFKIT" build -q container.sif docker-container:again
"$SIFKIT" build -q id.sif "docker-daemon:$id"
"$SIFKIT" build -q short.sif "docker-daemon:${id:7:12}"
"$SIFKIT" build -q tag.sif docker-daemon:registry.example.org:5000/team/my_app:v2
DOCKER_HOST=tcp://127.0.0.1:$port "$SIFKIT" build -q tcp.sif docker-daemon:my_app
env -u DOCKER_HOST "$SIFKIT" build -q option.sif docker-daemon:my_app --docker-host "tcp://127.0.0.1:$port"
gzip -k my_app.tar
"$SIFKIT" build -q gzip.sif my_app.tar.gz
docker save -o several.tar base first my_app registry.example.org:5000/team/my_app:v2
"$SIFKIT" build -q several.sif docker-archive:several.tar:my_app:latest

mkdir exported
docker export again | tar --numeric-owner -xpC exported
# Docker mounts these, or puts its own files over them; directories that it mounted in have the time of that.
own=(--ignore .dockerenv --ignore dev --ignore proc --ignore sys --ignore made.deb --loose-time .)
for file in hostname hosts mtab resolv.conf; do own+=(--ignore "etc/$file"); done
for directory in etc tmp var home root; do own+=(--loose-time "$directory"); done
for image in daemon container; do
  mounted $image.sif
  same_trees "$image" "${own[@]}" exported mnt
  umount mnt
done
for image in pipe archive id short tag tcp option gzip several; do same_image daemon.sif $image.sif; done
[ "$("$SIFKIT" cat daemon.sif /opt/made/state)" = configured ]

"$SIFKIT" images docker-daemon:my_app | holds 'my_app:latest'
[ "$("$SIFKIT" images --json several.tar | jq -c '[.images[].tags[]] | sort')" = \
  '["base:latest","first:latest","my_app:latest","registry.example.org:5000/team/my_app:v2"]' ]
[ "$("$SIFKIT" inspect --json docker-daemon:my_app | jq -S 'del(.. | .labels?)')" = "$("$SIFKIT" inspect --json my_app.tar | jq -S 'del(.. | .labels?)')" ]
"$SIFKIT" inspect --runscript daemon.sif | holds 'it works'
if "$SIFKIT" build none.sif docker-daemon:none 2>error.txt; then exit 1; fi
grep -q 'my_app:latest' error.txt
if "$SIFKIT" build none.sif several.tar 2>error.txt; then exit 1; fi
grep -q 'first:latest' error.txt
[ ! -e none.sif ]

# A container goes on from the image that it was, or from its image's: whatever changed in it, also what keeps its size and
# time, which the Engine's list of changes goes by.
docker cp -q again:/opt/made/state state
tr a-z A-Z <state >changed
touch -r state changed
docker cp -q changed again:/opt/made/state
"$SIFKIT" build -q --no-base full.sif docker-container:again
for base in container daemon; do
  "$SIFKIT" build -q --base $base.sif rebuilt.sif docker-container:again
  cmp full.sif rebuilt.sif
  [ "$("$SIFKIT" cat rebuilt.sif /opt/made/state)" = CONFIGURED ]
  rm rebuilt.sif
done

# And into the daemon again: from what it has saved, from an archive of it, and from a SIF.
"$SIFKIT" copy -q docker-daemon:my_app docker-daemon:copied:1 --digestfile copied.txt
"$SIFKIT" build -q docker-daemon:from_gzip my_app.tar.gz
[ "$(cat copied.txt)" = "$id" ]
for name in copied:1 from_gzip; do [ "$(docker image inspect --format '{{.Id}}' $name)" = "$id" ]; done
"$SIFKIT" copy -q daemon.sif docker-daemon:from_sif
[ "$(docker run --rm --network=none from_sif)" = "it works" ]
"$SIFKIT" copy -q docker-daemon:from_sif docker-archive:from_sif.tar
if "$SIFKIT" copy -q several.tar:base docker-daemon:base:2 --docker-host unix:///none/such 2>error.txt; then exit 1; fi
grep -q 'cannot connect to unix:///none/such' error.txt
echo "eleven ways, one image"

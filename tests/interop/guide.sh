#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands of the guide, as they stand there, in both languages: in order, in one shell, with a Docker daemon and a
# stand-in for the base image. What is marked 'not run' needs a cluster.
. "$(dirname "$0")/lib.sh"
need jq gpg
[ "$(uname -m)" = x86_64 ] || skip "the guide's commands name an x86 cluster"
docs=$(cd "$here/../../docs" && pwd)

commands() { awk '/^<!-- not run/ {skip = 1} /^```$/ {run = 0} run {print} /^```sh$/ {run = !skip; skip = 0}' "$1"; }
commands "$docs/guide.md" >"$work/guide"
commands "$docs/guide.zh.md" >"$work/guide.zh"
[ "$(grep -c '^sifkit' "$work/guide")" -ge 15 ] || { echo "the guide's commands are not found"; exit 1; }
# Both guides run the same commands; comments are translated.
diff <(sed 's/ *#.*//' "$work/guide") <(sed 's/ *#.*//' "$work/guide.zh")

start_dockerd
cd "$work"
(apt-get download -qq -o APT::Sandbox::User=root busybox-static) || skip "no Debian package to be had"
dpkg-deb --extract busybox-static_*.deb root
mkdir -p root/{dev,proc,sys,tmp,etc,opt,usr/bin}
ln -s busybox root/bin/sh
echo 'Rocky Linux release 8.10 (Green Obsidian)' >root/etc/redhat-release
printf '#!/bin/sh\n[ "$*" = "install -y bc" ] && /bin/busybox ln -s /bin/busybox /usr/bin/bc\n' >root/usr/bin/yum
chmod 755 root/usr/bin/yum
tar --numeric-owner --owner=0 --group=0 -C root -c . | docker import - rockylinux:8 >/dev/null

mkdir bin home
ln -s "$SIFKIT" bin/sifkit
{
  echo 'set -euo pipefail'
  cat guide
} >run.sh
env -i PATH="$work/bin:/usr/bin:/bin" HOME="$work/home" LC_ALL=C.UTF-8 DOCKER_HOST="$DOCKER_HOST" bash -x run.sh >output 2>&1 || {
  cat output
  exit 1
}
# What the reader is told to see.
holds '^Rocky Linux release 8.10' output
holds '^/opt/pi.bc$' output
holds 'added\|changed' output
[ "$("$SIFKIT" cat home/ada/app.sif /opt/pi.bc)" = 'scale=20; 4*a(1)' ]
[ "$(cd home/ada && echo *)" = 'ada.asc app.sif' ]

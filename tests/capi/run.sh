#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh TEST_CAPI TEST_CAPI_WORK: runs them on what they ask for.
set -euo pipefail
program=$1 work_program=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work
mkdir -p "$work/root/etc" "$work/root/bin" "$work/out" "$work/more"
printf 'hello\n' >"$work/root/etc/motd"
ln -s ../etc/motd "$work/root/bin/tool"
head -c 1048576 /dev/zero >"$work/root/big"
tar -cf "$work/root.tar" -C "$work/root" .
for name in key other; do
  openssl genpkey -algorithm ed25519 -out "$work/$name.pem" 2>/dev/null
  openssl pkey -in "$work/$name.pem" -pubout -out "$work/$name.pub" 2>/dev/null
done
"$program" "$work/out" "$work/root.tar" "$work/key.pem" "$work/key.pub" "$work/other.pub"
printf 'hullo\n' >"$work/root/etc/motd"
tar -cf "$work/other.tar" -C "$work/root" .
"$work_program" "$work/more" "$work/root.tar" "$work/other.tar"

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the tests against other people's tools: SIFKIT names the program. Exit code 77 is "skipped".
set -euo pipefail
export LC_ALL=C.UTF-8
export PATH=$PATH:/usr/sbin:/sbin

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

work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; chmod -R u+rwx "$work" 2>/dev/null || true; rm -rf "$work"' EXIT

# Where the file system starts in a SIF.
partition_offset() {
  "$SIFKIT" sif list --json "$1" | jq '.objects[] | select(.partition == "*System") | .offset'
}

# mounted SIF: makes the SIF's root visible at $work/mnt.
mounted() {
  mkdir -p "$work/mnt"
  mount -o "loop,ro,offset=$(partition_offset "$1")" "$1" "$work/mnt" || skip "no loop mounts here"
}

# Differences in content, modes, owners, times, attributes and hard links, but for what a container adds.
differences() {
  rsync -naHAX --checksum --delete --itemize-changes --exclude=/.singularity.d --exclude=/singularity --exclude=/environment \
    --exclude=/.test --exclude=/.run --exclude=/.exec --exclude=/.shell "$1"/ "$2"/ |
    grep -vE '^\.d\.\.t\.+ \./$' || true
}

same() {
  local found
  found=$(differences "$1" "$2")
  if [ -n "$found" ]; then
    echo "the trees differ:"
    head -40 <<<"$found"
    exit 1
  fi
}

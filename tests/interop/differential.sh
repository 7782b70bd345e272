#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Random stacks of layers, extracted the plain way as root and flattened by sifkit; then every name, mode, owner, time,
# attribute, device, hard link and byte is compared, as the kernel, squashfuse and unsquashfs read the image, and in a
# directory. umoci is a second opinion where it takes a stack.
. "$(dirname "$0")/lib.sh"
need python3 jq unsquashfs
need_root

readers=() left_out=()
# reads NAME COMMAND…: whether a reader works here.
reads() {
  if command -v "$2" >/dev/null; then readers+=("$1"); else left_out+=("$1"); fi
}
reads kernel mount
reads squashfuse squashfuse_ll
codecs=(gzip zstd:3 xz lz4 none)
umoci_taken=0 refused=0 offset=0

# expect_tree WHAT FOLDER [OPTIONS…]
expect_tree() {
  same_trees "stack $seed with $codec: $1" "${@:3}" "$stack/tree" "$2"
}

read_by_kernel() {
  mount -o "loop,ro,offset=$2" "$1" "$work/mnt" 2>"$work/error" || return 1
  expect_tree "the kernel's view" "$work/mnt" "${@:3}"
  umount "$work/mnt"
}

read_by_squashfuse() {
  squashfuse_ll -o "offset=$2" "$1" "$work/mnt" 2>"$work/error" || return 1
  # Version 0.1 calls trusted attributes security ones, and the other way round.
  expect_tree "squashfuse's view" "$work/mnt" --attributes user. "${@:3}"
  umount "$work/mnt"
}

check_stack() {
  stack=$work/stack
  rm -rf "$stack" "$work/out"
  python3 "$here/layer_stacks.py" "$seed" "$stack"
  local code=0
  "$SIFKIT" build -q -F --verify-after --compress "$codec" "$work/x.sif" "oci:$stack/layout" 2>"$work/log" || code=$?
  if [ -e "$stack/refused" ]; then
    [ $code -eq 7 ] || { echo "stack $seed: exit code $code where the last entry cannot be extracted"; cat "$work/log"; exit 1; }
    refused=$((refused + 1))
    return
  fi
  [ $code -eq 0 ] || { echo "stack $seed is refused:"; cat "$work/log"; exit 1; }
  local reader
  offset=$(partition_offset "$work/x.sif")
  for reader in "${readers[@]}"; do
    "read_by_$reader" "$work/x.sif" "$offset" --stored-capabilities || {
      left_out+=("$reader with $codec ($(tail -1 "$work/error"))")
    }
  done
  unsquashfs -quiet -no-progress -offset "$offset" -dest "$work/out" "$work/x.sif" >/dev/null
  expect_tree "what unsquashfs writes" "$work/out" --stored-capabilities
}

mkdir -p "$work/mnt"
for seed in $(seq "${FIRST:-1}" "${ROUNDS:-20}"); do
  codec=${codecs[seed % ${#codecs[@]}]}
  check_stack
  [ ! -e "$stack/refused" ] || continue

  rm -rf "$work/stored" "$work/kept"
  mv "$work/out" "$work/stored"
  "$SIFKIT" build -q --sandbox "$work/out" "oci:$stack/layout" 2>/dev/null
  expect_tree "the sandbox" "$work/out"

  "$SIFKIT" build -q -F --compress "$codec" --format squashfs "$work/x.squashfs" "oci:$stack/layout" 2>/dev/null
  cmp "$work/x.squashfs" <(tail -c +$((offset + 1)) "$work/x.sif")

  # An image of other people's, packed again.
  theirs=${codec%%:*}
  mksquashfs "$work/stack/tree" "$work/theirs.squashfs" -quiet -no-progress -noappend -b 64K -comp "${theirs/none/gzip}" >/dev/null
  "$SIFKIT" build -q -F --verify-after --xattrs keep --compress "$codec" --format squashfs "$work/x.squashfs" "squashfs:$work/theirs.squashfs" 2>/dev/null
  rm -rf "$work/kept"
  unsquashfs -quiet -no-progress -dest "$work/kept" "$work/x.squashfs" >/dev/null
  expect_tree "a squashfs of mksquashfs's, packed again" "$work/kept"
  rm -rf "$work/kept"

  # The way back: a directory that has them stored, and an image that keeps them.
  "$SIFKIT" build -q -F --verify-after --xattrs keep "$work/x.sif" "dir:$work/stored" 2>/dev/null
  unsquashfs -quiet -no-progress -offset "$(partition_offset "$work/x.sif")" -dest "$work/kept" "$work/x.sif" >/dev/null
  expect_tree "an image made again of what unsquashfs writes" "$work/kept"

  command -v umoci >/dev/null || continue
  rm -rf "$work/bundle"
  if umoci raw unpack --image "$stack/layout:x" "$work/bundle" >/dev/null 2>&1; then
    expect_tree "what umoci writes" "$work/bundle" --extractor
    umoci_taken=$((umoci_taken + 1))
  fi
done

seed=large codec=zstd:3 all=${readers[*]}
readers=(kernel)  # squashfuse takes a minute for the zeros
check_stack

echo "readers: $all unsquashfs sandbox; umoci took $umoci_taken; refused as they must be: $refused"
[ ${#left_out[@]} -eq 0 ] || printf 'left out: %s\n' "${left_out[@]}" | sort | uniq -c

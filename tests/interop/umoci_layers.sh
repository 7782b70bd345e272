#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Random stacks of layers, with links on the way, devices and attributes: umoci extracts them as root, sifkit flattens
# them; a kernel mount of the result and the extracted tree are compared in everything.
. "$(dirname "$0")/lib.sh"
need umoci jq rsync python3
need_root

# umoci leaves the time at which an implied folder was made inside another one; the unit tests look at folders' times.
# A folder that no layer names has no metadata to compare: ours is 0755 of root, umoci's may be that of a file which was
# in its way.
real_differences() {
  local line path
  while IFS= read -r line; do
    if [[ $line == '.d..t...... '* ]]; then continue; fi
    path=$work/mnt/${line#* }
    if [[ $line == .d* && $(stat -c '%u:%g:%a' "$path") == 0:0:755 ]]; then continue; fi
    printf '%s\n' "$line"
  done
}

rounds=${ROUNDS:-25}
accepted=0
for seed in $(seq "$rounds"); do
  rm -rf "$work/layout" "$work/bundle"
  umoci init --layout "$work/layout"
  umoci new --image "$work/layout:x"
  layers=$(python3 "$(dirname "$0")/random_layers.py" "$seed" "$work")
  for layer in $layers; do
    umoci raw add-layer --image "$work/layout:x" "$layer"
  done
  ours=0
  "$SIFKIT" build -q -F --verify-after "$work/x.sif" "oci:$work/layout:x" 2>"$work/ours.log" || ours=$?
  theirs=0
  umoci unpack --image "$work/layout:x" "$work/bundle" >"$work/theirs.log" 2>&1 || theirs=$?
  # Releases of umoci differ in what they refuse, so there is nothing to compare then.
  [ "$theirs" -eq 0 ] || continue
  if [ "$ours" -ne 0 ]; then
    echo "seed $seed: sifkit refuses what umoci takes:"
    cat "$work/ours.log"
    exit 1
  fi
  # Both make up folders that no layer names; only ours have a time that does not change from run to run.
  rootfs=$work/bundle/rootfs
  mkdir -p "$rootfs"/{dev,proc,root,var/tmp,tmp,etc,sys,home} 2>/dev/null || true
  mounted "$work/x.sif"
  found=$(differences "$rootfs" "$work/mnt" |
    { grep -vE ' (etc/(hosts|resolv\.conf)|(dev|proc|root|var|var/tmp|tmp|etc|sys|home)/)$' || true; } | real_differences)
  umount "$work/mnt"
  if [ -n "$found" ]; then
    echo "seed $seed: the trees differ:"
    head -20 <<<"$found"
    exit 1
  fi
  accepted=$((accepted + 1))
done
echo "$accepted of $rounds stacks compared, the others refused by umoci"
[ "$accepted" -gt $((rounds / 4)) ]

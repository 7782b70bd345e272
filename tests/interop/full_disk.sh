#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A disk that fills up: for every size of a small file system the build succeeds whole or fails with exit code 6, names
# the file, leaves nothing behind and an existing target as it was. Output and scratch directory each on the small one.
. "$(dirname "$0")/lib.sh"
need python3
need_root

cd "$work"
mkdir mnt roomy
python3 - <<'END'
import io, json, hashlib, random, tarfile

def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()

layer = tar([("file", random.Random(1).randbytes(1_300_000))])
config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
manifest = json.dumps([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": [64 * "a" + "/layer.tar"]}]).encode()
open("image.tar", "wb").write(tar([(64 * "a" + "/layer.tar", layer), ("c.json", config), ("manifest.json", manifest)]))
END
"$SIFKIT" build -q whole.sif image.tar

fails() {
  echo "$size KiB, $1: $2"
  cat err
  exit 1
}

# one NAME COMMAND...: runs it with the small file system empty but for `old`, which must survive a failure.
one() {
  local name=$1 found=0
  shift
  "$@" 2>err || found=$?
  case $found in
    0) good=$((good + 1)) ;;
    6)
      full=$((full + 1))
      grep -q 'no space left on device' err || fails "$name" 'no word of space'
      grep -qE "'?[^ ]*(app\.sif|/mnt)" err || fails "$name" 'no path is named'
      ;;
    *) fails "$name" "exit code $found" ;;
  esac
  find mnt roomy -mindepth 1 ! -name old ! -name app.sif | grep . && fails "$name" 'something is left behind'
  if [ $found -eq 6 ]; then
    [ ! -e mnt/app.sif ] && [ ! -e roomy/app.sif ] || cmp -s old mnt/app.sif || fails "$name" 'a part of the target'
  fi
  rm -f roomy/app.sif
}

echo old >old
total_good=0
for size in 4 32 40 44 100 500 1200 1300 1312 1316 1320 1324 1328 1332 1336 1340 1400 1500; do
  good=0 full=0
  mount -t tmpfs -o "size=${size}k" tmpfs mnt || skip 'no tmpfs mounts here'
  one 'output' "$SIFKIT" build -q mnt/app.sif image.tar
  if [ -e mnt/app.sif ]; then cmp mnt/app.sif whole.sif; fi
  cp old mnt/app.sif
  one 'over an old output' "$SIFKIT" build -q --force mnt/app.sif image.tar
  rm -f mnt/app.sif
  one 'scratch directory' env TMPDIR="$work/mnt" bash -c '"$SIFKIT" build -q roomy/app.sif - <image.tar'
  umount mnt
  total_good=$((total_good + good))
done
[ $total_good -gt 3 ] && [ $full -eq 0 ] || fails 'the largest' 'should have been enough'

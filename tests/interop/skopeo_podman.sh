#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# One image as umoci, skopeo and podman write it: archives and layouts of every kind, compressed and plain, several images
# in one archive, an index of two platforms, and podman's own service.
. "$(dirname "$0")/lib.sh"
need python3 jq skopeo umoci
need_root

cd "$work"
mkdir -p rootfs/{bin,etc,opt/directory}
cp /bin/true rootfs/bin/program
echo 'NAME=test' >rootfs/etc/os-release
seq 100000 >rootfs/opt/directory/numbers
chmod 4711 rootfs/opt/directory/numbers
ln rootfs/opt/directory/numbers rootfs/opt/again
umoci init --layout source
umoci new --image source:x
umoci insert --image source:x rootfs/bin /bin
umoci insert --image source:x rootfs/etc /etc
umoci insert --image source:x rootfs/opt /opt
umoci insert --image source:x --whiteout /opt/again
umoci config --image source:x --config.cmd /bin/program --config.env 'WORDS=a b' --created 2024-02-03T04:05:06Z --architecture amd64
copy() { skopeo --insecure-policy copy --quiet "$@" >/dev/null; }

export HOME=$work TMPDIR=$work
"$SIFKIT" build -q first.sif oci:source:x
"$SIFKIT" build -q --sandbox tree oci:source:x
count=0
# expect_same SOURCE [OPTIONS…]: the same files; with the same configuration the same image.
expect_same() {
  "$SIFKIT" build -q -F --verify-after next.sif "$@" 2>"$work/log" || { echo "$1:"; cat "$work/log"; exit 1; }
  mounted next.sif
  same_trees "$1" --ignore .singularity.d tree mnt
  umount mnt
  if [ "$1" != - ] && [ "$(configuration "$1")" = "$(configuration oci:source:x)" ]; then same_image first.sif next.sif; fi
  count=$((count + 1))
}
configuration() { "$SIFKIT" images --json "$1" | jq -r '.images[0].config_digest'; }

for form in docker-archive oci-archive; do
  copy oci:source:x $form:$form.tar:name:tag
  expect_same $form:$form.tar
  expect_same $form.tar
  for tool in gzip zstd xz bzip2; do
    $tool -ck $form.tar >$form.tar.$tool
    expect_same $form.tar.$tool
  done
  expect_same - <$form.tar
  expect_same - <$form.tar.zstd
done
for format in oci v2s2; do
  for compression in gzip zstd none; do
    [ $format$compression != v2s2zstd ] || continue  # there is no such media type
    rm -rf layout
    case $compression in
      none) copy --format $format --dest-decompress oci:source:x dir:layout.dir && copy dir:layout.dir oci:layout:x ;;
      *) copy --format $format --dest-compress-format $compression --dest-compress oci:source:x dir:layout.dir && copy dir:layout.dir oci:layout:x ;;
    esac
    expect_same oci:layout:x
    rm -rf layout.dir
  done
done
copy --dest-oci-accept-uncompressed-layers --dest-decompress oci:source:x oci:plain:x
expect_same oci:plain:x

# Two platforms under one name.
umoci tag --image source:x arm >/dev/null
umoci config --image source:arm --architecture arm64 --created 2024-02-03T04:05:06Z
jq '.manifests |= (map(select(.annotations["org.opencontainers.image.ref.name"] == "x") | .platform = {os: "linux", architecture: "amd64"})
  + map(select(.annotations["org.opencontainers.image.ref.name"] == "arm") | .platform = {os: "linux", architecture: "arm64"})
  | map(del(.annotations)))
  | .mediaType = "application/vnd.oci.image.index.v1+json"' source/index.json >inner.json
digest=$(sha256sum <inner.json | cut -d' ' -f1)
cp -r source both
cp inner.json "both/blobs/sha256/$digest"
jq -n --arg digest "sha256:$digest" --argjson size "$(stat -c %s inner.json)" '{schemaVersion: 2, manifests: [
  {mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size, annotations: {"org.opencontainers.image.ref.name": "both"}}]}' >both/index.json
expect_same oci:both:both --arch amd64
"$SIFKIT" build -q -F arm.sif oci:both:both --arch arm64 2>/dev/null
[ "$("$SIFKIT" sif list --json arm.sif | jq -r '.objects[] | select(.partition == "*System") | .architecture')" = arm64 ]
if "$SIFKIT" build -q none.sif oci:both:both --arch s390x 2>log; then exit 1; fi
grep -q arm64 log

if ! command -v podman >/dev/null; then
  echo "$count sources, one image; podman is not here"
  exit 0
fi
pod=(podman --root "$work/storage" --runroot "$work/run" --storage-driver vfs --cgroup-manager cgroupfs --events-backend none)
if ! "${pod[@]}" load -q -i docker-archive.tar >log 2>&1; then
  echo "$count sources, one image; podman does not work here: $(tail -1 log)"
  exit 0
fi
name=$("${pod[@]}" images --format '{{.Repository}}:{{.Tag}}' | sed -n 1p)
for format in docker-archive oci-archive; do
  "${pod[@]}" save -q --format $format -o podman.$format.tar "$name"
  expect_same podman.$format.tar
done
"${pod[@]}" save -q --format oci-dir -o podman.dir "$name"
expect_same oci:podman.dir
"${pod[@]}" tag "$name" localhost/second:v2
"${pod[@]}" save -q -m -o several.tar "$name" localhost/second:v2
expect_same several.tar:localhost/second:v2
"${pod[@]}" save -q "$name" | { "$SIFKIT" build -q -F pipe.sif - && same_image first.sif pipe.sif; } || [ "$(configuration podman.docker-archive.tar)" != "$(configuration oci:source:x)" ]

"${pod[@]}" system service --time=0 "unix://$work/podman.sock" >"$work/service.log" 2>&1 &
service=$!
trap 'umount "$work/mnt" 2>/dev/null || true; kill $service 2>/dev/null || true; umount "$work/storage" 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -S podman.sock ] && break; sleep 0.1; done
export CONTAINER_HOST=unix://$work/podman.sock
expect_same "podman:$name"
DOCKER_HOST=$CONTAINER_HOST expect_same "docker-daemon:localhost/second:v2"
"$SIFKIT" images podman: | holds localhost/second:v2
echo "$count sources, one image"

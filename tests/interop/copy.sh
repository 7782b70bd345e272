#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Archives and layouts that copy writes, as skopeo and umoci read them.
. "$(dirname "$0")/lib.sh"
need python3 jq skopeo umoci
need_root

cd "$work"
export HOME=$work TMPDIR=$work
mkdir -p rootfs/{bin,etc,opt/directory,var}
cp /bin/true rootfs/bin/program
echo 'NAME=test' >rootfs/etc/os-release
seq 100000 >rootfs/opt/directory/numbers
chmod 4711 rootfs/opt/directory/numbers
chown 1234:4321 rootfs/opt/directory
ln rootfs/opt/directory/numbers rootfs/opt/again
ln -s ../bin/program rootfs/opt/link
truncate -s 3M rootfs/var/sparse
setfattr -n user.note -v text rootfs/etc/os-release 2>/dev/null || true
umoci init --layout source
umoci new --image source:x
umoci insert --image source:x rootfs/bin /bin
umoci insert --image source:x rootfs/etc /etc
umoci insert --image source:x rootfs/opt /opt
umoci insert --image source:x rootfs/var /var
umoci insert --image source:x --whiteout /opt/link
umoci config --image source:x --config.cmd /bin/program --config.env 'WORDS=a b' --created 2024-02-03T04:05:06Z --architecture amd64
copy() { skopeo --insecure-policy copy --quiet "$@" >/dev/null; }
digest() { skopeo inspect --raw "$1" | sha256sum; }

# From layers: the manifest is the same, and skopeo checks every digest when it copies.
wanted=$(digest oci:source:x)
"$SIFKIT" copy -q oci:source:x oci:layout:x
"$SIFKIT" copy -q oci:source:x oci-archive:archive.tar:x
"$SIFKIT" copy -q oci:source:x docker-archive:docker.tar:me/app:1
[ "$(digest oci:layout:x)" = "$wanted" ]
[ "$(digest oci-archive:archive.tar:x)" = "$wanted" ]
copy oci:layout:x dir:one
copy oci-archive:archive.tar:x dir:two
diff -r one two
copy docker-archive:docker.tar:me/app:1 oci:three:x
[ "$(skopeo inspect --config --raw oci:three:x | jq -c .rootfs)" = "$(skopeo inspect --config --raw oci:source:x | jq -c .rootfs)" ]

# Apptainer, where it is installed, extracts an archive before it reads it.
if command -v apptainer >/dev/null; then
  APPTAINER_CACHEDIR=$work/cache apptainer --quiet build --sandbox box oci-archive:archive.tar
  cmp rootfs/opt/directory/numbers box/opt/directory/numbers
fi

# Docker's manifest is not found in a layout, one of OCI with the same blobs is.
copy --format v2s2 oci:source:x dir:docker
"$SIFKIT" copy -q docker oci:as-it-is:x
if skopeo inspect --raw oci:as-it-is:x >/dev/null 2>&1; then exit 1; fi
"$SIFKIT" copy -q --format oci docker oci:of-oci:x
"$SIFKIT" copy -q --format oci docker oci-archive:of-oci.tar:x
copy oci:of-oci:x dir:three-blobs
copy oci-archive:of-oci.tar:x dir:four-blobs
diff -r three-blobs four-blobs
[ "$(skopeo inspect --config --raw oci:of-oci:x)" = "$(skopeo inspect --config --raw dir:docker)" ]

# From a SIF: one layer with the same files.
"$SIFKIT" build -q app.sif oci:source:x
"$SIFKIT" copy -q app.sif oci:layout:sif
umoci unpack --image source:x unpacked
umoci unpack --image layout:sif again
# A build adds what the runtime mounts over, if the image does not have it.
for added in dev etc/hosts etc/resolv.conf home proc root sys tmp var/tmp; do
  [ -e "unpacked/rootfs/$added" ] || rm -r "again/rootfs/$added"
done
for parent in . etc var; do touch -r "unpacked/rootfs/$parent" "again/rootfs/$parent"; done
same_trees "a SIF's image" unpacked/rootfs again/rootfs
[ "$(skopeo inspect --config oci:layout:sif | jq -c .config)" = "$(skopeo inspect --config oci:source:x | jq -c .config)" ]

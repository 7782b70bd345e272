#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Images that go to a real registry, with TLS and passwords, as skopeo and, where it is, Apptainer find them there.
. "$(dirname "$0")/lib.sh"
need skopeo python3 jq
start_registry
mkdir -p "$HOME/.config/containers/certs.d/$host"
cp "$work/certs/ca.crt" "$HOME/.config/containers/certs.d/$host/"

cd "$work"
python3 "$here/layer_stacks.py" 17 stack
"$SIFKIT" build -q app.sif oci:stack/layout 2>/dev/null
raw() { skopeo inspect --raw --cert-dir certs --creds "alice:$password" "docker://$host/$1"; }
digest_at() { raw "$1" | sha256sum | cut -d' ' -f1; }

code=0
"$SIFKIT" push -U app.sif "oras://$host/sif/app:1" 2>log || code=$?
[ $code -eq 11 ] && holds "unauthorized: authentication required" log || { echo "no password: $code"; cat log; exit 1; }
printf %s "$password" | "$SIFKIT" registry login -q --username alice --password-stdin "$host"

# A SIF file, as it is.
"$SIFKIT" push --debug app.sif "oras://$host/sif/app:1" --digestfile digest 2>log
if holds -F -e "$password" -e "$(printf 'alice:%s' "$password" | base64 -w0)" log; then echo "a log has the password"; exit 1; fi
[ "$(cat digest)" = "sha256:$(digest_at sif/app:1)" ]
[ "$(raw sif/app:1 | jq -r '.layers[0].digest')" = "sha256:$(sha256sum app.sif | cut -d' ' -f1)" ]
"$SIFKIT" pull -q back.sif "oras://$host/sif/app:1"
cmp app.sif back.sif

# An image of layers: the manifest stays what it is, and what a neighbour has is not sent again.
wanted=$(skopeo inspect --raw oci:stack/layout | sha256sum | cut -d' ' -f1)
"$SIFKIT" copy -q oci:stack/layout "docker://$host/team/app:1"
[ "$(digest_at team/app:1)" = "$wanted" ]
"$SIFKIT" copy --debug "docker://$host/team/app:1" "docker://$host/other/app:2" 2>log
[ "$(digest_at other/app:2)" = "$wanted" ]
if holds "PUT .*/blobs/" log; then echo "a blob was sent that is there"; cat log; exit 1; fi
skopeo copy -q --src-cert-dir certs --src-creds "alice:$password" "docker://$host/other/app:2" dir:fetched
[ "$(sha256sum fetched/manifest.json | cut -d' ' -f1)" = "$wanted" ]

# A SIF as an image, and an archive, whose layers have no digests of their own.
"$SIFKIT" build -q "docker://$host/from/sif:1" app.sif
skopeo copy -q --src-cert-dir certs --src-creds "alice:$password" "docker://$host/from/sif:1" docker-archive:sif.tar:from/sif:1
"$SIFKIT" copy -q sif.tar "docker://$host/from/archive:1"
[ "$(raw from/archive:1 | jq -r .config.digest)" = "$(raw from/sif:1 | jq -r .config.digest)" ]

# An index with all that it lists, as skopeo copies it.
python3 "$here/layer_stacks.py" 18 other
"$SIFKIT" copy -q oci:stack/layout oci:both:a
"$SIFKIT" copy -q oci:other/layout oci:both:b
jq -c '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
  (.manifests[0] | del(.annotations) | .platform = {os: "linux", architecture: "amd64"}),
  (.manifests[1] | del(.annotations) | .platform = {os: "linux", architecture: "arm64"})]}' both/index.json >index
all=$(sha256sum index | cut -d' ' -f1)
cp index "both/blobs/sha256/$all"
jq -c --arg digest "sha256:$all" --argjson size "$(stat -c %s index)" '.manifests = [{
  mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size,
  annotations: {"org.opencontainers.image.ref.name": "all"}}]' both/index.json >new.json
mv new.json both/index.json
"$SIFKIT" copy -q --all oci:both:all "docker://$host/all/app:1"
[ "$(digest_at all/app:1)" = "$all" ]
skopeo copy -q --all --src-cert-dir certs --src-creds "alice:$password" "docker://$host/all/app:1" dir:fetched-all
[ "$(sha256sum fetched-all/manifest.json | cut -d' ' -f1)" = "$all" ]
"$SIFKIT" copy -q --all "docker://$host/all/app:1" oci-archive:all.tar:1
[ "$(tar -xOf all.tar index.json | jq -r '.manifests[0].digest')" = "sha256:$all" ]
skopeo copy -q --all oci-archive:all.tar:1 dir:archived
diff -r archived fetched-all

# registries.conf says where what is pushed goes, and where nothing does.
export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
printf '[[registry]]\nprefix = "push.example/team"\nlocation = "%s/mapped"\n[[registry]]\nprefix = "%s/closed"\nblocked = true\n' \
  "$host" "$host" >"$CONTAINERS_REGISTRIES_CONF"
"$SIFKIT" push -q -U app.sif oras://push.example/team/app:1
"$SIFKIT" copy -q oci:stack/layout docker://push.example/team/layers:1
[ "$(raw mapped/app:1 | jq -r '.layers[0].digest')" = "sha256:$(sha256sum app.sif | cut -d' ' -f1)" ]
[ "$(digest_at mapped/layers:1)" = "$wanted" ]
code=0
"$SIFKIT" push -q -U app.sif "oras://$host/closed/app:1" 2>log || code=$?
[ $code -eq 11 ] && holds "is blocked in" log || { echo "a blocked registry: $code"; cat log; exit 1; }
unset CONTAINERS_REGISTRIES_CONF

# A registry that dies while it is sent something, and comes back.
head -c 60000000 /dev/urandom >big
mkdir root
mv big root/big
"$SIFKIT" build -q --compress none big.sif dir:root 2>/dev/null
"$SIFKIT" push -q -U --retries 20 big.sif "oras://$host/sif/big:1" &
pushing=$!
for _ in $(seq 1000); do
  find store -path '*_uploads*' -name data -size +1M 2>/dev/null | holds . && break
done
kill -9 $registry
wait $registry 2>/dev/null || true
serve_registry
wait $pushing
"$SIFKIT" pull -q -F back.sif "oras://$host/sif/big:1"
cmp big.sif back.sif
echo "what was sent is there"

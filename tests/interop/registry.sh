#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Images of a real registry, with TLS and passwords: what skopeo has pushed there is what the archive of it is.
. "$(dirname "$0")/lib.sh"
need skopeo python3 jq
start_registry

python3 "$here/layer_stacks.py" 17 "$work/stack"
skopeo copy -q --dest-cert-dir "$work/certs" --dest-creds "alice:$password" "oci:$work/stack/layout" "docker://$host/team/app:1"
skopeo copy -q --src-cert-dir "$work/certs" --src-creds "alice:$password" "docker://$host/team/app:1" "oci-archive:$work/app.tar:app:1"
"$SIFKIT" build -q "$work/archive.sif" "oci-archive:$work/app.tar" 2>/dev/null

# Nothing is known of the registry yet.
code=0
"$SIFKIT" build "$work/x.sif" "docker://$host/team/app:1" --retries 0 2>"$work/log" || code=$?
[ $code -eq 12 ] && holds -i "certificate" "$work/log" || { echo "an unknown authority: $code"; cat "$work/log"; exit 1; }
mkdir -p "$HOME/.config/containers/certs.d/$host"
cp "$work/certs/ca.crt" "$HOME/.config/containers/certs.d/$host/"
code=0
"$SIFKIT" build "$work/x.sif" "docker://$host/team/app:1" 2>"$work/log" || code=$?
[ $code -eq 11 ] && holds "unauthorized: authentication required" "$work/log" || { echo "no password: $code"; cat "$work/log"; exit 1; }
[ ! -e "$work/x.sif" ] || { echo "something is written"; exit 1; }

SIFKIT_DOCKER_USERNAME=alice SIFKIT_DOCKER_PASSWORD=$password \
  "$SIFKIT" build --debug --verify-after "$work/x.sif" "docker://$host/team/app:1" 2>"$work/log" || { cat "$work/log"; exit 1; }
if holds -F -e "$password" -e "$(printf 'alice:%s' "$password" | base64 -w0)" "$work/log"; then echo "a log has the password"; exit 1; fi
same_image "$work/archive.sif" "$work/x.sif"
digest=$("$SIFKIT" images --json --creds "alice:$password" "docker://$host/team/app:1" | jq -r '.images[0].manifest_digest')
[ "$digest" = "$(skopeo inspect --cert-dir "$work/certs" --creds "alice:$password" "docker://$host/team/app:1" | jq -r .Digest)" ]
"$SIFKIT" build -q -F "$work/y.sif" --creds "alice:$password" "docker://$host/team/app:gone@$digest" 2>/dev/null
same_image "$work/archive.sif" "$work/y.sif"
# What skopeo's login leaves, and what Docker's leaves.
printf %s "$password" | skopeo login --cert-dir "$work/certs" --authfile "$HOME/.config/containers/auth.json" -u alice \
  --password-stdin "$host" >/dev/null
"$SIFKIT" build -q -F "$work/y.sif" "docker://$host/team/app:1" 2>/dev/null
same_image "$work/archive.sif" "$work/y.sif"
mkdir -p "$HOME/.docker"
mv "$HOME/.config/containers/auth.json" "$HOME/.docker/config.json"
"$SIFKIT" build -q -F "$work/y.sif" "docker://$host/team/app:1" 2>/dev/null
same_image "$work/archive.sif" "$work/y.sif"
echo "an image of the registry is that of the archive"

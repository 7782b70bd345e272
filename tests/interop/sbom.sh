#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SBOMs against the package manager's own list, real databases of rpm, and the validators of the two formats.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need jq
tried=0

packages() { jq -r --arg type "pkg:$1/" '.components[] | select(.purl // "" | startswith($type)) | [.name, .version] | join(" ")' | sort; }

if command -v dpkg-query >/dev/null && [ -s /var/lib/dpkg/status ]; then
  tried=1
  mkdir -p "$work/deb/var/lib/dpkg" "$work/deb/etc"
  cp /var/lib/dpkg/status "$work/deb/var/lib/dpkg/"
  cp /etc/os-release "$work/deb/etc/"
  dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' | grep -Ev ' (not-installed|config-files)$' | cut -d' ' -f1,2 | sort >"$work/theirs"
  "$SIFKIT" sbom gen -q --format cyclonedx "dir:$work/deb" | packages deb >"$work/ours"
  [ -s "$work/ours" ]
  diff "$work/theirs" "$work/ours"
fi

# What rpm lists of them, without its keys.
rpmdb=$(go env GOMODCACHE 2>/dev/null || true)/github.com/anchore/go-rpmdb@v0.2.2/pkg/testdata
if [ -d "$rpmdb" ]; then
  tried=1
  for expected in centos5-plain=110 centos6-plain=129 centos7-plain=144 centos8-modularitylabel=517 ubi8-s390x=181 libuuid=1 \
    fedora35=137 rockylinux-9=142 oraclelinux-9=186 cbl-mariner-2.0=129 sle15-bci=35; do
    name=${expected%=*}
    mkdir -p "$work/$name/var/lib/rpm"
    cp "$rpmdb/$name"/* "$work/$name/var/lib/rpm/"
    found=$("$SIFKIT" sbom gen -q --format cyclonedx "dir:$work/$name" | packages rpm | wc -l)
    [ "$found" -eq "${expected#*=}" ] || { echo "$name: $found packages, expected ${expected#*=}"; exit 1; }
  done
fi

if [ -d "$work/deb" ] && python3 -c 'import cyclonedx.validation.json' 2>/dev/null; then
  tried=1
  "$SIFKIT" sbom gen -q --format cyclonedx "dir:$work/deb" >"$work/cyclonedx.json"
  python3 - "$work/cyclonedx.json" <<'PYTHON'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(f"not valid: {error}" if error else 0)
PYTHON
fi
if [ -d "$work/deb" ] && command -v pyspdxtools >/dev/null; then
  "$SIFKIT" sbom gen -q "dir:$work/deb" >"$work/document.spdx.json"
  pyspdxtools -i "$work/document.spdx.json"
fi
[ "$tried" -eq 1 ] || skip "neither dpkg, nor go-rpmdb's databases, nor a validator"

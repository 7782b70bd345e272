#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# SBOMs against syft's of the same roots: nothing that it finds is missing. Left out are what is no installed package: keys
# of rpm, packages of dpkg that are not there any more, virtual packages of apk, bundled copies and remains of Python's.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need syft jq
export SYFT_CHECK_FOR_APP_UPDATE=false
tried=0

# purl of each package without what the two write in ways of their own: where a Go package lies in its module, letters of
# its name, the groups of Java and that there are none, Bioconductor; what has no version says nothing.
ours() { "$SIFKIT" sbom gen -q --format cyclonedx "dir:$1" | jq -r '.components[].purl // empty'; }
theirs() { syft scan -q --override-default-catalogers image -o cyclonedx-json "dir:$1" | jq -r '.components[].purl // empty'; }
plain() {
  sed -E 's,^(pkg:golang/[^@]*)@([^?#]*)(\?[^#]*)?#(.*)$,\1/\4@\2,; s,[?#].*,,; s,%40,@,g; s,%2B,+,g; s,%3A,:,g
    s,^pkg:golang/(.*)$,pkg:golang/\L\1,; s,^pkg:generic/,pkg:maven/,; s,^pkg:maven/.*/,pkg:maven/,; s,^pkg:bioconductor/,pkg:cran/,; s,-jar-with-dependencies$,,' | grep '@' | grep -v '/gpg-pubkey@' | sort -u
}

compare() {
  tried=1
  ours "$1" | plain >"$work/ours"
  theirs "$1" | plain >"$work/theirs"
  [ -s "$work/theirs" ] || { echo "$1: syft finds nothing"; exit 1; }
  # A file's name may go on behind that of the artifact (a classifier): theirs is no other package then.
  awk 'NR == FNR { at = match($0, /@[^@]*$/); ours[substr($0, 1, at - 1), substr($0, at)] = 1; next }
    { at = match($0, /@[^@]*$/); name = substr($0, 1, at - 1); version = substr($0, at)
      found = !/^pkg:maven/ ? ((name, version) in ours) : 0
      while (!found && name != "") { found = ((name, version) in ours); if (!sub(/-[^-]*$/, "", name)) break }
      if (!found) print }' "$work/ours" "$work/theirs" >"$work/missing"
  if grep . "$work/missing"; then
    echo "$1: syft lists these, sifkit does not"
    exit 1
  fi
}

if [ -s /var/lib/dpkg/status ]; then
  root=$work/debian
  mkdir -p "$root/var/lib/dpkg" "$root/etc" "$root/usr/lib"
  awk -v RS= -v ORS='\n\n' '/\nStatus: [a-z]+ [a-z]+ installed\n/' /var/lib/dpkg/status >"$root/var/lib/dpkg/status"
  cp /etc/os-release "$root/etc/"
  for folder in /usr/lib/python3/dist-packages /usr/local/lib/python3*/dist-packages /usr/lib/node_modules /usr/share/nodejs; do
    [ -d "$folder" ] || continue
    (cd / && find ".$folder" \( -name METADATA -o -name PKG-INFO -o -name RECORD -o -name top_level.txt -o -name package.json \) -not -path '*/_vendor/*' -print0 |
      tar -cf - --null -T -) | tar -xf - -C "$root"
  done
  compare "$root"
fi

program=$(command -v syft)
mkdir -p "$work/go/usr/bin"
cp "$(readlink -f "$program")" "$work/go/usr/bin/program"
[ "$(head -c 2 "$work/go/usr/bin/program")" = "#!" ] || compare "$work/go"

jars=$(find /usr/share/java -name '*-[0-9]*.jar' -type f 2>/dev/null || true)
if [ -n "$jars" ]; then
  mkdir -p "$work/java/opt/lib"
  while read -r jar; do cp "$jar" "$work/java/opt/lib/"; done <<<"$jars"
  compare "$work/java"
fi
[ "$tried" -eq 1 ] || skip "no packages of dpkg, no Go program, no jar"

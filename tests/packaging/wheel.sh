#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# wheel.sh SOURCE PROGRAM LIBRARY: packs them into a wheel twice, installs it by pip into a directory of its own, and uses it.
set -euo pipefail
source=$1 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip --version >/dev/null 2>&1 || { echo "test skipped: no pip"; exit 0; }
strip -o "$work/sifkit" "$2"
strip -o "$work/library" "$3"
tag=linux_$(uname -m)
for time in first second; do
  (umask "$([ $time = first ] && echo 022 || echo 077)"
   "$source/scripts/wheel" --platform "$tag" --program "$work/sifkit" --library "$work/library" --out "$work/$time" >"$work/$time.name")
done
wheel=$(cat "$work/first.name")
cmp "$wheel" "$(cat "$work/second.name")"
python3 -m pip install --quiet --no-index --no-deps --no-compile --disable-pip-version-check --root-user-action=ignore --target "$work/site" "$wheel"
[ "$("$work/site/bin/sifkit" version | head -n 1)" = "sifkit $(python3 -m zipfile -l "$wheel" | sed -n 's,^sifkit-\([0-9.]*\)\.dist-info/RECORD.*,\1,p')" ]
env -u SIFKIT_PYTHON_LIBRARY PYTHONPATH="$work/site" python3 -B -m unittest discover -q -s "$source/python/tests"
echo "the wheel: all as expected"
